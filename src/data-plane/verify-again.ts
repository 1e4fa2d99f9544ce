import { type Fault, faultText } from '../bundle/fault.ts';
import { type Bundle, readBundle } from '../bundle/read-bundle.ts';
import { sha256Of } from '../bundle/read-folder.ts';
import { type Trust, trustFaults } from '../bundle/signing/trust.ts';
import type { ModelRegistry } from './registry.ts';

const changed = (file: string, got: string, expected: string): readonly Fault[] => [{ file, field: 'sha256', got, expected }];

/** A graph that another server runs is in no file of the bundle, and in no memory here. */
const graphFaults = async ({ manifest, modelBytes, files }: Bundle): Promise<readonly Fault[]> => {
  if (manifest.placement === 'remote') return [];
  const running = await sha256Of(modelBytes);
  const read = files.find(({ name }) => name === 'model.onnx')?.sha256 ?? 'nothing';
  return running === read ? [] : changed('model.onnx', `${running} in memory`, read);
};

/** The bytes that run are those that were read, and those on disk are still the same: a promoted version must load again after a restart. */
const contentFaults = async (served: Bundle, now: Bundle): Promise<readonly Fault[]> => {
  return [...(await graphFaults(served)), ...(now.digest === served.digest ? [] : changed('(bundle)', now.digest, `${served.digest}, which serves`))];
};

const readAgain = (served: Bundle) =>
  readBundle(served.place).catch(() => {
    const gone: Fault = { file: '(bundle)', field: '(whole file)', got: 'a folder that cannot be read', expected: 'the files that serve' };
    return { bundle: null, faults: [gone] };
  });

/**
 * Makes the check of a version that serves and is about to get all traffic: its files are read and held against manifest,
 * golden cases and signature anew, with the keys that are trusted now.
 *
 * @returns why it must not be promoted, in words; null when nothing speaks against it
 */
export const createVerifyAgain =
  ({ registry, trust }: { readonly registry: ModelRegistry; readonly trust: Trust }) =>
  async (model: string, version: string): Promise<string | null> => {
    const served = registry.get(model)?.versions.get(version)?.bundle;
    if (served === undefined) return `${model} ${version} does not serve`;
    const { bundle: now, faults } = await readAgain(served);
    const found = now === null ? faults : [...(await contentFaults(served, now)), ...trustFaults(trust, await trust.look(now))];
    return found.length === 0 ? null : found.map(faultText).join('; ');
  };
