import type { Fault } from '../../bundle/fault.ts';
import type { Bundle } from '../../bundle/read-bundle.ts';
import type { GuardOutputs } from '../guards/compile-outputs.ts';
import type { RunCost } from './choose-batch.ts';
import type { RunResult } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { AnsweredRequest, ChangedAnswer } from './mixed-run.ts';
import { findChanged, mixRequests, shortestFirst } from './mixed-run.ts';
import type { GoldenDeps } from './run-golden.ts';

const sizes = [1, 8, 32, 128, 512];
/** Odd, so that the median is a measurement; the first run of each size also warms it. */
const repeats = 5;
/** A model this dear is not timed at larger sizes: each step costs start-up time, and only cheap models gain. */
const enoughMs = 10;
/** A size that would take longer, by what the last one took, is not tried: sizes may be hundreds of times apart. */
const tooLongMs = 100;

export interface MeasuredCosts {
  /** Ascending by rows. */
  readonly costs: readonly RunCost[];
  /** At most one: the size at which the graph fails, or answers a request otherwise than alone. */
  readonly faults: readonly Fault[];
}

export interface MeasureDeps extends GoldenDeps {
  /** The golden requests with what the placement answered to each alone. */
  readonly answered: readonly AnsweredRequest[];
}

/**
 * Times runs of growing size over the golden rows, in the placement itself: milliseconds of compute, median of a few. The
 * answers of these runs are held against those of the same requests alone: a size that was not tried is not used either.
 */
export const measureCosts = async (bundle: Bundle, deps: MeasureDeps): Promise<MeasuredCosts> => {
  const { maxBatchRows } = bundle.manifest.budgets;
  const costs: RunCost[] = [];
  let answered = shortestFirst(deps.answered);
  for (const rows of sizesUpTo(maxBatchRows)) {
    if (isTooDear(rows, costs.at(-1))) break;
    const { ms, result, fault } = await tryRows({ rows, times: repeats }, bundle, { ...deps, answered });
    if (fault !== null) return { costs, faults: [fault] };
    costs.push({ rows, ms });
    if (rows === 1) answered = [...firstRow(answered, result, deps.guard), ...answered];
  }
  if (!isPairLeft(maxBatchRows, costs)) return { costs, faults: [] };
  const { fault } = await tryRows({ rows: pairRows, times: 1 }, bundle, { ...deps, answered });
  return { costs, faults: fault === null ? [] : [fault] };
};

const isTooDear = (rows: number, last: RunCost | undefined): boolean => last !== undefined && (last.ms > enoughMs || (last.ms * rows) / last.rows > tooLongMs);

/** The least that has a stranger in it. */
const pairRows = 2;

/** On a busy machine a cheap model seems dear, and only single rows are timed; whether its rows are answered apart must not depend on that. */
const isPairLeft = (maxBatchRows: number, costs: readonly RunCost[]): boolean =>
  maxBatchRows >= pairRows && costs.length === 1 && (costs[0]?.ms ?? 0) * pairRows <= tooLongMs;

type TriedRows =
  | { readonly ms: number; readonly result: RunResult; readonly fault: null }
  | { readonly ms: null; readonly result: null; readonly fault: Fault };

/** Runs so many rows so many times. */
const tryRows = async ({ rows, times }: { readonly rows: number; readonly times: number }, bundle: Bundle, deps: MeasureDeps): Promise<TriedRows> => {
  const { answered, contract, guard, placement } = deps;
  const run = mixRequests(answered, rows);
  try {
    const feeds = contract.encode(run.rows);
    const result = await placement.run(feeds);
    const took = [result.computeMs];
    while (took.length < times) took.push((await placement.run(feeds)).computeMs);
    const changed = rows === 1 ? null : findChanged(run, result, guard);
    if (changed !== null) return { ms: null, result: null, fault: changedFault(rows, changed, bundle) };
    return { ms: medianOf(took), result, fault: null };
  } catch (error) {
    return { ms: null, result: null, fault: failedFault(rows, error, bundle) };
  }
};

const medianOf = (values: readonly number[]): number => values.toSorted((left, right) => left - right)[(values.length - 1) / 2] ?? 0;

/** Where every golden request is a list, which may be longer than any run that is tried: the first row of one, which has just run alone, is a request too. */
const firstRow = ([shortest]: readonly AnsweredRequest[], { outputs, luma }: RunResult, guard: GuardOutputs): readonly AnsweredRequest[] => {
  if (shortest === undefined || shortest.rows.length === 1) return [];
  const rows = shortest.rows.slice(0, 1);
  const guarded = guard({ rows, outputs, luma });
  return guarded.ok ? [{ ...shortest, rows, outputs: guarded.rows }] : [];
};

const placeOf = (rows: number, { manifest }: Bundle): Pick<Fault, 'file' | 'field'> => ({
  file: manifest.remote === undefined ? 'model.onnx' : 'remote server',
  field: `run of ${rows} rows`,
});

/** The golden rows run one by one and fail together: the graph does not keep its promise of a variable first dimension. */
const failedFault = (rows: number, error: unknown, bundle: Bundle): Fault => ({
  ...placeOf(rows, bundle),
  got: InferenceFailure.from(error).message,
  expected: 'an answer, as budgets.maxBatchRows promises',
});

const changedFault = (rows: number, { file, row, beside, alone }: ChangedAnswer, bundle: Bundle): Fault => ({
  ...placeOf(rows, bundle),
  got: `${beside} for row ${row} of golden/${file} beside other rows, ${alone} alone`,
  expected:
    'the same answer both times (rows of one request change the answers of another: export the model so that each row is answered by itself, or set budgets.maxBatchRows to 1, which gives each request a run to itself)',
});

const sizesUpTo = (maxBatchRows: number): readonly number[] => [...sizes.filter((size) => size < maxBatchRows), maxBatchRows];
