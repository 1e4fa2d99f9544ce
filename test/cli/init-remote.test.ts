/** `handoff init --remote` against servers that list more, less or other than it needs. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { initCommand } from '../../src/cli/init.ts';
import { runCommand } from '../support/run-command.ts';

interface Asked {
  readonly id?: string;
  readonly inputs: readonly { readonly shape: readonly number[]; readonly data: readonly number[] }[];
}

const tensor = (name: string) => ({ name, datatype: 'FP32', shape: [-1, 2] });
const described = { inputs: [tensor('x')], outputs: [tensor('y')] };
const sampleRequest = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] };

let out = '';
let running: Server | null = null;
let paths: string[] = [];

/** A server whose model gives its input back, or answers a run with another text. */
const serve = async (metadata: object, infer = (asked: Asked): string => JSON.stringify({ id: asked.id, outputs: [{ ...asked.inputs[0], name: 'y' }] })) => {
  const answerOf = async (request: IncomingMessage): Promise<string> => {
    paths.push(request.url ?? '');
    if (request.url === '/v2') return JSON.stringify({ name: 'test', version: '1', extensions: [] });
    if (request.url?.endsWith('/infer') !== true) return JSON.stringify({ name: 'm', platform: 'test', ...metadata });
    return infer((await json(request)) as Asked);
  };
  running = createServer((request, response) => void answerOf(request).then((text) => response.end(text)));
  await new Promise<void>((resolve) => running?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(running.address() as AddressInfo).port}`;
};

const init = (url: string, ...words: readonly string[]) => runCommand(initCommand, ['--remote', url, '--model', 'm', '--out', out, ...words]);
const manifestOf = async (version: string) => parse(await readFile(join(out, 'models/m', version, 'handoff.yaml'), 'utf8')) as { readonly remote: object };
const sample = async (): Promise<readonly string[]> => {
  await writeFile(join(out, 'sample.json'), JSON.stringify(sampleRequest));
  return ['--sample', join(out, 'sample.json')];
};

beforeEach(async () => {
  out = await mkdtemp(join(tmpdir(), 'init-remote-'));
  paths = [];
});
afterEach(async () => {
  running?.closeAllConnections();
  running?.close();
  await rm(out, { recursive: true });
});

describe('a version', () => {
  it('that the server does not have is refused, with those that it has', async () => {
    const url = await serve({ versions: ['1', '2'], ...described });
    const { exitCode, stderr } = await init(url, '--version', '3');
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: `--version: got 3, expected one that ${url} has of m: 1, 2\n` });
    expect(await readdir(out)).toEqual([]);
  });

  it('that the server has in other words is asked for in its words', async () => {
    const url = await serve({ versions: ['1', '2'], ...described });
    expect(await init(url, '--version', '2.0.0')).toMatchObject({ exitCode: 0 });
    expect(await manifestOf('2.0.0')).toMatchObject({ remote: { url, model: 'm', version: '2' } });
    expect(paths.filter((path) => path.endsWith('/infer') && !path.includes('/versions/2/'))).toEqual([]);
  });

  it.each([[undefined], [null], [[]]])('is only the name of the bundle where the server lists none (%j)', async (versions) => {
    const url = await serve({ versions, ...described });
    expect(await init(url, '--version', '3')).toMatchObject({ exitCode: 0 });
    expect((await manifestOf('3.0.0')).remote).toEqual({ url, model: 'm' });
  });

  it('is what the only version is called that no bundle can be called after', async () => {
    const url = await serve({ versions: ['latest'], ...described });
    expect(await init(url)).toMatchObject({ exitCode: 1, stderr: expect.stringContaining('give --version') });
    expect(await init(url, '--version', '3')).toMatchObject({ exitCode: 0 });
    expect((await manifestOf('3.0.0')).remote).toEqual({ url, model: 'm', version: 'latest' });
  });
});

describe('a server that lists no tensors', () => {
  it('is described by the sample and its answer, and is told an id, which models of KServe give back', async () => {
    const ids: unknown[] = [];
    const url = await serve({}, (asked) => {
      ids.push(asked.id);
      return JSON.stringify({ id: asked.id, outputs: [{ ...asked.inputs[0], name: 'y' }] });
    });
    expect(await init(url, ...(await sample()))).toMatchObject({ exitCode: 0 });
    expect(ids.every((id) => typeof id === 'string')).toBe(true);
  });

  it.each([
    ['no JSON', '<html>Sign in</html>', '<html>Sign in</html>'],
    ['no object', 'null', 'null'],
    ['no list', '{"outputs":{"y":[1]}}', '{"outputs":{"y":[1]}}'],
    ['no outputs', '{"outputs":[]}', '{"outputs":[]}'],
    ['outputs without a shape', '{"outputs":[{"name":"y","datatype":"FP32","data":[1]}]}', '{"outputs":[{"name":"y","datatype":"FP32","data":[1]}]}'],
    ['a shape of a value alone', '{"outputs":[{"name":"y","datatype":"FP32","shape":[],"data":[1]}]}', 'got shape [], expected -1'],
    ['far more than a message has room for', `{"outputs":"${'y'.repeat(5_000)}"}`, `{"outputs":"${'y'.repeat(188)}…\n`],
  ])('and answers the sample with %s is refused with what it answered', async (_, answer, said) => {
    const url = await serve({}, () => answer);
    const { exitCode, stderr } = await init(url, ...(await sample()));
    expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining(said) });
    expect(stderr.length).toBeLessThan(500);
  });
});
