/**
 * Keeps one worker process for a version. States: running (a process with the model), restarting (the process is gone,
 * a new one comes up after a pause that grows while it keeps dying), closed. Only in the first do runs get through; in
 * the others they fail at once, so that they can be rescued.
 */
import type { Tensors } from '../contract/tensor.ts';
import { onAbort } from '../processes/on-abort.ts';
import type { RunResult } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { Placement } from './placement.ts';
import type { WorkerDeps, WorkerEnd, WorkerProcess } from './worker-process.ts';
import { startWorker } from './worker-process.ts';

type State = { readonly kind: 'running'; readonly worker: WorkerProcess } | { readonly kind: 'restarting' } | { readonly kind: 'closed' };

export interface WorkerPlacementDeps extends WorkerDeps {
  readonly onRestart: (reason: WorkerEnd) => void;
  /** The run with which a process begins, and how long that may take, milliseconds: the first one of a session is many times slower than the others. */
  readonly warmUp: { readonly feeds: () => Tensors; readonly maxRunMs: number };
}

/** How the first process comes up. */
export interface FirstStart {
  /** It is warm when it is there. Otherwise the runs that prove it warm it. */
  readonly isProven?: boolean;
  /** Calls it off, and with it the placement, while it comes up. */
  readonly signal?: AbortSignal;
}

const firstPauseMs = 50;
/** A start takes a tenth of a second of CPU: a model that keeps breaking must not take that from the others often. */
const pauseGrowth = 20;
const longestPauseMs = 20_000;
/** A process that lived this long has its deaths forgotten. */
const steadyMs = 30_000;

/** Images are decoded in other threads of the worker, so the next one can be decoded while the graph runs. */
const maxInFlightImages = 2;

/** @throws InferenceFailure when the first process cannot load the model, or its first run fails */
export const createWorkerPlacement = async (deps: WorkerPlacementDeps, { isProven = false, signal }: FirstStart = {}): Promise<Placement> => {
  const first = await (isProven ? startWarm : startWorker)(deps, signal);
  const underWay = new Set<Promise<unknown>>();
  const kept = keepRunning(first, deps);
  let closed: Promise<void> | null = null;
  const run = async (feeds: Tensors): Promise<RunResult> => {
    const worker = kept.worker();
    if (worker === null) throw new InferenceFailure('lost-worker', 'the worker process is being replaced');
    const result = worker.run(feeds);
    underWay.add(result);
    try {
      return await result;
    } finally {
      underWay.delete(result);
    }
  };
  return {
    kind: 'worker',
    signature: first.signature,
    maxInFlight: deps.image === null ? 1 : maxInFlightImages,
    run,
    pid: () => kept.worker()?.pid ?? null,
    close: () => {
      closed ??= kept.close(() => Promise.allSettled(underWay));
      return closed;
    },
  };
};

interface KeptWorker {
  /** Null while it is being replaced, and once it is closed. */
  readonly worker: () => WorkerProcess | null;
  /** Starts no more processes; ends one that is just coming up at once, and the last one after `idle`. */
  readonly close: (idle: () => Promise<unknown>) => Promise<void>;
}

const keepRunning = (first: WorkerProcess, deps: WorkerPlacementDeps): KeptWorker => {
  let state: State = { kind: 'closed' };
  let pauseMs = firstPauseMs;
  let timer: NodeJS.Timeout | undefined;
  let starting: Promise<void> = Promise.resolve();
  let coming = new AbortController();

  const keep = (worker: WorkerProcess): void => {
    const startedMs = deps.monotonicMs();
    state = { kind: 'running', worker };
    void worker.ended.then((reason) => {
      if (state.kind === 'closed') return;
      deps.onRestart(reason);
      if (deps.monotonicMs() - startedMs > steadyMs) pauseMs = firstPauseMs;
      restart();
    });
  };

  const restart = (): void => {
    state = { kind: 'restarting' };
    timer = setTimeout(() => {
      pauseMs = Math.min(pauseMs * pauseGrowth, longestPauseMs);
      coming = new AbortController();
      starting = startWarm({ ...deps, yieldsAtOnce: true }, coming.signal).then(adopt, () => {
        if (state.kind === 'restarting') restart();
      });
    }, pauseMs).unref();
  };

  const adopt = async (worker: WorkerProcess): Promise<void> => {
    if (state.kind === 'closed') await end(worker);
    else keep(worker);
  };

  keep(first);
  return {
    worker: () => (state.kind === 'running' ? state.worker : null),
    close: async (idle) => {
      const last = state;
      state = { kind: 'closed' };
      clearTimeout(timer);
      coming.abort();
      await idle();
      await starting;
      if (last.kind === 'running') await end(last.worker);
    },
  };
};

/**
 * A process that has made its first run. Requests must not meet it before: a deadline that all others keep would end the
 * first one, and with it the process, and so would the next process end.
 */
const startWarm = async (deps: WorkerPlacementDeps, signal?: AbortSignal): Promise<WorkerProcess> => {
  let isWarm = false;
  const worker = await startWorker({ ...deps, maxRunMs: () => (isWarm ? deps.maxRunMs() : deps.warmUp.maxRunMs) }, signal);
  const isUp = onAbort(signal, worker.kill);
  try {
    await worker.run(deps.warmUp.feeds());
    isWarm = true;
    return worker;
  } catch (error) {
    await end(worker);
    throw error;
  } finally {
    isUp();
  }
};

const end = async (worker: WorkerProcess): Promise<void> => {
  worker.kill();
  await worker.ended;
};
