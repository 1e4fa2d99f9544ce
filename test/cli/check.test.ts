import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkCommand } from '../../src/cli/check.ts';
import { copyBundle } from '../support/bundle-copy.ts';
import { deliver } from '../support/bundles.ts';
import { runCommand } from '../support/run-command.ts';

let rolloutDir = '';
beforeEach(async () => {
  rolloutDir = await mkdtemp(join(tmpdir(), 'handoff-check-'));
  await cp('rollout', rolloutDir, { recursive: true });
});
afterEach(() => rm(rolloutDir, { recursive: true }));

const check = (...words: readonly string[]) => runCommand(checkCommand, [...words, '--rollout-dir', rolloutDir]);

describe('handoff check --against', () => {
  it('ends with 3 for a version that is not there, and names those that are', async () => {
    expect(await check('card-fraud/2.0.0', '--against', '1.3.0')).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: 'card-fraud 2.0.0 cannot be held against 1.3.0: models has card-fraud 1.4.0, 2.0.0\n',
    });
  });

  it('ends with 1, and says why, when the version does not open', async () => {
    const copy = await copyBundle('search-ranker', '1.3.2');
    const { folders } = copy;
    await deliver(folders, { from: { model: 'search-ranker', version: '1.2.0' } });
    await writeFile(join(folders.modelsDir, 'search-ranker/1.2.0/model.onnx'), 'no graph');
    const there = ['--models-dir', folders.modelsDir, '--golden-dir', folders.goldenDir];
    const { exitCode, stdout } = await check('search-ranker/1.3.2', '--against', 'baseline', ...there);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('failure of baseline-there');
    expect(stdout).toMatch(/^search-ranker 1\.3\.2: undecided: the baseline cannot be opened: search-ranker\/1\.2\.0\/model\.onnx: sha256: got /m);
  });

  it('ends with 3 when one of several models lacks the version', async () => {
    expect(await check('card-fraud/2.0.0', 'search-ranker/1.3.2', '--against', '1.4.0')).toMatchObject({
      exitCode: 3,
      stdout: '',
      stderr: 'search-ranker 1.3.2 cannot be held against 1.4.0: models has search-ranker 1.2.0, 1.3.2\n',
    });
  });

  it('ends with 3 when the baseline of the plan is not there', async () => {
    const file = join(rolloutDir, 'card-fraud.yaml');
    await writeFile(file, (await readFile(file, 'utf8')).replace('baseline: 1.4.0', 'baseline: 1.3.0'));
    expect(await check('card-fraud/2.0.0', '--against', 'baseline')).toMatchObject({
      exitCode: 3,
      stderr: 'card-fraud 2.0.0 cannot be held against 1.3.0: models has card-fraud 1.4.0, 2.0.0\n',
    });
  });
});
