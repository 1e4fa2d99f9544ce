/** Pairs of the comparison process by which of the two runs had the event. Integers. */
export interface PairCounts {
  readonly both: number;
  readonly candidateOnly: number;
  readonly baselineOnly: number;
  readonly neither: number;
  /** Begun and not finished. */
  readonly pending: number;
}

/** No pairs. */
export const noPairs: PairCounts = { both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0, pending: 0 };

/** Adds two counts of pairs. */
export const addPairs = (a: PairCounts, b: PairCounts): PairCounts => ({
  both: a.both + b.both,
  candidateOnly: a.candidateOnly + b.candidateOnly,
  baselineOnly: a.baselineOnly + b.baselineOnly,
  neither: a.neither + b.neither,
  pending: a.pending + b.pending,
});

/** Pairs counted, the pending ones not included. */
export const finishedPairs = (pairs: PairCounts): number => pairs.both + pairs.candidateOnly + pairs.baselineOnly + pairs.neither;
