import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';

const cli = fileURLToPath(new URL('../../src/cli.js', import.meta.url));

/** Whoever is not root may not write everywhere. */
const nobody = 65_534;

const serve = (dataDir: string, user: { readonly uid?: number } = {}) => {
  const child = spawn(process.execPath, [cli, 'serve', '--port', '0', '--admin-port', '0', '--data-dir', dataDir], {
    stdio: ['ignore', 'ignore', 'pipe'],
    ...user,
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const ended = Promise.all([text(child.stderr), once(child, 'close')]).then(([stderr, [exitCode]]) => ({ exitCode, stderr }));
  return { child, ended };
};

describe('a data directory that cannot be written', () => {
  it('ends the command with 3 and a sentence that says who needs what', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'handoff-serve-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    await chmod(folder, 0o555);
    const uid = process.getuid?.() === 0 ? nobody : process.getuid?.();
    const dataDir = join(folder, 'data');
    expect(await serve(dataDir, uid === undefined ? {} : { uid }).ended).toEqual({
      exitCode: 3,
      stderr: `the data directory ${dataDir} cannot be opened: EACCES: permission denied, mkdir '${dataDir}'; the gateway, which runs as user ${uid}, needs a folder in which it can write\n`,
    });
  });
});

/** Linux answers the making of a folder there so that Node tries again for ever, in the store's thread: like a disk that hangs. */
const hangingFolder = '/proc/handoff-hangs';

const threadsOf = ({ pid }: ChildProcess): readonly string[] =>
  readdirSync(`/proc/${pid}/task`).map((thread) => readFileSync(`/proc/${pid}/task/${thread}/comm`, 'utf8').trim());

describe.runIf(process.platform === 'linux')('while a store that hangs is opened', () => {
  const opening = async () => {
    const { child, ended } = serve(hangingFolder);
    await expect.poll(() => threadsOf(child), { interval: 20, timeout: 30_000 }).toContain('store');
    return { child, ended };
  };

  it('SIGTERM ends the command with 3 in bounded time, and it says why', async () => {
    const { child, ended } = await opening();
    child.kill('SIGTERM');
    expect(await ended).toEqual({ exitCode: 3, stderr: 'the gateway is still starting 8 s after it was asked to end: its data folder may not answer\n' });
  });

  it('a second signal ends it at once', async () => {
    const { child, ended } = await opening();
    // One each look: the second must not come before the first was heard, and a third would end what the process becomes.
    const signals = ['SIGTERM', 'SIGINT'] as const;
    let sent = 0;
    const endOf = () => {
      const signal = signals[sent];
      sent += 1;
      if (signal !== undefined) child.kill(signal);
      return child.exitCode;
    };
    await expect.poll(endOf, { interval: 1_000, timeout: 7_000 }).toBe(130);
    expect((await ended).stderr).toBe('');
  });
});
