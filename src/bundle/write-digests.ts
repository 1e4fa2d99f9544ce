import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isMap, parseDocument } from 'yaml';
import { type BundlePlace, folderDigests, manifestFile } from './read-bundle.ts';

/**
 * Writes the digests of all files and golden cases into `handoff.yaml`; comments and order of the rest stay. For the
 * author of a bundle, never for the gateway.
 *
 * @throws when handoff.yaml cannot be read or is no YAML map
 */
export const writeDigests = async ({ folder, goldenFolder }: BundlePlace): Promise<void> => {
  const path = join(folder, manifestFile);
  const document = parseDocument(await readFile(path, 'utf8'));
  if (!isMap(document.contents)) throw new Error(`${path} is no YAML map`);
  const artifacts = (await folderDigests(folder)).filter(({ name }) => name !== manifestFile);
  const golden = await folderDigests(goldenFolder);
  const entries = (list: readonly { readonly name: string; readonly sha256: string }[], key: string) =>
    list.map(({ name, sha256 }) => {
      const entry = document.createNode({ [key]: name, sha256 });
      entry.flow = true;
      return entry;
    });
  document.set('artifacts', document.createNode(entries(artifacts, 'path')));
  document.set('golden', document.createNode(entries(golden, 'file')));
  await writeFile(path, document.toString({ lineWidth: 0 }));
};
