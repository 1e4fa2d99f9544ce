import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, closeSync, constants, openSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

const start = (words: readonly string[], stdout: 'pipe' | number) => spawn(process.execPath, [cli, ...words], { stdio: ['ignore', stdout, 'pipe'] });

const ended = async (child: ReturnType<typeof start>) => {
  const [stderr, [exitCode]] = await Promise.all([text(child.stderr as Readable), once(child, 'close')]);
  return { exitCode, stderr };
};

test('a command whose output nobody reads ends with its own exit code, and without a stack', async () => {
  for (const words of [['diff', 'card-fraud', '1.4.0', '1.4.0'], ['--help']]) {
    const child = start(words, 'pipe');
    child.stdout?.destroy();
    const { exitCode, stderr } = await ended(child);
    expect(exitCode).toBe(0);
    expect(stderr).not.toContain('Error');
  }
});

test.runIf(process.platform === 'linux')('a command whose output finds no space says so in a sentence, and ends with 3', async () => {
  const full = openSync('/dev/full', 'w');
  const child = start(['diff', 'card-fraud', '1.4.0', '1.4.0'], full);
  closeSync(full);
  expect(await ended(child)).toEqual({ exitCode: 3, stderr: expect.stringMatching(/^(.*\n)?ENOSPC: no space left on device, write\n$/) });
});

test('a command that the file system lets down says so in a sentence, and ends with 3', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'handoff-program-'));
  const file = join(folder, 'a-file');
  await writeFile(file, '');
  const child = start(['init', 'test/fixtures/foreign-models/logistic.onnx', '--model', 'logistic', '--out', file], 'pipe');
  expect(await ended(child)).toEqual({ exitCode: 3, stderr: expect.stringMatching(/^ENOTDIR: not a directory, .*\n$/) });
  await rm(folder, { recursive: true });
});

test('a command that is asked for wrongly ends with 2, one that is asked for help with 0', async () => {
  expect((await ended(start(['rehearse'], 'pipe'))).exitCode).toBe(2);
  expect((await ended(start(['rehearse', '--help'], 'pipe'))).exitCode).toBe(0);
});

test('a clone has the command executable: npm sets its mode when it links it, and links it once', () => {
  expect(() => accessSync(cli, constants.X_OK)).not.toThrow();
});
