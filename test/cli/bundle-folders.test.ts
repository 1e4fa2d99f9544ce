import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkCommand } from '../../src/cli/check.ts';
import { signCommand } from '../../src/cli/sign.ts';
import { smokeCommand } from '../../src/cli/smoke.ts';
import { verifyCommand } from '../../src/cli/verify.ts';
import { runCommand } from '../support/run-command.ts';

let empty = '';
beforeAll(async () => {
  empty = await mkdtemp(join(tmpdir(), 'handoff-no-bundles-'));
});
afterAll(() => rm(empty, { recursive: true }));

describe.each([
  { name: 'check', make: checkCommand, flags: [] },
  { name: 'smoke', make: smokeCommand, flags: [] },
  { name: 'sign', make: signCommand, flags: ['--key', 'no-such-key.pem'] },
  { name: 'verify', make: verifyCommand, flags: ['--key', 'no-such-key.pem'] },
])('names given to handoff $name', ({ make, flags }) => {
  const run = (...words: readonly string[]) => runCommand(make, [...words, ...flags, '--json']);

  it('are looked up before anything is done: one that is no bundle ends the command with 3, with what there is', async () => {
    const { exitCode, stdout, stderr } = await run('card-fraud/1.4.0', 'card-fraud/2.0.1', 'search-ranker', 'serch-ranker');
    expect({ exitCode, stdout }).toEqual({ exitCode: 3, stdout: '' });
    expect(stderr).toMatch(/^no bundle card-fraud\/2\.0\.1, serch-ranker in models: there are card-fraud\/1\.4\.0, card-fraud\/2\.0\.0, .+\n$/);
  });

  it('mean nothing in a folder without bundles', async () => {
    expect(await run('card-fraud', '--models-dir', empty)).toEqual({
      exitCode: 3,
      stdout: '',
      stderr: `no bundle card-fraud in ${empty}: there is none\n`,
      usage: null,
    });
  });
});

it.each([
  { name: 'check', make: checkCommand },
  { name: 'smoke', make: smokeCommand },
])('handoff $name without names ends with 3 in a folder without bundles', async ({ make }) => {
  expect(await runCommand(make, ['--models-dir', empty])).toMatchObject({ exitCode: 3, stderr: `no bundle in ${empty}\n` });
});
