import { differenceInterval, type Interval, type IntervalOptions, meanInterval, pairInterval } from './confidence-sequence.ts';
import type { GuardCounts } from './guard-counts.ts';
import type { CountSource, GuardTest } from './guard-test.ts';
import { finishedPairs, noPairs, type PairCounts } from './pair-counts.ts';
import { meanEffect, rateEffect } from './point-estimate.ts';
import { type UnitStratum, type ValueStratum, valueOfIndex } from './strata.ts';

/** One arm's numbers. `value` is events / n, or the mean of outcomes; null without data. Pending requests are left out. */
export interface ArmSummary {
  readonly n: number;
  readonly events: number | null;
  readonly value: number | null;
}

/** The numbers behind a guard's verdict, from one source of counts. */
export interface GuardSummary {
  readonly source: CountSource;
  /** Of the leading test: the latency slot; 0 elsewhere. */
  readonly slot: number;
  readonly baseline: ArmSummary;
  readonly candidate: ArmSummary;
  /** Candidate minus baseline; null without data in both arms. */
  readonly effect: number | null;
  /** Candidate over baseline; null when the baseline's value is 0 or unknown. */
  readonly ratio: number | null;
  /** Confidence sequence of the effect; null without data, or when intervals were not asked for. */
  readonly interval: Interval | null;
}

const armOf = (n: number, events: number): ArmSummary => ({ n, events, value: n > 0 ? events / n : null });

const unitArm = (strata: readonly UnitStratum[], arm: 'candidate' | 'baseline'): ArmSummary => {
  const known = strata.map((stratum) => stratum[arm]);
  return armOf(
    known.reduce((sum, { n, pending }) => sum + n - pending, 0),
    known.reduce((sum, { events }) => sum + events, 0),
  );
};

const valueArm = (strata: readonly ValueStratum[], arm: 'candidate' | 'baseline'): ArmSummary => {
  let n = 0;
  let sum = 0;
  for (const stratum of strata) {
    stratum[arm].forEach((count, index) => {
      n += count;
      sum += count * valueOfIndex(index);
    });
  }
  return { n, events: null, value: n > 0 ? sum / n : null };
};

type Body = Omit<GuardSummary, 'source' | 'slot'>;

const ofUnits = (strata: readonly UnitStratum[], options: IntervalOptions | null): Body => {
  const effect = rateEffect(strata);
  return {
    baseline: unitArm(strata, 'baseline'),
    candidate: unitArm(strata, 'candidate'),
    effect: effect?.difference ?? null,
    ratio: effect?.ratio ?? null,
    interval: options && differenceInterval(strata, options),
  };
};

const ofValues = (strata: readonly ValueStratum[], c0: number, options: IntervalOptions | null): Body => {
  const effect = meanEffect(strata);
  return {
    baseline: valueArm(strata, 'baseline'),
    candidate: valueArm(strata, 'candidate'),
    effect: effect?.difference ?? null,
    ratio: effect?.ratio ?? null,
    interval: options && meanInterval(strata, c0, options),
  };
};

const ofPairs = (pairs: PairCounts, options: IntervalOptions | null): Body => {
  const n = finishedPairs(pairs);
  const baseline = armOf(n, pairs.both + pairs.baselineOnly);
  const candidate = armOf(n, pairs.both + pairs.candidateOnly);
  const effect = baseline.value === null || candidate.value === null ? null : candidate.value - baseline.value;
  return { baseline, candidate, effect, ratio: ratioOf(candidate, baseline), interval: options && pairInterval(pairs, options) };
};

const ratioOf = (candidate: ArmSummary, baseline: ArmSummary): number | null => (baseline.value ? (candidate.value ?? 0) / baseline.value : null);

const hasBothArms = (strata: readonly UnitStratum[] | undefined): boolean =>
  (strata ?? []).some(({ candidate, baseline }) => candidate.n > candidate.pending && baseline.n > baseline.pending);

/** What people are shown: the leading test's numbers when it is what condemns, else requests, else pairs (a shadow step has no requests). */
const sourceOf = (leading: GuardTest, counts: GuardCounts, condemned: boolean): CountSource => {
  if (condemned) return leading.source;
  if (leading.source === 'values' || leading.source === 'differences' || leading.kind === 'latency') return leading.source;
  return hasBothArms(counts.units) || !counts.pairs?.length ? 'units' : 'pairs';
};

/**
 * Both arms' numbers of a guard.
 *
 * @param counts everything counted so far, with the pins of the open block
 * @param options null leaves the interval out: it is a display value and dearer than the verdict
 */
export const summariseGuard = (
  counts: GuardCounts,
  { leading, condemned }: { readonly leading: GuardTest; readonly condemned: boolean },
  options: IntervalOptions | null,
): GuardSummary => {
  const { slot } = leading;
  const source = sourceOf(leading, counts, condemned);
  switch (source) {
    case 'units':
      return { source, slot, ...ofUnits(counts.units ?? [], options) };
    case 'firstEvents':
      return { source, slot, ...ofFirstEvents(counts.firstEvents ?? [], counts.units ?? []) };
    case 'values':
      return { source, slot, ...ofValues(counts.values ?? [], leading.hypothesis.c0, options) };
    case 'pairs':
      return { source, slot, ...ofPairs(counts.pairs?.[leading.slot] ?? noPairs, options) };
    case 'differences':
      return { source, slot, ...ofUnits(counts.differences ?? [], options) };
  }
};

/** First events are held against the keys of their arm; a rate of depleting keys has no interval of its own. */
const ofFirstEvents = (firstEvents: readonly UnitStratum[], units: readonly UnitStratum[]): Body => {
  const arm = (side: 'candidate' | 'baseline'): ArmSummary => armOf(unitArm(units, side).n, unitArm(firstEvents, side).events ?? 0);
  const baseline = arm('baseline');
  const candidate = arm('candidate');
  const effect = baseline.value === null || candidate.value === null ? null : candidate.value - baseline.value;
  return { baseline, candidate, effect, ratio: ratioOf(candidate, baseline), interval: null };
};
