/** From the pairs that the data plane counted to what the tests read. The data plane knows no thresholds: they are pinned here, block by block. */
import type { ComparedOutputs, PairedEvents, SecondPairs } from '../store/observation.ts';
import { latencyPairCell } from './analysis/count-latency-pair.ts';
import type { GuardCounts, GuardPins } from './analysis/guard-counts.ts';
import type { LatencyEdge } from './analysis/latency-edge.ts';
import { addPairs, noPairs, type PairCounts } from './analysis/pair-counts.ts';
import { mergeUnits, type UnitStratum } from './analysis/strata.ts';

/** What of a pair is a guard's: the run times, an event, or the differences by one rule. */
export type PairSource = 'latency' | 'errors' | 'breaches' | { readonly difference: number };

/** Baseline runs per log bucket, only those that there are. */
export type SparseRuns = readonly (readonly [bucket: number, runs: number])[];

const sumBy = (pairs: readonly SecondPairs[], value: (second: SecondPairs) => number): number => pairs.reduce((sum, second) => sum + value(second), 0);

/** Pairs that have begun, the pending ones included. */
export const pairsIn = (pairs: readonly SecondPairs[]): number => sumBy(pairs, ({ n }) => n);

/** Pairs that have begun and of which a run is not known. */
export const pendingPairs = (pairs: readonly SecondPairs[]): number => sumBy(pairs, ({ n, done }) => n - done);

/** Pairs of the baseline with itself that count and are not finished. */
export const pendingSelfPairs = (pairs: readonly SecondPairs[]): number => sumBy(pairs, ({ differences: { itself } }) => itself.n - itself.done);

/** The baseline's runs in finished pairs. */
export const baselineRuns = (pairs: readonly SecondPairs[]): SparseRuns => {
  const runs = new Map<number, number>();
  for (const { latency } of pairs) for (const [baseline, , count] of latency) runs.set(baseline, (runs.get(baseline) ?? 0) + count);
  return [...runs];
};

const slowPairs = (pairs: readonly SecondPairs[], edge: LatencyEdge): PairCounts => {
  const counts = { ...noPairs, pending: pendingPairs(pairs) };
  for (const { latency } of pairs) for (const [baseline, candidate, count] of latency) counts[latencyPairCell({ baseline, candidate }, edge)] += count;
  return counts;
};

const eventPairs = (pairs: readonly SecondPairs[], kind: 'errors' | 'breaches'): PairCounts =>
  pairs.reduce((sum, { counted }) => addPairs(sum, { ...pairedEvents(counted[kind]), pending: counted.n - counted.done }), noPairs);

const pairedEvents = ({ both, candidateOnly, baselineOnly, neither }: PairedEvents) => ({ both, candidateOnly, baselineOnly, neither });

/** What the pairs of a block say to one guard. Without thresholds, latency says nothing: it is silent, and its pairs stay history. */
export const countPairs = (source: PairSource, pairs: readonly SecondPairs[], { latencyEdges }: GuardPins): GuardCounts => {
  if (source === 'latency') return latencyEdges === undefined ? {} : { pairs: latencyEdges.map((edge) => slowPairs(pairs, edge)) };
  if (source === 'errors' || source === 'breaches') return { pairs: [eventPairs(pairs, source)] };
  return { differences: mergeUnits(pairs.map(({ differences }) => differenceStratum(differences, source.difference))) };
};

const differenceStratum = ({ w, versions, itself }: SecondPairs['differences'], rule: number): UnitStratum => {
  const arm = ({ n, done, differ }: ComparedOutputs) => ({ n, events: differ[rule] ?? 0, pending: n - done });
  return { w, candidate: arm(versions), baseline: arm(itself) };
};
