/** `npm run demo`, as a newcomer runs it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, expect, test } from 'vitest';
import { processIsAlive } from '../support/process-is-alive.ts';

const script = new URL('../../demo/demo.ts', import.meta.url).pathname;
/** The demonstration takes less than a minute; tests share their machine. */
const longestMs = 240_000;

let child: ChildProcess | null = null;
afterEach(() => void child?.kill('SIGKILL'));

const start = () => {
  const started = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] });
  child = started;
  const lines: string[] = [];
  const output = createInterface({ input: started.stdout });
  output.on('line', (line) => lines.push(line));
  /** The first line that matches, once it is there. */
  const line = async (words: RegExp): Promise<string> => {
    await expect.poll(() => lines.some((entry) => words.test(entry)), { timeout: longestMs }).toBe(true);
    return lines.find((entry) => words.test(entry)) ?? '';
  };
  return { started, lines, line };
};

test('a bad candidate is rolled back and a good one promoted, and no answer is wrong', { timeout: longestMs }, async () => {
  const { started, lines } = start();
  const [code] = await once(started, 'exit');
  const text = lines.join('\n');
  expect(text).toMatch(
    /Rolled back: \d+ of [\d,]+ candidate requests had their output rejected against 0 of [\d,]+ on the baseline, beyond the allowed \+2 points .* needed 100\./,
  );
  expect(text).toMatch(/What it cost: \d+ of [\d,]+ requests went to the candidate, \d+ of them were rescued by 1\.4\.0; wrong answers: none\./);
  expect(text).toContain('2.0.0 is the baseline now: the bake is over and nothing is worse');
  expect(code).toBe(0);
});

test('an interruption ends with 130 and leaves no process', { timeout: longestMs }, async () => {
  const { started, line } = start();
  const adminUrl = /admin port: (\S+)\)/.exec(await line(/admin port/))?.[1] ?? '';
  await line(/progressing/);
  const details = await Promise.all(['1.4.0', '2.1.0'].map(async (version) => (await fetch(`${adminUrl}/models/card-fraud/${version}`)).json()));
  const workers = (details as readonly { readonly worker_pid: number | null }[]).flatMap(({ worker_pid: pid }) => pid ?? []);
  expect(workers.length).toBeGreaterThan(0);
  const exited = once(started, 'exit');
  started.kill('SIGINT');
  expect(await exited).toEqual([130, null]);
  await expect(fetch(adminUrl)).rejects.toThrow();
  await expect.poll(() => workers.filter(processIsAlive)).toEqual([]);
});
