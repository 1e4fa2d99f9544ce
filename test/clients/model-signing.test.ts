/** OpenSSF Model Signing v1.0, both ways with its reference tool (`model_signing` of PyPI). */
import { appendFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { deliver, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { runCli } from '../support/gateway.ts';
import { makeSigningKeys, type SigningKeys } from '../support/signing-keys.ts';
import { type PythonEnvironment, pythonEnvironment } from './python-environment.ts';

const curves = ['P-256', 'P-384', 'P-521'] as const;

let python: PythonEnvironment;
beforeAll(async () => {
  python = await pythonEnvironment('model-signing');
});

describe.each(curves)('a signature on %s', (curve) => {
  let folders: TeamFolders;
  let keys: SigningKeys;
  let folder = '';

  beforeEach(async () => {
    folders = await makeTeamFolders();
    keys = await makeSigningKeys(curve);
    await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' } });
    folder = join(folders.modelsDir, 'card-fraud', '2.0.0');
  });
  afterEach(async () => {
    await folders.remove();
    await keys.remove();
  });

  const signature = () => join(folder, 'model.sig');
  const theirVerify = () => python.run('model_signing', ['verify', 'key', '--public_key', keys.publicFile, '--signature', signature(), folder]);
  const theirSign = (...more: string[]) =>
    python.run('model_signing', ['sign', 'key', '--private_key', keys.privateFile, '--signature', signature(), ...more, folder]);
  const ours = (command: 'sign' | 'verify', key: string) =>
    runCli([command, 'card-fraud/2.0.0', '--key', key, '--models-dir', folders.modelsDir, '--golden-dir', folders.goldenDir]);

  test('made here is verified there, also beside sign-offs that came later', async () => {
    expect(await ours('sign', keys.privateFile)).toMatchObject({ code: 0 });
    expect(await theirVerify()).toMatchObject({ code: 0, output: expect.stringContaining('Verification succeeded') });
    await writeFile(join(folder, 'signoffs.yaml'), 'product: agreed\n');
    expect(await theirVerify()).toMatchObject({ code: 0 });
  });

  test('made here is refused there once a byte of a file is another', async () => {
    expect(await ours('sign', keys.privateFile)).toMatchObject({ code: 0 });
    await appendFile(join(folder, 'README.md'), '\n');
    expect(await theirVerify()).toMatchObject({ code: 1, output: expect.stringContaining('README.md') });
  });

  test('made there is verified here', async () => {
    expect(await theirSign()).toMatchObject({ code: 0 });
    expect(await ours('verify', keys.publicFile)).toMatchObject({ code: 0, stdout: expect.stringContaining('trusted') });
  });

  test('made there is refused here when it leaves a file out', async () => {
    expect(await theirSign('--ignore-paths', join(folder, 'model.onnx'))).toMatchObject({ code: 0 });
    expect(await ours('verify', keys.publicFile)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('model.onnx: (whole file): got a file that is not signed'),
    });
  });

  test('made there with another key is refused here', async () => {
    const other = await makeSigningKeys(curve);
    expect(await theirSign()).toMatchObject({ code: 0 });
    expect(await ours('verify', other.publicFile)).toMatchObject({ code: 1, stdout: expect.stringContaining('got a signature by another key') });
    await other.remove();
  });
});
