/**
 * Turn-of-the-loop batching. A request waits in the queue until the current turn of the event loop has read what came
 * with it (`setImmediate`), then everything queued becomes one run. While a run is under way the queue grows, and the
 * next run takes it: batches follow the load, and an idle gateway adds no delay.
 * A request is queued, then in flight, then settled; its deadline can settle it from either.
 */
import type { RequestSpan } from '../../telemetry/request-span.ts';
import type { Row } from '../contract/compile-contract.ts';
import type { Tensors } from '../contract/tensor.ts';
import { rowsOf } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';
import type { Expiry } from './expiry.ts';
import type { FailureReason } from './inference-failure.ts';
import { InferenceFailure } from './inference-failure.ts';

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
  readonly run: (feeds: Tensors) => Promise<RunResult>;
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
  settled: boolean;
  readonly resolve: (prediction: Prediction) => void;
  readonly reject: (failure: InferenceFailure) => void;
}

export interface Batcher {
  /** Queues rows. @throws InferenceFailure of any reason */
  readonly submit: (request: PredictRequest) => Promise<Prediction>;
  readonly queuedRows: () => number;
  /** Resolves when nothing is queued or in flight. */
  readonly drained: () => Promise<void>;
}

export const createBatcher = (deps: BatcherDeps): Batcher => {
  const { limits, monotonicMs } = deps;
  let queue: Queued[] = [];
  let queuedRows = 0;
  let inFlight = 0;
  let scheduled = false;
  let onIdle: (() => void)[] = [];

  const settle = (item: Queued, outcome: Prediction | InferenceFailure): void => {
    if (item.settled) return;
    item.settled = true;
    if (outcome instanceof InferenceFailure) item.reject(outcome);
    else item.resolve(outcome);
  };

  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    if (limits.maxQueueDelayMs > 0) setTimeout(dispatch, limits.maxQueueDelayMs);
    else setImmediate(dispatch);
  };

  const dispatch = (): void => {
    scheduled = false;
    while (queue.length > 0 && inFlight < limits.maxInFlight()) {
      const batch = take();
      if (batch.length === 0) continue;
      inFlight += 1;
      void runBatch(deps, { batch, settle }).finally(() => {
        inFlight -= 1;
        if (queue.length > 0) dispatch();
        else if (inFlight === 0) for (const resolve of onIdle.splice(0)) resolve();
      });
    }
  };

  /** The next batch from the front of the queue, without what has expired there: that never runs. */
  const take = (): Queued[] => {
    const nowMs = monotonicMs();
    const batch: Queued[] = [];
    let rows = 0;
    let taken = 0;
    for (const item of queue) {
      if (batch.length > 0 && rows + item.rows.length > limits.maxBatchRows) break;
      taken += 1;
      queuedRows -= item.rows.length;
      if (item.settled) continue;
      if (item.deadlineMs <= nowMs) settle(item, expired());
      else {
        batch.push(item);
        rows += item.rows.length;
      }
    }
    queue = taken === queue.length ? [] : queue.slice(taken);
    return batch;
  };

  return {
    submit: ({ rows, deadlineMs, span }) =>
      new Promise((resolve, reject) => {
        if (queuedRows + rows.length > limits.maxQueueRows) {
          reject(new InferenceFailure('queue-full', `${queuedRows} rows wait`));
          return;
        }
        const item: Queued = { rows, deadlineMs, span, enqueuedMs: monotonicMs(), settled: false, resolve, reject };
        queue.push(item);
        queuedRows += rows.length;
        deps.expiry.watch({ deadlineMs, isSettled: () => item.settled, expire: () => settle(item, expired()) });
        if (inFlight < limits.maxInFlight()) schedule();
      }),
    queuedRows: () => queuedRows,
    drained: () => (queue.length === 0 && inFlight === 0 ? Promise.resolve() : new Promise((resolve) => onIdle.push(resolve))),
  };
};

const expired = (): InferenceFailure => new InferenceFailure('timeout', 'the deadline passed before the answer');

interface Batch {
  readonly batch: readonly Queued[];
  readonly settle: (item: Queued, outcome: Prediction | InferenceFailure) => void;
}

/** One fire of the breaker: fails when every request of the batch failed by the version's own fault. */
const runBatch = async (deps: BatcherDeps, { batch, settle }: Batch): Promise<void> => {
  const startedMs = deps.monotonicMs();
  try {
    await deps.guard(async () => {
      const outcomes = await runTogetherOrAlone(deps, batch, startedMs);
      batch.forEach((item, index) => settle(item, outcomes[index] ?? expired()));
      const failures = outcomes.filter((outcome) => outcome instanceof InferenceFailure);
      if (failures.length === batch.length && failures[0] !== undefined) throw failures[0];
    });
  } catch (error) {
    const failure = InferenceFailure.from(error);
    for (const item of batch) settle(item, failure);
  }
};

/** A run that throws is repeated request by request, so that one request's fault fails no other. */
const runTogetherOrAlone = async (deps: BatcherDeps, batch: readonly Queued[], startedMs: number): Promise<readonly (Prediction | InferenceFailure)[]> => {
  try {
    return await runOnce(deps, batch, startedMs);
  } catch (error) {
    const failure = InferenceFailure.from(error);
    const [only] = batch;
    if (only === undefined || batch.length === 1) return [failure];
    if (failure.reason !== 'error' && failure.reason !== 'invalid-input') return batch.map(() => failure);
    const outcomes: (Prediction | InferenceFailure)[] = [];
    for (const item of batch) outcomes.push(...(await runTogetherOrAlone(deps, [item], startedMs)));
    return outcomes;
  }
};

const runOnce = async (deps: BatcherDeps, batch: readonly Queued[], startedMs: number): Promise<readonly Prediction[]> => {
  const [only] = batch;
  const rows = batch.length === 1 && only !== undefined ? only.rows : batch.flatMap((item) => item.rows);
  const result = await deps.run(deps.encode(rows)).catch((error: unknown) => {
    const failure = InferenceFailure.from(error);
    deps.onRun({ ...runOf(batch, startedMs), rows: rows.length, endedMs: deps.monotonicMs(), failure: failure.reason });
    throw failure;
  });
  deps.onRun({ ...runOf(batch, startedMs), rows: rows.length, endedMs: deps.monotonicMs(), failure: null });
  let start = 0;
  return batch.map((item) => {
    const end = start + item.rows.length;
    const prediction = { ...slice(result, { start, end, rows: rows.length }), queueMs: startedMs - item.enqueuedMs, computeMs: result.computeMs, batchRows: rows.length };
    start = end;
    return prediction;
  });
};

const runOf = (batch: readonly Queued[], startedMs: number): Pick<BatchRun, 'startedMs' | 'queuesMs' | 'spans'> => ({
  startedMs,
  queuesMs: batch.map((item) => startedMs - item.enqueuedMs),
  spans: batch.flatMap((item) => (item.span?.sampled === true ? [item.span] : [])),
});

interface RowRange {
  readonly start: number;
  readonly end: number;
  /** Rows of the whole run. */
  readonly rows: number;
}

const slice = ({ outputs, luma }: RunResult, { start, end, rows }: RowRange): Pick<Prediction, 'outputs' | 'luma'> => {
  const own: Record<string, Tensors[string]> = {};
  for (const name in outputs) {
    const tensor = outputs[name];
    // Output rows that are not the run's rows belong to no request: without values the guard rejects them, shape and all.
    if (tensor !== undefined) own[name] = tensor.shape[0] === rows ? rowsOf(tensor, start, end) : { ...tensor, data: [] };
  }
  return { outputs: own, luma: luma?.subarray(start, end) ?? null };
};
