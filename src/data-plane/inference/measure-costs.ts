import type { Bundle } from '../../bundle/read-bundle.ts';
import type { CompiledContract } from '../contract/compile-contract.ts';
import type { RunCost } from './choose-batch.ts';
import type { Placement } from './placement.ts';

const sizes = [1, 8, 32, 128, 512];
/** Odd, so that the median is a measurement; the first run of each size also warms it. */
const repeats = 5;
/** A model this dear is not timed at larger sizes: each step costs start-up time, and only cheap models gain. */
const enoughMs = 10;

/** Times runs of growing size over the golden rows, in the placement itself: milliseconds of compute, median of a few. */
export const measureCosts = async (bundle: Bundle, { contract, placement }: { readonly contract: CompiledContract; readonly placement: Placement }): Promise<readonly RunCost[]> => {
  const samples = bundle.golden.flatMap(({ golden }) => golden.request.inputs);
  const costs: RunCost[] = [];
  for (const rows of sizesUpTo(bundle.manifest.budgets.maxBatchRows)) {
    const feeds = contract.encode(Array.from({ length: rows }, (_, index) => samples[index % samples.length] ?? {}));
    const times: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat += 1) times.push((await placement.run(feeds)).computeMs);
    const ms = times.sort((left, right) => left - right)[(repeats - 1) / 2] ?? 0;
    costs.push({ rows, ms });
    if (ms > enoughMs) break;
  }
  return costs;
};

const sizesUpTo = (maxBatchRows: number): readonly number[] => [...sizes.filter((size) => size < maxBatchRows), maxBatchRows];
