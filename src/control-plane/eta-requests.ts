import type { GuardAssessment } from './analysis/assess-guards.ts';
import type { GuardCounts } from './analysis/guard-counts.ts';
import type { Guard, GuardTest } from './analysis/guard-test.ts';
import type { Side } from './analysis/hypothesis.ts';
import { largestCapital, largestStart } from './analysis/likely-start.ts';
import { finishedPairs, noPairs } from './analysis/pair-counts.ts';
import { type ArmMoments, valueMoments } from './analysis/point-estimate.ts';
import type { ValueStratum } from './analysis/strata.ts';
import { coinMoments, pairMoments, type ScoreMoments, unitsNeeded } from './analysis/units-needed.ts';
import type { Measurements } from './assess-rollout.ts';

/** What of a rollout the estimate is made from. */
export interface EtaInput {
  readonly measurements: Pick<Measurements, 'evidence' | 'open' | 'risk'>;
  /** All that was counted of the guard. */
  readonly counts: GuardCounts;
  /** Probability of the candidate at the present weight; units come to nothing at 0 and 1. */
  readonly w: number;
}

/** One guard as it was assessed. */
interface Assessed extends EtaInput {
  readonly guard: Guard;
  readonly assessed: GuardAssessment;
}

type Arms = Parameters<typeof coinMoments>[1];

const isMixed = (w: number): boolean => w > 0 && w < 1;

/** The probability with which a unit of a test comes to the candidate: a request at the present weight, or a compared request. */
const probabilityOf = ({ source }: GuardTest, { counts, w }: EtaInput): number => (source === 'differences' ? (counts.differences?.[0]?.w ?? 0) : w);

/** The baseline's pooled rate and the effect over strata: a ramp under a changing base rate shows no effect of its own. */
const unitArms = ({ assessed: { baseline, effect } }: Assessed, w: number): Arms | null => {
  if (!isMixed(w) || effect === null || baseline.value === null) return null;
  const rateOf = (mean: number) => ({ mean, variance: mean * (1 - mean) });
  return { baseline: rateOf(baseline.value), candidate: rateOf(Math.min(1, Math.max(0, baseline.value + effect))), w };
};

const valueArm = (strata: readonly ValueStratum[], arm: 'baseline' | 'candidate'): ArmMoments => {
  const sum: number[] = [];
  for (const stratum of strata) for (const [index, count] of stratum[arm].entries()) sum[index] = (sum[index] ?? 0) + count;
  return valueMoments(Array.from(sum, (count) => count ?? 0));
};

const valueArms = ({ assessed: { effect }, counts, w }: Assessed): Arms | null => {
  if (!isMixed(w) || effect === null) return null;
  const baseline = valueArm(counts.values ?? [], 'baseline');
  return { baseline, candidate: { ...valueArm(counts.values ?? [], 'candidate'), mean: baseline.mean + effect }, w };
};

const ofPairs = ({ hypothesis, side, slot }: GuardTest, { counts }: Assessed): ScoreMoments | null => {
  const pairs = counts.pairs?.[slot] ?? noPairs;
  return finishedPairs(pairs) === 0 ? null : pairMoments(pairs, { ...hypothesis, side });
};

/** How the scores of a test come out at present rates; null while nothing tells. */
const momentsOf = (test: GuardTest, of: Assessed): ScoreMoments | null => {
  switch (test.source) {
    case 'units':
    case 'differences':
    case 'values': {
      const arms = test.source === 'values' ? valueArms(of) : unitArms(of, probabilityOf(test, of));
      return arms && coinMoments(test, arms);
    }
    case 'pairs':
      return ofPairs(test, of);
    case 'firstEvents':
      return null; // its rate depletes
  }
};

/** ln of what the largest capital still has to be multiplied by. */
const lnLeftOf = (test: GuardTest, { measurements: { evidence, open, risk } }: Assessed): number => {
  if (test.side === -1) return -Math.log(risk.falsePromotion) - largestCapital(test, evidence, open);
  return -Math.log(risk.falseRollback * test.weight) - (largestStart(test, evidence, open)?.lnCapital ?? Number.NaN);
};

/** Candidate requests: of units and of compared requests the candidate gets a share, of pairs it has a run in each. */
const requestsOf = (test: GuardTest, of: Assessed): number | null => {
  const moments = test.source === of.assessed.source ? momentsOf(test, of) : null;
  const units = moments && unitsNeeded(lnLeftOf(test, of), moments);
  if (units === null) return null;
  const requests = Math.ceil(test.source === 'pairs' ? units : units * probabilityOf(test, of));
  return Number.isSafeInteger(requests) ? requests : null;
};

const etaOf = (side: Side, of: Assessed): number | null => {
  const etas = (side === 1 ? of.guard.rollback : of.guard.promotion).map((test) => requestsOf(test, of));
  const known = etas.filter((eta) => eta !== null);
  // One test is enough to roll back; for a promotion all have to be there.
  if (side === 1) return known.length === 0 ? null : Math.min(...known);
  return known.length < etas.length ? null : Math.max(...known);
};

/**
 * How many more candidate requests a guard needs for its verdict if the rates stay as they are: to be worse when a test finds the candidate beyond the
 * margin, else to be within it. 0 when the verdict is there, null when it cannot be said. An estimate: it decides nothing.
 */
export const etaRequests = (guard: Guard, assessed: GuardAssessment, input: EtaInput): number | null => {
  if (assessed.verdict === 'could-not-measure') return null;
  if (assessed.verdict !== 'undecided') return 0;
  const of = { ...input, guard, assessed };
  return etaOf(1, of) ?? etaOf(-1, of);
};
