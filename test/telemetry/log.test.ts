import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { createLog, type LogLevel } from '../../src/telemetry/log.ts';

const makeLog = (level: LogLevel = 'debug') => {
  const lines: Record<string, unknown>[] = [];
  return { lines, log: createLog({ level, destination: { write: (line) => lines.push(JSON.parse(line)) } }) };
};

const module = new URL('../../src/telemetry/log.ts', import.meta.url).href;

/** Arguments of a process that does this with a `log` on its standard output and a `mebibyte` of text. */
const programOf = (body: string): readonly string[] => [
  '--input-type=module',
  '--eval',
  `import { createLog } from ${JSON.stringify(module)}; const log = createLog({ level: 'info' }); const mebibyte = 'x'.repeat(2 ** 20); ${body}`,
];
const twentyMebibytes = "for (let i = 0; i < 20; i += 1) log.info({ i, mebibyte }, 'line');";

describe('createLog', () => {
  it('writes the level as a word, the time in ISO 8601, the message and the fields', () => {
    const { log, lines } = makeLog();
    log.info({ trace_id: 't', request_id: 'r', prediction_id: 'p', port: 8080 }, 'listening');
    expect(lines).toEqual([
      {
        level: 'info',
        time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
        msg: 'listening',
        trace_id: 't',
        request_id: 'r',
        prediction_id: 'p',
        port: 8080,
      },
    ]);
  });

  it('writes only its level and above', () => {
    const { log, lines } = makeLog('warn');
    log.debug({}, 'a');
    log.info({}, 'b');
    log.warn({}, 'c');
    log.error({}, 'd');
    expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
      ['warn', 'c'],
      ['error', 'd'],
    ]);
  });

  it("puts a child's fields into every line of the child", () => {
    const { log, lines } = makeLog();
    log.child({ request_id: 'r' }).child({ model: 'm' }).info({}, 'a');
    log.info({}, 'b');
    expect(lines).toMatchObject([{ request_id: 'r', model: 'm', msg: 'a' }, { msg: 'b' }]);
    expect(lines[1]).not.toHaveProperty('request_id');
  });

  it.each([
    ['at the top', { authorization: 'Bearer secret-1' }],
    ['in headers', { headers: { authorization: 'Bearer secret-1', 'proxy-authorization': 'secret-1', cookie: 'secret-1', 'x-api-key': 'secret-1' } }],
    ["in a request's headers", { request: { headers: { authorization: 'Bearer secret-1', 'set-cookie': 'secret-1' } } }],
    ['as a caller wrote them', { headers: { Authorization: 'Bearer secret-1' } }],
  ])('hides credentials %s', (_, fields) => {
    const { log, lines } = makeLog();
    log.info({ ...fields, host: 'kept' }, 'request');
    log.child(fields).info({ host: 'kept' }, 'request');
    expect(lines).toHaveLength(2);
    expect(JSON.stringify(lines)).not.toContain('secret-1');
    expect(lines).toMatchObject([{ host: 'kept' }, { host: 'kept' }]);
  });

  it('writes an error with its stack and its cause', () => {
    const { log, lines } = makeLog();
    log.error({ err: new Error('outer', { cause: new Error('inner') }) }, 'failed');
    expect(lines).toMatchObject([{ err: { type: 'Error', message: expect.stringContaining('inner'), stack: expect.stringContaining('log.test.ts') } }]);
  });

  it.each([
    ['a normal end', '', 0],
    ['process.exit', 'process.exit(3)', 3],
    ['an uncaught error', 'throw new Error("crash")', 1],
    ['an unhandled rejection', 'Promise.reject(new Error("crash"))', 1],
  ])('loses no line at %s', (_, ending, status) => {
    const child = spawnSync(process.execPath, programOf(`for (let i = 0; i < 500; i += 1) log.info({ i }, 'line'); ${ending}`), { encoding: 'utf8' });
    const lines = child.stdout.trimEnd().split('\n');
    expect(child.status).toBe(status);
    // In any order: what is being written in the background when the process ends may come after what is flushed then.
    expect(new Set(lines.map((line) => JSON.parse(line).i))).toEqual(new Set(Array.from({ length: 500 }, (_value, index) => index)));
    expect(lines).toHaveLength(500);
  });

  it('keeps 16 MiB for a reader that is behind, and says then how many lines it dropped', () => {
    const child = spawnSync(process.execPath, programOf(twentyMebibytes), {
      encoding: 'utf8',
      maxBuffer: 2 ** 26,
      timeout: 20_000,
    });
    const lines = child.stdout.trimEnd().split('\n');
    expect(lines.slice(0, -1).map((line) => JSON.parse(line).i)).toEqual(Array.from({ length: 15 }, (_value, index) => index));
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ level: 'warn', lines: 5, msg: 'log lines were dropped: standard output took no more' });
  });

  it.each([
    ['after a burst', 'process.exit(3)', 3],
    ['when it has waited for the reader', 'setTimeout(() => process.exit(0), 300)', 0],
  ])('lets the process end %s although nobody reads', async (_, ending, status) => {
    const child = spawn(process.execPath, programOf(`${twentyMebibytes} ${ending}`), {
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 20_000,
    });
    const stderr = text(child.stderr);
    const [code] = await once(child, 'exit');
    child.stdout.destroy();
    expect({ code, stderr: await stderr }).toEqual({ code: status, stderr: '' });
  });
});
