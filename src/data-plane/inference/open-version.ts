/** From a read bundle to a version that can be served: its graph is loaded, compared, proven on the golden cases and timed - all in a process that can be killed. */
import { checkGraph } from '../../bundle/check-graph.ts';
import { checkInterface } from '../../bundle/check-interface.ts';
import type { Fault } from '../../bundle/fault.ts';
import type { RemotePlacement } from '../../bundle/manifest.ts';
import type { Bundle } from '../../bundle/read-bundle.ts';
import { type CompiledContract, compileContract } from '../contract/compile-contract.ts';
import { compileOutputs } from '../guards/compile-outputs.ts';
import type { Launcher } from '../processes/launcher.ts';
import { onAbort } from '../processes/on-abort.ts';
import type { RunCost } from './choose-batch.ts';
import { chooseBatch } from './choose-batch.ts';
import type { ImageInput } from './executor.ts';
import { imagePipelineOf } from './image-pipeline.ts';
import { InferenceFailure } from './inference-failure.ts';
import { measureCosts } from './measure-costs.ts';
import { openRemote } from './open-remote.ts';
import type { Placement } from './placement.ts';
import type { GoldenDeps, GoldenResult } from './run-golden.ts';
import { runGolden } from './run-golden.ts';
import type { ServingVersion, VersionHooks } from './serving-version.ts';
import { createServingVersion } from './serving-version.ts';
import { createWorkerPlacement, type FirstStart } from './worker-placement.ts';

export interface OpenVersionDeps {
  readonly launcher: Launcher;
  readonly monotonicMs: () => number;
  readonly hooks: VersionHooks;
  /** Ends the process of a version that is still to be proven: whoever gives it wants no answer any more. */
  readonly signal?: AbortSignal;
}

export type OpenedVersion =
  | { readonly version: ServingVersion; readonly golden: readonly GoldenResult[]; readonly faults: readonly [] }
  | { readonly version: null; readonly golden: readonly GoldenResult[]; readonly faults: readonly Fault[] };

/** Loading a graph of 30 MB takes a tenth of a second; one that takes this long never ends. */
const maxLoadMs = 30_000;
/** The first runs are slow, and more so while a busy machine starts: they say whether the answers are right, not how fast they come. */
const maxProofRunMs = 5_000;

/** The image pipeline of a bundle and the tensor that it feeds; null for a tabular model. */
export const imageInputOf = (bundle: Bundle): ImageInput | null => {
  for (const { tensor, steps } of bundle.manifest.interface.inputs) {
    const pipeline = imagePipelineOf(steps.flatMap((step) => ('decode' in step || 'crop' in step || 'resize' in step || 'normalise' in step ? [step] : [])));
    if (pipeline !== null) return { tensor, pipeline };
  }
  return null;
};

const goldenFaults = (results: readonly GoldenResult[]): readonly Fault[] =>
  results.flatMap(({ file, differences }) => differences.map(({ pointer, got, expected }) => ({ file: `golden/${file}`, field: pointer, got, expected })));

const refusal = (faults: readonly Fault[], golden: readonly GoldenResult[] = []): OpenedVersion => ({ version: null, golden, faults });

/** Opens a bundle's version, or says everything that keeps it from being served. Never rejects for what a bundle can contain. */
export const openVersion = async (bundle: Bundle, deps: OpenVersionDeps): Promise<OpenedVersion> => {
  const interfaceFaults = checkInterface(bundle.manifest, bundle.contract);
  if (interfaceFaults.length > 0) return refusal(interfaceFaults);
  const image = imageInputOf(bundle);
  const { deadlineMs, memoryMiB: maxMemoryMiB } = bundle.manifest.budgets;
  const { remote } = bundle.manifest;
  const maxProofMs = Math.max(deadlineMs, maxProofRunMs);
  let maxRunMs = maxProofMs;
  const warmUp = { feeds: () => contract.encode(bundle.golden[0]?.golden.request.inputs ?? []), maxRunMs: maxProofMs };
  const common = { ...deps, maxRunMs: () => maxRunMs };
  const workerDeps = { ...common, model: bundle.modelBytes, image, maxLoadMs, maxMemoryMiB, warmUp, onRestart: deps.hooks.onWorkerRestart };
  const start = (first: FirstStart): Promise<Placement> =>
    remote === undefined ? createWorkerPlacement(workerDeps, first) : openRemote({ ...common, ...bundle, remote });
  const { signal } = deps;
  const starting = start(signal === undefined ? {} : { signal });
  const contract = compileContract(bundle.contract, bundle.manifest);
  let worker: Placement;
  try {
    worker = await starting;
  } catch (error) {
    return refusal([loadFault(remote, InferenceFailure.from(error).message)]);
  }
  const isOver = onAbort(signal, () => void worker.close());
  const { guard, golden, costs, faults } = await prove(bundle, { contract, placement: worker }).finally(isOver);
  if (faults.length > 0) {
    await worker.close();
    return refusal(faults, golden);
  }
  maxRunMs = deadlineMs;
  const batch = chooseBatch(costs, bundle.manifest.budgets.maxRows);
  const version = createServingVersion({
    ...deps,
    bundle,
    contract,
    guard,
    costs,
    batch,
    hasImages: image !== null,
    worker,
    startWorker: (signal) => start({ isProven: true, signal }),
  });
  return { version, golden, faults: [] };
};

/** What stands in where a request has nothing must be a value that the contract takes. */
const standInFaults = ({ manifest: { migration } }: Bundle, contract: CompiledContract): readonly Fault[] =>
  migration.flatMap(({ field, default: standIn }, index) => {
    const compiled = contract.fields.find(({ name }) => name === field);
    if (standIn === undefined || compiled === undefined || compiled.holds(standIn)) return [];
    return [{ file: 'handoff.yaml', field: `migration.${index}.default`, got: JSON.stringify(standIn), expected: compiled.expected }];
  });
const loadFault = (remote: RemotePlacement | undefined, got: string): Fault =>
  remote === undefined
    ? { file: 'model.onnx', field: '(whole file)', got, expected: 'a graph that ONNX Runtime loads' }
    : { file: 'handoff.yaml', field: 'remote', got, expected: `a server at ${remote.url} that serves ${remote.model}` };

interface Proof extends GoldenDeps {
  readonly golden: readonly GoldenResult[];
  readonly costs: readonly RunCost[];
  readonly faults: readonly Fault[];
}

const prove = async (bundle: Bundle, { contract, placement }: Omit<GoldenDeps, 'guard'>): Promise<Proof> => {
  const guard = compileOutputs(bundle.contract, bundle.manifest, bundle.labels);
  const proof = { contract, guard, placement, golden: [], costs: [] };
  const graphFaults = [
    ...checkGraph(bundle.contract, placement.signature, bundle.manifest.remote === undefined ? 'model.onnx' : 'remote server'),
    ...standInFaults(bundle, contract),
  ];
  if (graphFaults.length > 0) return { ...proof, faults: graphFaults };
  const { golden, answered } = await runGolden(bundle, proof);
  const faults = goldenFaults(golden);
  if (faults.length > 0) return { ...proof, golden, faults };
  return { ...proof, golden, ...(await measureCosts(bundle, { ...proof, answered })) };
};
