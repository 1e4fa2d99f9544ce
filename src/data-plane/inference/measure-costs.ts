import type { Fault } from '../../bundle/fault.ts';
import type { Bundle } from '../../bundle/read-bundle.ts';
import type { CompiledContract } from '../contract/compile-contract.ts';
import type { RunCost } from './choose-batch.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { Placement } from './placement.ts';

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
  /** At most one: the size at which the graph fails. */
  readonly faults: readonly Fault[];
}

/** Times runs of growing size over the golden rows, in the placement itself: milliseconds of compute, median of a few. */
export const measureCosts = async (
  bundle: Bundle,
  { contract, placement }: { readonly contract: CompiledContract; readonly placement: Placement },
): Promise<MeasuredCosts> => {
  const samples = bundle.golden.flatMap(({ golden }) => golden.request.inputs);
  const costs: RunCost[] = [];
  for (const rows of sizesUpTo(bundle.manifest.budgets.maxBatchRows)) {
    const last = costs.at(-1);
    if (last !== undefined && (last.ms > enoughMs || (last.ms * rows) / last.rows > tooLongMs)) break;
    const feeds = contract.encode(Array.from({ length: rows }, (_, index) => samples[index % samples.length] ?? {}));
    try {
      costs.push({ rows, ms: await medianMs(feeds, placement) });
    } catch (error) {
      return { costs, faults: [faultOf(rows, error, bundle)] };
    }
  }
  return { costs, faults: [] };
};

const medianMs = async (feeds: Parameters<Placement['run']>[0], placement: Placement): Promise<number> => {
  const times: number[] = [];
  for (let repeat = 0; repeat < repeats; repeat += 1) times.push((await placement.run(feeds)).computeMs);
  return times.sort((left, right) => left - right)[(repeats - 1) / 2] ?? 0;
};

/** The golden rows run one by one and fail together: the graph does not keep its promise of a variable first dimension. */
const faultOf = (rows: number, error: unknown, { manifest }: Bundle): Fault => ({
  file: manifest.remote === undefined ? 'model.onnx' : 'remote server',
  field: `run of ${rows} rows`,
  got: InferenceFailure.from(error).message,
  expected: 'an answer, as budgets.maxBatchRows promises',
});

const sizesUpTo = (maxBatchRows: number): readonly number[] => [...sizes.filter((size) => size < maxBatchRows), maxBatchRows];
