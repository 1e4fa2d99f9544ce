/**
 * Keeps one worker process for a version. States: running (a process with the model), restarting (the process is gone,
 * a new one comes up after a pause that grows while it keeps dying), closed. Only in the first do runs get through; in
 * the others they fail at once, so that they can be rescued.
 */
import type { Tensors } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { Placement } from './placement.ts';
import type { WorkerDeps, WorkerEnd, WorkerProcess } from './worker-process.ts';
import { startWorker } from './worker-process.ts';

type State = { readonly kind: 'running'; readonly worker: WorkerProcess } | { readonly kind: 'restarting' } | { readonly kind: 'closed' };

export interface WorkerPlacementDeps extends WorkerDeps {
  readonly onRestart: (reason: WorkerEnd) => void;
}

export interface WorkerPlacement extends Placement {
  readonly kind: 'worker';
  /** The process id, or null while there is none. */
  readonly pid: () => number | null;
}

const firstPauseMs = 50;
const longestPauseMs = 10_000;
/** A process that lived this long has its deaths forgotten. */
const steadyMs = 30_000;

/** Images are decoded in other threads of the worker, so the next one can be decoded while the graph runs. */
const maxInFlightImages = 2;

/** @throws InferenceFailure when the first process cannot load the model */
export const createWorkerPlacement = async (deps: WorkerPlacementDeps): Promise<WorkerPlacement> => {
  const first = await startWorker(deps);
  const underWay = new Set<Promise<unknown>>();
  let state: State = { kind: 'running', worker: first };
  let pauseMs = firstPauseMs;
  let startedMs = deps.monotonicMs();
  let timer: NodeJS.Timeout | null = null;

  const keep = (worker: WorkerProcess): void => {
    startedMs = deps.monotonicMs();
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
      pauseMs = Math.min(pauseMs * 2, longestPauseMs);
      startWorker(deps).then(adopt, () => {
        if (state.kind === 'restarting') restart();
      });
    }, pauseMs);
    timer.unref();
  };

  const adopt = (worker: WorkerProcess): void => {
    if (state.kind === 'closed') worker.kill();
    else keep(worker);
  };

  keep(first);
  const run = async (feeds: Tensors): Promise<RunResult> => {
    if (state.kind !== 'running') throw new InferenceFailure('lost-worker', 'the worker process is being replaced');
    const result = state.worker.run(feeds);
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
    pid: () => (state.kind === 'running' ? state.worker.pid : null),
    close: async () => {
      const last = state;
      if (timer !== null) clearTimeout(timer);
      await Promise.allSettled(underWay);
      state = { kind: 'closed' };
      if (last.kind !== 'running') return;
      last.worker.kill();
      await last.worker.ended;
    },
  };
};
