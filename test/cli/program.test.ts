import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

/** Runs a command whose reader is gone before it says anything. */
const unread = async (...words: readonly string[]) => {
  const child = spawn(process.execPath, [cli, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  child.stdout.destroy();
  let stderr = '';
  child.stderr.on('data', (bytes: Buffer) => {
    stderr += bytes.toString();
  });
  const [exitCode] = await once(child, 'close');
  return { exitCode, stderr };
};

test('a command whose output nobody reads ends with its own exit code, and without a stack', async () => {
  for (const words of [['diff', 'card-fraud', '1.4.0', '1.4.0'], ['--help']]) {
    const { exitCode, stderr } = await unread(...words);
    expect(exitCode).toBe(0);
    expect(stderr).not.toContain('Error');
  }
});

test('a clone has the command executable: npm sets its mode when it links it, and links it once', () => {
  expect(() => accessSync(cli, constants.X_OK)).not.toThrow();
});
