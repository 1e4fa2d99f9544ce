import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { parse, stringify } from 'yaml';
import { type BundlePlace, type BundleReading, readBundle } from '../../src/bundle/read-bundle.ts';
import { writeDigests } from '../../src/bundle/write-digests.ts';
import { deliver, makeTeamFolders, type TeamFolders } from './bundles.ts';

/** A real bundle in a temporary folder, to be broken in one way or more; it is gone after the test. */
export interface BundleCopy {
  readonly place: BundlePlace;
  readonly folders: TeamFolders;
  readonly edit: (file: string, change: (text: string) => string) => Promise<void>;
  /** Changes a YAML file as data. */
  readonly editYaml: (file: string, change: (document: Document) => void) => Promise<void>;
  readonly write: (file: string, content: string) => Promise<void>;
  readonly remove: (file: string) => Promise<void>;
  readonly writeGolden: (file: string, content: string) => Promise<void>;
  /** Makes the digests true again, so that only the other faults are left. */
  readonly seal: () => Promise<void>;
  readonly read: () => Promise<BundleReading>;
}

// biome-ignore lint/suspicious/noExplicitAny: a parsed file of any shape, to be broken at will
type Document = any;

export const copyBundle = async (model: string, version: string): Promise<BundleCopy> => {
  const folders = await makeTeamFolders();
  onTestFinished(folders.remove);
  await deliver(folders, { from: { model, version } });
  const place = { model, version, folder: join(folders.modelsDir, model, version), goldenFolder: join(folders.goldenDir, model, version) };
  const edit: BundleCopy['edit'] = async (file, change) => writeFile(join(place.folder, file), change(await readFile(join(place.folder, file), 'utf8')));
  return {
    place,
    folders,
    edit,
    editYaml: (file, change) =>
      edit(file, (text) => {
        const document: Document = parse(text);
        change(document);
        return stringify(document);
      }),
    write: (file, content) => writeFile(join(place.folder, file), content),
    remove: (file) => rm(join(place.folder, file)),
    writeGolden: (file, content) => writeFile(join(place.goldenFolder, file), content),
    seal: () => writeDigests(place),
    read: () => readBundle(place),
  };
};

export const exampleBundles = [
  ['card-fraud', '1.4.0'],
  ['card-fraud', '2.0.0'],
  ['search-ranker', '1.2.0'],
  ['search-ranker', '1.3.2'],
  ['photo-classifier', '1.0.0'],
  ['photo-classifier', '2.0.0'],
] as const;

const repository = new URL('../..', import.meta.url).pathname;

/** The place of an example bundle in this repository. */
export const placeOf = (model: string, version: string): BundlePlace => ({
  model,
  version,
  folder: join(repository, 'models', model, version),
  goldenFolder: join(repository, 'golden', model, version),
});
