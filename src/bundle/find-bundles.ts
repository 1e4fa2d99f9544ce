import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { modelName, semver } from './manifest.ts';
import type { BundlePlace } from './read-bundle.ts';

const folders = async (path: string): Promise<readonly string[]> => {
  const entries = await readdir(path, { withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
};

/**
 * All places `<modelsDir>/<model>/<version>` whose names are a model name and a version; anything else (a folder that is
 * still being copied under another name, for example) is passed over.
 */
export const findBundles = async ({ modelsDir, goldenDir }: { readonly modelsDir: string; readonly goldenDir: string }): Promise<readonly BundlePlace[]> => {
  const models = (await folders(modelsDir)).filter((name) => modelName.safeParse(name).success).sort();
  const places = await Promise.all(
    models.map(async (model) => {
      const versions = (await folders(join(modelsDir, model))).filter((name) => semver.safeParse(name).success).sort();
      return versions.map((version) => ({ model, version, folder: join(modelsDir, model, version), goldenFolder: join(goldenDir, model, version) }));
    }),
  );
  return places.flat();
};
