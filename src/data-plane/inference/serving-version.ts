import type { Bundle } from '../../bundle/read-bundle.ts';
import type { CompiledContract } from '../contract/compile-contract.ts';
import type { Tensors } from '../contract/tensor.ts';
import type { GuardOutputs } from '../guards/compile-outputs.ts';
import type { BatchRun, Prediction, PredictRequest } from './batcher.ts';
import { createBatcher } from './batcher.ts';
import { createBreaker } from './breaker.ts';
import type { BatchChoice, RunCost } from './choose-batch.ts';
import { createExpiry } from './expiry.ts';
import { createInlinePlacement } from './inline-placement.ts';
import type { MovablePlacement } from './movable-placement.ts';
import { createMovablePlacement } from './movable-placement.ts';
import type { Placement, RunCall } from './placement.ts';
import { createRecentQuantile } from './recent-quantile.ts';
import type { WorkerEnd } from './worker-process.ts';

/** What a version tells the outside. */
export interface VersionHooks {
  readonly onRun: (run: BatchRun, placement: Placement['kind']) => void;
  readonly onWorkerRestart: (reason: WorkerEnd) => void;
  readonly onBreaker: (open: boolean) => void;
}

/** A loaded, proven version of a model. */
export interface ServingVersion {
  readonly bundle: Bundle;
  readonly contract: CompiledContract;
  readonly guard: GuardOutputs;
  readonly costs: readonly RunCost[];
  readonly maxBatchRows: number;
  /** What runs the graph, in the Open Inference Protocol's words. */
  readonly platform: string;
  /** @throws InferenceFailure of any reason */
  readonly predict: (request: PredictRequest) => Promise<Prediction>;
  readonly queuedRows: () => number;
  /** The 99th percentile of queue and compute time of recent runs, milliseconds. */
  readonly p99Ms: () => number;
  readonly placement: () => Placement['kind'];
  readonly workerPid: () => number | null;
  readonly breakerIsOpen: () => boolean;
  /** A proven baseline that is cheap enough moves into the gateway's process; everything else lives in a killable worker, or stays with its server. */
  readonly place: (role: 'baseline' | 'other') => Promise<void>;
  /** Answers what is queued, then frees everything. */
  readonly close: () => Promise<void>;
}

export interface ServingVersionDeps {
  readonly bundle: Bundle;
  readonly contract: CompiledContract;
  readonly guard: GuardOutputs;
  readonly costs: readonly RunCost[];
  readonly batch: BatchChoice;
  readonly hasImages: boolean;
  readonly worker: Placement;
  /** Makes a place in another process, which has made its first run; the signal calls it off. */
  readonly startWorker: (signal: AbortSignal) => Promise<Placement>;
  readonly monotonicMs: () => number;
  readonly hooks: VersionHooks;
}

const reserveQuantile = 0.99;

export const createServingVersion = (deps: ServingVersionDeps): ServingVersion => {
  const { bundle, batch, hooks } = deps;
  const latency = createRecentQuantile(reserveQuantile, deps.costs.at(-1)?.ms ?? 0);
  const breaker = createBreaker(hooks.onBreaker);
  const expiry = createExpiry(deps.monotonicMs);
  const placement = createMovablePlacement(deps.worker, {
    inline: () => warmed(deps, createInlinePlacement(bundle.modelBytes, deps.monotonicMs)),
    worker: deps.startWorker,
  });
  const onRun = (run: BatchRun): void => {
    latency.record((run.queuesMs[0] ?? 0) + run.endedMs - run.startedMs);
    hooks.onRun(run, placement.current().kind);
  };
  const batcher = createBatcher({ ...batcherDeps(deps, placement), guard: breaker.fire, expiry, onRun });
  const isRemote = deps.worker.kind === 'remote';
  const canMoveIn = batch.cheap && !deps.hasImages;
  return {
    bundle,
    contract: deps.contract,
    guard: deps.guard,
    costs: deps.costs,
    maxBatchRows: batch.maxBatchRows,
    platform: deps.worker.signature.platform ?? 'onnx_onnxv1',
    predict: batcher.submit,
    queuedRows: batcher.queuedRows,
    p99Ms: latency.value,
    placement: () => placement.current().kind,
    workerPid: () => placement.current().pid(),
    breakerIsOpen: breaker.isOpen,
    place: (role) => (isRemote ? Promise.resolve() : placement.move(role === 'baseline' && canMoveIn ? 'inline' : 'worker')),
    close: async () => {
      await batcher.drained();
      await placement.close();
      expiry.close();
      breaker.close();
    },
  };
};

const batcherDeps = ({ bundle, batch, contract, monotonicMs }: ServingVersionDeps, placement: MovablePlacement) => {
  const { maxQueueRows, maxQueueDelayMs } = bundle.manifest.budgets;
  return {
    limits: { maxBatchRows: batch.maxBatchRows, maxQueueRows, maxQueueDelayMs, maxInFlight: () => placement.current().maxInFlight },
    encode: contract.encode,
    run: (feeds: Tensors, call: RunCall) => placement.current().run(feeds, call),
    monotonicMs,
  };
};

/** The first run of a session is slow; no request should be the one that pays for it. */
const warmed = async ({ bundle, contract }: ServingVersionDeps, coming: Promise<Placement>): Promise<Placement> => {
  const placement = await coming;
  try {
    await placement.run(contract.encode(bundle.golden[0]?.golden.request.inputs ?? []));
    return placement;
  } catch (error) {
    await placement.close();
    throw error;
  }
};
