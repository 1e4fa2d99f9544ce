import type { LatencyEdge } from './latency-edge.ts';
import type { PairCounts } from './pair-counts.ts';

/** The cell of {@link PairCounts} that a finished pair counts in. */
export type PairCell = Exclude<keyof PairCounts, 'pending'>;

/** The cell of a pair by what happened in its two runs. */
const pairCell = (candidateEvent: boolean, baselineEvent: boolean): PairCell => {
  if (candidateEvent) return baselineEvent ? 'both' : 'candidateOnly';
  return baselineEvent ? 'baselineOnly' : 'neither';
};

/** The cell of a pair of runs at one threshold: X = 1{candidate bucket >= its edge} - 1{baseline bucket >= its edge}. */
export const latencyPairCell = (buckets: { readonly candidate: number; readonly baseline: number }, edge: LatencyEdge): PairCell =>
  pairCell(buckets.candidate >= edge.candidate, buckets.baseline >= edge.baseline);
