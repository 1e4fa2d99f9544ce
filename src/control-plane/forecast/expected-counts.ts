import { versionsProbability } from '../../pair-sampling.ts';
import type { GuardCounts } from '../analysis/guard-counts.ts';
import type { Guard } from '../analysis/guard-test.ts';
import type { PairCounts } from '../analysis/pair-counts.ts';
import { type UnitStratum, type ValueStratum, valueIndexOf } from '../analysis/strata.ts';
import { independentPairs, latencyPairs, type PairShares } from './run-times.ts';
import type { Effect } from './suppose-effects.ts';

/** A guard with what is supposed of both arms. */
export interface SupposedGuard {
  readonly guard: Guard;
  /** The baseline's rate or mean. */
  readonly rate: number;
  /** Median run of the baseline, milliseconds. */
  readonly runMs: number;
  readonly effect: Effect;
}

/** How much traffic there was: fractional, since it is an expectation. */
export interface Amount {
  readonly units: number;
  /** Probability of the candidate, in [0, 1]. */
  readonly w: number;
  /** Pairs of both versions: all of them, which tell of latency, and those of new keys, which tell of everything else. */
  readonly pairs: number;
  readonly firstPairs: number;
}

/** Counts to expect for each pair, unit and value; made once for a supposed candidate. */
export type ExpectCounts = (amount: Amount) => GuardCounts;

const stratum = (
  { units, w }: Pick<Amount, 'units' | 'w'>,
  { baseline, candidate }: { readonly baseline: number; readonly candidate: number },
): UnitStratum => ({
  w,
  candidate: { n: units * w, events: units * w * candidate, pending: 0 },
  baseline: { n: units * (1 - w), events: units * (1 - w) * baseline, pending: 0 },
});

/** Only events count here, so no other requests are listed. */
const eventStratum = (amount: Amount, rates: { readonly baseline: number; readonly candidate: number }): UnitStratum => {
  const { w, candidate, baseline } = stratum(amount, rates);
  return { w, candidate: { ...candidate, n: candidate.events }, baseline: { ...baseline, n: baseline.events } };
};

/** Means are supposed to come from values this far to either side of them, a wide spread for an NDCG. */
const valueSd = 0.25;

const valuesAround = (mean: number, n: number): readonly number[] => {
  const counts = new Array<number>(101).fill(0);
  const spread = Math.min(valueSd, mean, 1 - mean);
  for (const value of [mean - spread, mean + spread]) counts[valueIndexOf(value)] = (counts[valueIndexOf(value)] ?? 0) + n / 2;
  return counts;
};

const valueStratum = ({ units, w }: Amount, { baseline, candidate }: { readonly baseline: number; readonly candidate: number }): ValueStratum => ({
  w,
  candidate: valuesAround(candidate, units * w),
  baseline: valuesAround(baseline, units * (1 - w)),
});

const scaled = ({ both, candidateOnly, baselineOnly, neither }: PairShares, pairs: number): PairCounts => ({
  both: both * pairs,
  candidateOnly: candidateOnly * pairs,
  baselineOnly: baselineOnly * pairs,
  neither: neither * pairs,
  pending: 0,
});

const pairSharesOf = ({ guard, rate, runMs, effect }: SupposedGuard): readonly PairShares[] => {
  if (guard.kind !== 'latency') return [independentPairs(rate, effect.rate)];
  const margin = { relative: 0, atLeastMs: 0, ...guard.margin };
  return guard.slots.map((q) => latencyPairs({ q, runMs, relative: margin.relative, atLeastMs: margin.atLeastMs }, effect.slowness));
};

/** What the counters of a guard will show on average. The same counts go through the same tests as live ones. */
export const expectCounts = (supposed: SupposedGuard): ExpectCounts => {
  const { guard, rate, effect } = supposed;
  const rates = { baseline: rate, candidate: effect.rate };
  const sources = new Set([...guard.rollback, ...guard.promotion].map(({ source }) => source));
  const shares = sources.has('pairs') ? pairSharesOf(supposed) : [];
  return (amount) => ({
    ...(sources.has('units') ? { units: [stratum(amount, rates)] } : {}),
    ...(sources.has('firstEvents') ? { firstEvents: [eventStratum(amount, rates)] } : {}),
    ...(sources.has('values') ? { values: [valueStratum(amount, rates)] } : {}),
    ...(sources.has('pairs') ? { pairs: shares.map((slot) => scaled(slot, guard.kind === 'latency' ? amount.pairs : amount.firstPairs)) } : {}),
    ...(sources.has('differences') ? { differences: [stratum({ units: amount.firstPairs / versionsProbability, w: versionsProbability }, rates)] } : {}),
  });
};
