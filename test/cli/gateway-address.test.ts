import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { rolloutCommand } from '../../src/cli/rollout.ts';
import { smokeCommand } from '../../src/cli/smoke.ts';
import { freePort } from '../support/free-port.ts';
import { runCommand } from '../support/run-command.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handoff-address-'));
});
afterAll(() => rm(folder, { recursive: true }));

const commands = [
  { name: 'rollout get', make: rolloutCommand, words: ['get'], option: '--admin-url' },
  { name: 'smoke', make: smokeCommand, words: ['search-ranker'], option: '--url' },
];

describe.each(commands)('handoff $name', ({ make, words, option }) => {
  const run = (...more: readonly string[]) => runCommand(make, [...words, ...more]);

  it.each([
    { what: 'two lines', text: 'top-secret\nanother-secret\n' },
    { what: 'a blank', text: 'top secret' },
    { what: 'letters beyond ASCII', text: 'top-secr\u00e9t' },
    { what: 'nothing', text: '\n' },
  ])('ends with 2 for a key file with $what, and says nothing of what is in it', async ({ text }) => {
    const file = join(folder, 'key');
    await writeFile(file, text);
    expect(await run(option, 'http://127.0.0.1:1', '--key-file', file)).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: `--key-file: ${file} is expected to hold one key and nothing else: printable ASCII without blanks, on one line\n`,
      usage: null,
    });
  });

  it.each(['http://olga:top-secret@127.0.0.1:1', 'http://top-secret@127.0.0.1:1/', 'olga:top-secret@127.0.0.1'])(
    'ends with 2 for an address with a password, and does not repeat it',
    async (url) => {
      const { exitCode, stdout, stderr } = await run(option, url);
      expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
      expect(stderr).toBe(`${option}: expected an address without a user and password in it; a key is given by --key-file\n`);
    },
  );

  it.each(['localhost:8080', 'ftp://127.0.0.1/', ''])('ends with 2 for %j, which is no address', async (url) => {
    const { exitCode, stderr } = await run(option, url);
    expect({ exitCode, stderr }).toEqual({ exitCode: 2, stderr: `${option}: got ${url}, expected an address like http://127.0.0.1:8081\n` });
  });

  it('ends with 3 and the reason when nobody answers', async () => {
    const { exitCode, stdout, stderr } = await run(option, `http://127.0.0.1:${await freePort()}`);
    expect(exitCode).toBe(3);
    expect(stdout + stderr).toContain('ECONNREFUSED');
  });
});
