import { bucketCount } from '../../latency-bucket.ts';
import { edgeWithMargin, type LatencyEdge, type LatencyMargin } from './latency-edge.ts';

/*
 * The sealed history of the baseline's runs, from which the thresholds of a new block are pinned. The past is known when the block starts,
 * so the thresholds are predictable and the test stays exact.
 */

/** Runs that a threshold needs, and that remain after a decay. */
export const leastRuns = 2000;

/** What a closed block keeps of the blocks before it. */
const decayPerBlock = 0.9;

/** Baseline runs per bucket, decayed, and their sum. */
export interface LatencyHistory {
  readonly runs: readonly number[];
  readonly total: number;
}

/** No runs. */
export const startLatencyHistory = (): LatencyHistory => ({ runs: new Array<number>(bucketCount).fill(0), total: 0 });

/** Adds the baseline's runs of a sealed block; older ones decay by 0.9 as long as 2,000 remain. */
export const addSealedRuns = (history: LatencyHistory, blockRuns: readonly number[]): LatencyHistory => {
  const keep = history.total * decayPerBlock >= leastRuns ? decayPerBlock : 1;
  const runs = history.runs.map((count, bucket) => count * keep + (blockRuns[bucket] ?? 0));
  return { runs, total: runs.reduce((sum, count) => sum + count, 0) };
};

/** The smallest edge whose survival (share of runs at or above it) is at most q. */
const smallestEdge = ({ runs, total }: LatencyHistory, q: number): number => {
  let atOrAbove = 0;
  for (let edge = bucketCount - 1; edge >= 0; edge -= 1) {
    atOrAbove += runs[edge] ?? 0;
    if (atOrAbove > q * total) return edge + 1;
  }
  return 0;
};

/**
 * The thresholds of a block, one a quantile slot.
 *
 * @param slots shares q of the baseline's runs that are slow, such as 0.05 for the 95th percentile
 * @returns null while the history holds fewer than 2,000 runs: the guard is silent
 * @see Howard, Ramdas, "Sequential estimation of quantiles", 2022 (comparison by stochastic order)
 */
export const pinLatencyEdges = (history: LatencyHistory, slots: readonly number[], margin: LatencyMargin): readonly LatencyEdge[] | null =>
  history.total < leastRuns ? null : slots.map((q) => edgeWithMargin(smallestEdge(history, q), margin));
