import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Bundle } from '../../src/bundle/read-bundle.ts';
import { readBundle } from '../../src/bundle/read-bundle.ts';
import type { WorkerEnd } from '../../src/data-plane/inference/worker-process.ts';

const repository = new URL('../..', import.meta.url).pathname;

/** The repository's own bundles. */
export const realVersions = [
  ['card-fraud', '1.4.0'],
  ['card-fraud', '2.0.0'],
  ['photo-classifier', '1.0.0'],
  ['photo-classifier', '2.0.0'],
  ['search-ranker', '1.2.0'],
  ['search-ranker', '1.3.2'],
] as const;

/** Reads one of the repository's bundles. @throws Error when it does not hold */
export const realBundle = async (model: string, version: string): Promise<Bundle> => {
  const place = { model, version, folder: join(repository, 'models', model, version), goldenFolder: join(repository, 'golden', model, version) };
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) throw new Error(`${model} ${version}: ${JSON.stringify(faults)}`);
  return bundle;
};

/** A candidate that breaks when some row of a run has an amount above 1000. */
export const brokenModel = (way: 'throws' | 'nan' | 'endless' | 'allocates' | 'out-of-range' | 'slower'): Promise<Uint8Array> =>
  readFile(join(repository, 'test/fixtures/broken-candidates', `${way}.onnx`));

/** Takes what a version tells, and keeps the restarts of its worker. */
export const createRecordingHooks = () => {
  const restarts: WorkerEnd[] = [];
  return { restarts, hooks: { onRun: () => undefined, onWorkerRestart: (reason: WorkerEnd) => void restarts.push(reason), onBreaker: () => undefined } };
};
