import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findBundles } from '../../src/bundle/find-bundles.ts';
import { makeTeamFolders } from '../support/bundles.ts';

const foldersWith = async (paths: readonly string[]) => {
  const folders = await makeTeamFolders();
  onTestFinished(folders.remove);
  for (const path of paths) await mkdir(join(folders.modelsDir, path), { recursive: true });
  return folders;
};

describe('findBundles', () => {
  it('finds each model and version, in order', async () => {
    const folders = await foldersWith(['b/1.0.0', 'a/2.0.0', 'a/1.0.0-rc.1', 'a/10.0.0']);
    const places = await findBundles(folders);
    expect(places.map(({ model, version }) => `${model} ${version}`)).toEqual(['a 1.0.0-rc.1', 'a 10.0.0', 'a 2.0.0', 'b 1.0.0']);
    expect(places[0]).toEqual({
      model: 'a',
      version: '1.0.0-rc.1',
      folder: join(folders.modelsDir, 'a', '1.0.0-rc.1'),
      goldenFolder: join(folders.goldenDir, 'a', '1.0.0-rc.1'),
    });
  });

  it.each(['.a/1.0.0', 'A/1.0.0', 'a_b/1.0.0', `${'a'.repeat(64)}/1.0.0`, 'a/1.0', 'a/v1.0.0', 'a/01.0.0', 'a/1.0.0.partial', 'a/.1.0.0', 'a/latest'])(
    'passes over %s',
    async (path) => {
      expect(await findBundles(await foldersWith([path]))).toEqual([]);
    },
  );

  it('passes over files', async () => {
    const folders = await foldersWith(['a']);
    await writeFile(join(folders.modelsDir, 'a', '1.0.0'), 'x');
    await writeFile(join(folders.modelsDir, 'b'), 'x');
    expect(await findBundles(folders)).toEqual([]);
  });

  it('finds nothing in a folder that is not there', async () => {
    expect(await findBundles({ modelsDir: '/nowhere/models', goldenDir: '/nowhere/golden' })).toEqual([]);
  });
});
