/**
 * Turn-of-the-loop batching. A request waits in the queue until a turn of the event loop (`setImmediate`) has brought no
 * more rows, four turns at most, then everything queued becomes one run. While a run is under way the queue grows, and the next run takes
 * it: batches follow the load, and an idle gateway adds no delay but an empty turn.
 * A request is queued, then in flight, then settled; its deadline can settle it from either.
 */
import type { RequestSpan } from '../../telemetry/request-span.ts';
import type { Row } from '../contract/compile-contract.ts';
import type { Tensors } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';
import type { Expiry } from './expiry.ts';
import type { FailureReason } from './inference-failure.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { RunCall } from './placement.ts';
import { createRowQueue } from './row-queue.ts';
import { sliceRun } from './slice-run.ts';

/** What one request gets back: the tensors of just its rows, and where its time went. */
export interface Prediction {
  readonly outputs: Tensors;
  readonly luma: Float32Array | null;
  readonly queueMs: number;
  readonly computeMs: number;
  /** Rows of the run that it shared. */
  readonly batchRows: number;
}

export interface BatcherLimits {
  readonly maxBatchRows: number;
  readonly maxQueueRows: number;
  /** Extra time to wait for more requests; 0 for none. */
  readonly maxQueueDelayMs: number;
  /** Runs that may be under way at once; changes with the placement. */
  readonly maxInFlight: () => number;
}

export interface BatcherDeps {
  readonly limits: BatcherLimits;
  readonly encode: (rows: readonly Row[]) => Tensors;
  /** Runs encoded rows; called through the version's breaker. */
  readonly run: (feeds: Tensors, call: RunCall) => Promise<RunResult>;
  /** Wraps a whole batch, once: the breaker. */
  readonly guard: <T>(action: () => Promise<T>) => Promise<T>;
  /** Ends requests at their deadline, even while their run is under way. */
  readonly expiry: Expiry;
  readonly monotonicMs: () => number;
  /** Told of every run when it ends, before its requests are answered. */
  readonly onRun: (run: BatchRun) => void;
}

/** A run that ended, for metrics and traces. */
export interface BatchRun {
  readonly rows: number;
  readonly startedMs: number;
  readonly endedMs: number;
  /** How long each request waited for it, milliseconds. */
  readonly queuesMs: readonly number[];
  /** The sampled spans of the requests in it. */
  readonly spans: readonly RequestSpan[];
  readonly failure: FailureReason | null;
}

/** One request's rows, to be predicted by the deadline on the monotonic clock. */
export interface PredictRequest {
  readonly rows: readonly Row[];
  readonly deadlineMs: number;
  readonly span: RequestSpan | null;
}

interface Queued extends PredictRequest {
  readonly enqueuedMs: number;
  readonly isSettled: () => boolean;
  /** Only the first outcome counts. */
  readonly settle: (outcome: Prediction | InferenceFailure) => void;
}

export interface Batcher {
  /** Queues rows. @throws InferenceFailure of any reason */
  readonly submit: (request: PredictRequest) => Promise<Prediction>;
  readonly queuedRows: () => number;
  /** Resolves when nothing is queued or in flight. */
  readonly drained: () => Promise<void>;
}

/** Under a steady stream each turn brings rows: whoever came first must not wait for all of them. */
const mostLooks = 4;

export const createBatcher = (deps: BatcherDeps): Batcher => {
  const { limits, monotonicMs } = deps;
  const queue = createRowQueue<Queued>();
  let inFlight = 0;
  let scheduled = false;
  const onIdle: (() => void)[] = [];

  const isIdle = (): boolean => queue.isEmpty() && inFlight === 0;
  const tellIdle = (): void => {
    if (isIdle()) for (const resolve of onIdle.splice(0)) resolve();
  };

  const dispatch = (): void => {
    while (!queue.isEmpty() && inFlight < limits.maxInFlight()) {
      const batch = queue.take(limits.maxBatchRows, (item) => !expireIfDue(item, monotonicMs()));
      if (batch.length === 0) continue;
      inFlight += 1;
      void runBatch(deps, batch).finally(() => {
        inFlight -= 1;
        dispatch();
      });
    }
    tellIdle();
  };

  const start = (): void => {
    scheduled = false;
    dispatch();
  };

  /** Looks again as long as a turn of the loop has brought more rows, up to so many times. */
  const startWhenAllAreIn = (rowsBefore: number, looks: number): void => {
    const rows = queue.rows();
    if (rows === rowsBefore || rows >= limits.maxBatchRows || looks === mostLooks) start();
    else setImmediate(startWhenAllAreIn, rows, looks + 1);
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    if (limits.maxQueueDelayMs > 0) setTimeout(start, limits.maxQueueDelayMs);
    else setImmediate(startWhenAllAreIn, 0, 1);
  };

  const enqueue = (item: Queued): void => {
    queue.add(item);
    if (inFlight < limits.maxInFlight()) schedule();
  };

  /** An expired request leaves the queue at once: it must not keep its place from one that can still be answered. */
  const expire = (item: Queued): void => {
    queue.remove(item);
    item.settle(expired());
    tellIdle();
  };

  return {
    submit: (request) => {
      if (queue.rows() + request.rows.length > limits.maxQueueRows) return Promise.reject(new InferenceFailure('queue-full', `${queue.rows()} rows wait`));
      return new Promise((resolve, reject) => enqueue(createQueued(request, { ...deps, expire, resolve, reject })));
    },
    queuedRows: queue.rows,
    drained: () => (isIdle() ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
  };
};

interface QueuedDeps extends Pick<BatcherDeps, 'expiry' | 'monotonicMs'> {
  readonly expire: (item: Queued) => void;
  readonly resolve: (prediction: Prediction) => void;
  readonly reject: (failure: InferenceFailure) => void;
}

const createQueued = ({ rows, deadlineMs, span }: PredictRequest, { expiry, monotonicMs, expire, resolve, reject }: QueuedDeps): Queued => {
  let settled = false;
  const item: Queued = {
    rows,
    deadlineMs,
    span,
    enqueuedMs: monotonicMs(),
    isSettled: () => settled,
    settle: (outcome) => {
      if (settled) return;
      settled = true;
      forget();
      if (outcome instanceof InferenceFailure) reject(outcome);
      else resolve(outcome);
    },
  };
  const forget = expiry.watch(deadlineMs, () => expire(item));
  return item;
};

const expired = (): InferenceFailure => new InferenceFailure('timeout', 'the deadline passed before the answer');

/** Settles a request whose deadline has passed; true when there is nothing left to run for it. */
const expireIfDue = (item: Queued, nowMs: number): boolean => {
  if (item.deadlineMs <= nowMs) item.settle(expired());
  return item.isSettled();
};

/** Runs of single requests that are under way together. */
const aloneAtOnce = 4;

/** One fire of the breaker: fails when every request of the batch failed, by the version's own fault if there is one. */
const runBatch = async (deps: BatcherDeps, batch: readonly Queued[]): Promise<void> => {
  try {
    await deps.guard(async () => {
      const outcomes = await runTogetherOrAlone(deps, batch);
      const failures = outcomes.filter((outcome) => outcome instanceof InferenceFailure);
      if (failures.length === batch.length) throw failures.find(({ reason }) => reason !== 'invalid-input') ?? failures[0] ?? expired();
    });
  } catch (error) {
    const failure = InferenceFailure.from(error);
    for (const item of batch) item.settle(failure);
  }
};

type Outcome = Prediction | InferenceFailure;

/** Settles every request of the batch. A run that throws is repeated request by request, so that one request's fault fails no other. */
const runTogetherOrAlone = async (deps: BatcherDeps, batch: readonly Queued[]): Promise<readonly Outcome[]> => {
  const outcomes = await runOnce(deps, batch).catch((error: unknown) => {
    const failure = InferenceFailure.from(error);
    const isRequestsOwn = failure.reason === 'error' || failure.reason === 'invalid-input';
    return batch.length > 1 && isRequestsOwn ? null : batch.map(() => failure);
  });
  if (outcomes === null) return runEachAlone(deps, batch);
  batch.forEach((item, index) => {
    item.settle(outcomes[index] ?? expired());
  });
  return outcomes;
};

/** Nobody waits for the others here, and a worker process has its next run at hand when one ends: until the breaker opens, each batch of a broken version comes here. */
const runEachAlone = async (deps: BatcherDeps, batch: readonly Queued[]): Promise<readonly Outcome[]> => {
  const waiting = batch.values();
  const lane = async (): Promise<readonly Outcome[]> => {
    const outcomes: Outcome[] = [];
    for (const item of waiting) {
      const own = expireIfDue(item, deps.monotonicMs()) ? [expired()] : await runTogetherOrAlone(deps, [item]);
      outcomes.push(...own);
    }
    return outcomes;
  };
  return (await Promise.all(Array.from({ length: aloneAtOnce }, lane))).flat();
};

const runOnce = async (deps: BatcherDeps, batch: readonly Queued[]): Promise<readonly Prediction[]> => {
  const startedMs = deps.monotonicMs();
  const [only] = batch;
  const rows = batch.length === 1 && only !== undefined ? only.rows : batch.flatMap((item) => item.rows);
  const result = await deps.run(deps.encode(rows), callOf(batch)).catch((error: unknown) => {
    const failure = InferenceFailure.from(error);
    deps.onRun({ ...runOf(batch, startedMs), rows: rows.length, endedMs: deps.monotonicMs(), failure: failure.reason });
    throw failure;
  });
  deps.onRun({ ...runOf(batch, startedMs), rows: rows.length, endedMs: deps.monotonicMs(), failure: null });
  let start = 0;
  return batch.map((item) => {
    const end = start + item.rows.length;
    const prediction = {
      ...sliceRun(result, { start, end, rows: rows.length }),
      queueMs: startedMs - item.enqueuedMs,
      computeMs: result.computeMs,
      batchRows: rows.length,
    };
    start = end;
    return prediction;
  });
};

/** The run is of use until the last deadline of its requests; each request ends at its own. */
const callOf = (batch: readonly Queued[]): RunCall => ({
  deadlineMs: batch.reduce((latest, item) => Math.max(latest, item.deadlineMs), 0),
  spans: batch.flatMap((item) => item.span ?? []),
});

const runOf = (batch: readonly Queued[], startedMs: number): Pick<BatchRun, 'startedMs' | 'queuesMs' | 'spans'> => ({
  startedMs,
  queuesMs: batch.map((item) => startedMs - item.enqueuedMs),
  spans: batch.flatMap((item) => (item.span?.sampled === true ? [item.span] : [])),
});
