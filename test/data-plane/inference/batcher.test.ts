import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Row } from '../../../src/data-plane/contract/compile-contract.ts';
import type { Tensors } from '../../../src/data-plane/contract/tensor.ts';
import type { Batcher, BatcherDeps, BatchRun, PredictRequest } from '../../../src/data-plane/inference/batcher.ts';
import { createBatcher } from '../../../src/data-plane/inference/batcher.ts';
import type { RunResult } from '../../../src/data-plane/inference/executor.ts';
import { createExpiry } from '../../../src/data-plane/inference/expiry.ts';
import { InferenceFailure } from '../../../src/data-plane/inference/inference-failure.ts';
import { createInlinePlacement } from '../../../src/data-plane/inference/inline-placement.ts';
import type { Placement } from '../../../src/data-plane/inference/placement.ts';
import { echoModel } from '../../support/onnx-graph.ts';

/** The echo graph throws from here on. */
const poison = 5_000;
const farMs = 1e9;

const encode = (rows: readonly Row[]): Tensors => ({ x: { datatype: 'FP32', shape: [rows.length, 1], data: Float32Array.from(rows, ({ x }) => Number(x)) } });
const rowsOf = (...values: readonly number[]): readonly Row[] => values.map((x) => ({ x }));
const request = (values: readonly number[], deadlineMs = performance.now() + farMs): PredictRequest => ({ rows: rowsOf(...values), deadlineMs, span: null });
const feedOf = ({ x }: Tensors): number[] => Array.from(x?.data ?? [], Number);
/** What is queued runs when a turn of the loop has brought nothing more: the second one. */
const nextTurn = (): Promise<void> => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

interface Options extends Partial<Omit<BatcherDeps, 'limits'>> {
  readonly limits?: Partial<BatcherDeps['limits']>;
}

const makeBatcher = ({ limits, ...options }: Options = {}): Batcher => {
  const monotonicMs = (): number => performance.now();
  return createBatcher({
    limits: { maxBatchRows: 8, maxQueueRows: 1_000, maxQueueDelayMs: 0, maxInFlight: () => 1, ...limits },
    encode,
    run: (feeds) => Promise.resolve({ outputs: { y: feeds.x ?? { datatype: 'FP32', shape: [0], data: new Float32Array() } }, luma: null, computeMs: 0 }),
    guard: (action) => action(),
    expiry: createExpiry(monotonicMs),
    monotonicMs,
    onRun: () => undefined,
    ...options,
  });
};

/** The values that came back, or the reason of the failure. */
const outcomeOf = (answer: ReturnType<Batcher['submit']>): Promise<number[] | string> =>
  answer.then(
    ({ outputs }) => Array.from(outputs.y?.data ?? [], Number),
    (error: InferenceFailure) => error.reason,
  );

/** A run that waits until it is let go, and keeps what it was fed. */
const createGatedRun = () => {
  const waiting: { readonly feed: readonly number[]; readonly finish: () => void; readonly fail: (error: Error) => void }[] = [];
  const run = (feeds: Tensors): Promise<RunResult> =>
    new Promise((resolve, reject) => {
      waiting.push({
        feed: feedOf(feeds),
        finish: () => resolve({ outputs: feeds.x === undefined ? {} : { y: feeds.x }, luma: null, computeMs: 1 }),
        fail: reject,
      });
    });
  return { run, waiting };
};

describe('batcher on a real graph', () => {
  let placement: Placement;

  beforeAll(async () => {
    placement = await createInlinePlacement(echoModel(), () => performance.now());
  });
  afterAll(() => placement.close());

  const requests = fc.array(
    fc.record({
      values: fc.array(fc.integer({ min: 0, max: 999 }), { minLength: 1, maxLength: 12 }),
      isPoisoned: fc.boolean(),
      turnsLater: fc.integer({ min: 0, max: 3 }),
    }),
    {
      minLength: 1,
      maxLength: 24,
    },
  );
  const limits = fc.record({ maxBatchRows: fc.integer({ min: 1, max: 40 }), maxInFlight: fc.integer({ min: 1, max: 3 }) });

  test('gives every request just its own rows, and fails a poisoned one alone', async () => {
    await fc.assert(
      fc.asyncProperty(requests, limits, async (list, { maxBatchRows, maxInFlight }) => {
        const batcher = makeBatcher({ run: placement.run, limits: { maxBatchRows, maxInFlight: () => maxInFlight } });
        const submit = async ({ values, isPoisoned, turnsLater }: (typeof list)[number]): Promise<number[] | string> => {
          for (let turn = 0; turn < turnsLater; turn += 1) await nextTurn();
          return outcomeOf(batcher.submit(request(isPoisoned ? [...values, poison] : values)));
        };
        const outcomes = await Promise.all(list.map(submit));
        expect(outcomes).toEqual(list.map(({ values, isPoisoned }) => (isPoisoned ? 'error' : values)));
        await batcher.drained();
        expect(batcher.queuedRows()).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  test('makes one run of all requests of one turn, within the row limit', async () => {
    const runs: number[] = [];
    const batcher = makeBatcher({ run: placement.run, onRun: ({ rows }) => void runs.push(rows) });
    const answers = await Promise.all([[1, 2, 3], [4, 5], [6, 7, 8], [9]].map((values) => batcher.submit(request(values))));
    expect(runs).toEqual([8, 1]);
    expect(answers.map(({ batchRows }) => batchRows)).toEqual([8, 8, 8, 1]);
  });

  test('runs a request alone that is larger than the row limit', async () => {
    const values = Array.from({ length: 20 }, (_, index) => index);
    const batcher = makeBatcher({ run: placement.run });
    expect(await outcomeOf(batcher.submit(request(values)))).toEqual(values);
  });
});

describe('batcher limits', () => {
  test('turns away what does not fit into the queue, at once', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run, limits: { maxQueueRows: 4 } });
    const first = outcomeOf(batcher.submit(request([1, 2, 3])));
    expect(await outcomeOf(batcher.submit(request([4, 5])))).toBe('queue-full');
    const second = outcomeOf(batcher.submit(request([4])));
    expect(batcher.queuedRows()).toBe(4);
    await nextTurn();
    expect(batcher.queuedRows()).toBe(0);
    waiting[0]?.finish();
    expect(await Promise.all([first, second])).toEqual([[1, 2, 3], [4]]);
  });

  test.each([1, 2, 3])('has at most %i runs under way', async (maxInFlight) => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run, limits: { maxBatchRows: 1, maxInFlight: () => maxInFlight } });
    const answers = Array.from({ length: 7 }, (_, index) => outcomeOf(batcher.submit(request([index]))));
    for (let done = 0; done < answers.length; done += 1) {
      await nextTurn();
      expect(waiting.length - done).toBe(Math.min(maxInFlight, answers.length - done));
      waiting[done]?.finish();
    }
    expect(await Promise.all(answers)).toEqual(answers.map((_, index) => [index]));
  });

  test('waits the queue delay for more requests', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    try {
      const runs: number[] = [];
      const batcher = makeBatcher({ limits: { maxQueueDelayMs: 10 }, onRun: ({ rows }) => void runs.push(rows) });
      const answers = [batcher.submit(request([1]))];
      await nextTurn();
      vi.advanceTimersByTime(9);
      answers.push(batcher.submit(request([2])));
      vi.advanceTimersByTime(1);
      await Promise.all(answers);
      expect(runs).toEqual([2]);
    } finally {
      vi.useRealTimers();
    }
  });
});

describe('batcher deadlines', () => {
  beforeEach(() => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test('answers an expired request at its deadline while its run is still under way', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run });
    const late = outcomeOf(batcher.submit(request([1], performance.now() + 50)));
    const patient = outcomeOf(batcher.submit(request([2])));
    await nextTurn();
    vi.advanceTimersByTime(50);
    expect(await late).toBe('timeout');
    waiting[0]?.finish();
    expect(await patient).toEqual([2]);
  });

  test('never runs what expired in the queue, and frees its place', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run, limits: { maxQueueRows: 2 } });
    const first = outcomeOf(batcher.submit(request([1])));
    await nextTurn();
    const late = outcomeOf(batcher.submit(request([2, 3], performance.now() + 50)));
    vi.advanceTimersByTime(50);
    expect(await late).toBe('timeout');
    expect(batcher.queuedRows()).toBe(0);
    const second = outcomeOf(batcher.submit(request([4, 5])));
    waiting[0]?.finish();
    await first;
    await nextTurn();
    expect(waiting[1]?.feed).toEqual([4, 5]);
    waiting[1]?.finish();
    expect(await second).toEqual([4, 5]);
  });

  test('is drained when all that waited has expired', async () => {
    const batcher = makeBatcher({ limits: { maxQueueDelayMs: 1_000 } });
    const late = outcomeOf(batcher.submit(request([1], performance.now() + 50)));
    const drained = batcher.drained();
    vi.advanceTimersByTime(50);
    expect(await late).toBe('timeout');
    await drained;
  });

  test('is drained when the last in the queue turn out to have expired as they are taken', async () => {
    const monotonic = { ms: 0 };
    const batcher = makeBatcher({ monotonicMs: () => monotonic.ms });
    const late = outcomeOf(batcher.submit(request([1], 50)));
    const drained = batcher.drained();
    monotonic.ms = 60;
    expect(await late).toBe('timeout');
    await drained;
  });

  test('does not repeat alone what expired during the failed run', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run });
    const late = outcomeOf(batcher.submit(request([1], performance.now() + 50)));
    const patient = outcomeOf(batcher.submit(request([2])));
    await nextTurn();
    vi.advanceTimersByTime(50);
    waiting[0]?.fail(new Error('one of the two'));
    await nextTurn();
    expect(waiting.map(({ feed }) => feed)).toEqual([[1, 2], [2]]);
    waiting[1]?.finish();
    expect(await Promise.all([late, patient])).toEqual(['timeout', [2]]);
  });

  test('runs nothing that expired before its run, and settles everything', async () => {
    const plan = fc.array(
      fc.record({ deadlineMs: fc.integer({ min: -5, max: 60 }), rows: fc.integer({ min: 1, max: 4 }), passMs: fc.integer({ min: 0, max: 20 }) }),
      { minLength: 1, maxLength: 30 },
    );
    await fc.assert(
      fc.asyncProperty(plan, fc.integer({ min: 1, max: 10 }), async (steps, maxBatchRows) => {
        const deadlines: number[] = [];
        const expiredRuns: number[] = [];
        const run = async (feeds: Tensors): Promise<RunResult> => {
          expiredRuns.push(...feedOf(feeds).filter((index) => (deadlines[index] ?? 0) <= performance.now()));
          await nextTurn();
          return { outputs: feeds.x === undefined ? {} : { y: feeds.x }, luma: null, computeMs: 0 };
        };
        const batcher = makeBatcher({ run, limits: { maxBatchRows } });
        const outcomes = steps.map(async ({ deadlineMs, rows, passMs }, index) => {
          for (let turn = 0; turn < index; turn += 1) await nextTurn();
          deadlines[index] = performance.now() + deadlineMs;
          const outcome = outcomeOf(batcher.submit(request(new Array<number>(rows).fill(index), deadlines[index])));
          vi.advanceTimersByTime(passMs);
          return outcome;
        });
        const settled = await Promise.all(outcomes);
        await batcher.drained();
        expect(expiredRuns).toEqual([]);
        expect(settled.filter((outcome, index) => outcome !== 'timeout' && !(Array.isArray(outcome) && outcome.every((value) => value === index)))).toEqual([]);
      }),
      { numRuns: 50 },
    );
  });
});

describe('batcher failures', () => {
  test('fires the breaker once a batch, and fails the fire only when every request failed', async () => {
    const fires: string[] = [];
    const guard: BatcherDeps['guard'] = async (action) => {
      try {
        const result = await action();
        fires.push('ok');
        return result;
      } catch (error) {
        fires.push((error as InferenceFailure).reason);
        throw error;
      }
    };
    const run = async (feeds: Tensors): Promise<RunResult> => {
      if (feedOf(feeds).includes(poison)) throw new Error('poisoned');
      if (feedOf(feeds).includes(-1)) throw new InferenceFailure('invalid-input', 'unreadable');
      return { outputs: {}, luma: null, computeMs: 0 };
    };
    const batcher = makeBatcher({ guard, run });
    const submitAll = (lists: readonly (readonly number[])[]): Promise<unknown> => Promise.allSettled(lists.map((values) => batcher.submit(request(values))));
    await submitAll([[1], [poison], [2]]);
    await submitAll([[poison], [poison, 1]]);
    await submitAll([[-1], [-1]]);
    await submitAll([[-1], [poison]]);
    await submitAll([[1], [-1]]);
    await nextTurn();
    expect(fires).toEqual(['ok', 'error', 'invalid-input', 'error', 'ok']);
  });

  test('fails the whole batch with what the breaker says', async () => {
    const rest = new InferenceFailure('circuit-open', 'rested');
    const batcher = makeBatcher({ guard: () => Promise.reject(rest) });
    expect(await Promise.all([[1], [2]].map((values) => outcomeOf(batcher.submit(request(values)))))).toEqual(['circuit-open', 'circuit-open']);
  });

  test.each(['lost-worker', 'timeout'] as const)('repeats nothing after %s, which no single request is to blame for', async (reason) => {
    const run = vi.fn(() => Promise.reject(new InferenceFailure(reason, 'gone')));
    const batcher = makeBatcher({ run });
    expect(await Promise.all([[1], [2]].map((values) => outcomeOf(batcher.submit(request(values)))))).toEqual([reason, reason]);
    expect(run).toHaveBeenCalledTimes(1);
  });

  test.each([
    ['too few rows', 1],
    ['too many rows', 5],
  ])('gives output with %s to nobody', async (_, rows) => {
    const run = async (): Promise<RunResult> => ({
      outputs: { y: { datatype: 'FP32', shape: [rows, 1], data: new Float32Array(rows).fill(0.5) } },
      luma: null,
      computeMs: 0,
    });
    const batcher = makeBatcher({ run });
    const answers = await Promise.all([[1], [2, 3]].map((values) => batcher.submit(request(values))));
    expect(answers.map(({ outputs }) => outputs.y)).toEqual(answers.map(() => ({ datatype: 'FP32', shape: [rows, 1], data: [] })));
  });

  test('answers a repeated request when its own run ends, whatever the others still do', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run });
    const [first, second] = [batcher.submit(request([1])), batcher.submit(request([2]))];
    await nextTurn();
    waiting[0]?.fail(new Error('poisoned'));
    await nextTurn();
    expect(waiting.slice(1).map(({ feed }) => feed)).toEqual([[1], [2]]);
    waiting[2]?.finish();
    expect(await outcomeOf(second)).toEqual([2]);
    waiting[1]?.fail(new Error('poisoned'));
    expect(await outcomeOf(first)).toBe('error');
  });

  test('takes into one run what comes in while a turn of the loop still brings rows', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run });
    const answers = [batcher.submit(request([1]))];
    await new Promise((resolve) => setImmediate(resolve));
    answers.push(batcher.submit(request([2])));
    await nextTurn();
    expect(waiting.map(({ feed }) => feed)).toEqual([[1, 2]]);
    waiting[0]?.finish();
    expect(await Promise.all(answers.map(outcomeOf))).toEqual([[1], [2]]);
  });

  test('waits for no more than four turns of the loop, however long rows keep coming', async () => {
    const { run, waiting } = createGatedRun();
    const batcher = makeBatcher({ run });
    const answers: Promise<unknown>[] = [];
    for (const value of [1, 2, 3, 4, 5, 6]) {
      answers.push(batcher.submit(request([value])));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(waiting.map(({ feed }) => feed)).toEqual([[1, 2, 3, 4]]);
    waiting[0]?.finish();
    await nextTurn();
    waiting[1]?.finish();
    await Promise.all(answers);
  });

  test('tells of every run with its own times, also of the repeated ones', async () => {
    const clock = { ms: 0 };
    const run = async (feeds: Tensors): Promise<RunResult> => {
      clock.ms += 10;
      if (feedOf(feeds).includes(poison)) throw new Error('poisoned');
      return { outputs: {}, luma: null, computeMs: 10 };
    };
    const runs: Pick<BatchRun, 'rows' | 'startedMs' | 'endedMs' | 'queuesMs' | 'failure'>[] = [];
    const onRun = ({ rows, startedMs, endedMs, queuesMs, failure }: BatchRun): void => void runs.push({ rows, startedMs, endedMs, queuesMs, failure });
    const batcher = makeBatcher({ run, onRun, monotonicMs: () => clock.ms });
    const [good] = await Promise.allSettled([batcher.submit(request([1], farMs)), batcher.submit(request([poison], farMs))]);
    expect(runs.toSorted((one, other) => one.startedMs - other.startedMs)).toEqual([
      { rows: 2, startedMs: 0, endedMs: 10, queuesMs: [0, 0], failure: 'error' },
      { rows: 1, startedMs: 10, endedMs: 30, queuesMs: [10], failure: null },
      { rows: 1, startedMs: 20, endedMs: 30, queuesMs: [20], failure: 'error' },
    ]);
    expect(good).toMatchObject({ value: { queueMs: 10, batchRows: 1 } });
  });
});
