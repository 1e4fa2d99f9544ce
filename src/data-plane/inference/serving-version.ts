import type { Bundle } from '../../bundle/read-bundle.ts';
import type { CompiledContract } from '../contract/compile-contract.ts';
import type { GuardOutputs } from '../guards/compile-outputs.ts';
import type { BatchRun, Prediction, PredictRequest } from './batcher.ts';
import { createBatcher } from './batcher.ts';
import { createBreaker } from './breaker.ts';
import type { BatchChoice, RunCost } from './choose-batch.ts';
import { createExpiry } from './expiry.ts';
import { createInlinePlacement } from './inline-placement.ts';
import type { Placement } from './placement.ts';
import { createRecentQuantile } from './recent-quantile.ts';
import type { WorkerPlacement } from './worker-placement.ts';
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
  /** @throws InferenceFailure of any reason */
  readonly predict: (request: PredictRequest) => Promise<Prediction>;
  readonly queuedRows: () => number;
  /** The 99th percentile of queue and compute time of recent runs, milliseconds. */
  readonly p99Ms: () => number;
  readonly placement: () => Placement['kind'];
  readonly workerPid: () => number | null;
  readonly breakerIsOpen: () => boolean;
  /** A proven baseline that is cheap enough moves into the gateway's process; everything else lives in a killable worker. */
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
  readonly worker: WorkerPlacement;
  readonly startWorker: () => Promise<WorkerPlacement>;
  readonly monotonicMs: () => number;
  readonly hooks: VersionHooks;
}

const reserveQuantile = 0.99;

export const createServingVersion = (deps: ServingVersionDeps): ServingVersion => {
  const { bundle, batch, monotonicMs, hooks } = deps;
  const { budgets } = bundle.manifest;
  const latency = createRecentQuantile(reserveQuantile, deps.costs.at(-1)?.ms ?? 0);
  const breaker = createBreaker(hooks.onBreaker);
  const expiry = createExpiry(monotonicMs);
  let current: Placement = deps.worker;
  let worker: WorkerPlacement | null = deps.worker;

  const onRun = (run: BatchRun): void => {
    latency.record((run.queuesMs[0] ?? 0) + run.endedMs - run.startedMs);
    hooks.onRun(run, current.kind);
  };

  const batcher = createBatcher({
    limits: {
      maxBatchRows: batch.maxBatchRows,
      maxQueueRows: budgets.maxQueueRows,
      maxQueueDelayMs: budgets.maxQueueDelayMs,
      maxInFlight: () => current.maxInFlight,
    },
    encode: deps.contract.encode,
    run: (feeds) => current.run(feeds),
    guard: breaker.fire,
    expiry,
    monotonicMs,
    onRun,
  });

  const swap = async (next: Placement): Promise<void> => {
    const previous = current;
    current = next;
    await previous.close();
  };

  const place = async (role: 'baseline' | 'other'): Promise<void> => {
    const kind = role === 'baseline' && batch.cheap && !deps.hasImages ? 'inline' : 'worker';
    if (kind === current.kind) return;
    if (kind === 'inline') {
      const inline = await createInlinePlacement(bundle.modelBytes, monotonicMs);
      // The first run of a session is slow; no request should be the one that pays for it.
      await inline.run(deps.contract.encode(bundle.golden[0]?.golden.request.inputs ?? []));
      worker = null;
      await swap(inline);
    } else {
      worker = await deps.startWorker();
      await swap(worker);
    }
  };

  return {
    bundle,
    contract: deps.contract,
    guard: deps.guard,
    costs: deps.costs,
    maxBatchRows: batch.maxBatchRows,
    predict: batcher.submit,
    queuedRows: batcher.queuedRows,
    p99Ms: latency.value,
    placement: () => current.kind,
    workerPid: () => worker?.pid() ?? null,
    breakerIsOpen: breaker.isOpen,
    place,
    close: async () => {
      await batcher.drained();
      await current.close();
      expiry.close();
      breaker.close();
    },
  };
};
