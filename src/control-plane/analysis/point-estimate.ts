import { isComparable, type UnitStratum, type ValueStratum, valueOfIndex } from './strata.ts';

/** Number, mean and variance of the outcomes of one arm in one stratum. */
export interface ArmMoments {
  readonly n: number;
  readonly mean: number;
  readonly variance: number;
}

/** Estimates over strata. */
export interface PointEstimate {
  /** Candidate minus baseline: inverse-variance mean over strata, so that a ramp does not compare different hours. */
  readonly difference: number;
  /** Candidate over baseline, from the same mean; null while the baseline's is 0. */
  readonly ratio: number | null;
}

/** Known outcomes of an arm; half an event is added for the variance only, so that no events do not mean certainty. */
const rateMoments = ({ n, events, pending }: UnitStratum['candidate']): ArmMoments => {
  const known = n - pending;
  const smoothed = (events + 0.5) / (known + 1);
  return { n: known, mean: known > 0 ? events / known : 0, variance: smoothed * (1 - smoothed) };
};

/** Of outcomes that are kept as counts per value. */
export const valueMoments = (counts: readonly number[]): ArmMoments => {
  const n = counts.reduce((sum, count) => sum + count, 0);
  if (n === 0) return { n, mean: 0, variance: 0 };
  const mean = counts.reduce((sum, count, index) => sum + count * valueOfIndex(index), 0) / n;
  const variance = counts.reduce((sum, count, index) => sum + count * (valueOfIndex(index) - mean) ** 2, 0) / n;
  return { n, mean, variance: Math.max(variance, 1 / (4 * (n + 1) ** 2)) };
};

const estimate = (strata: readonly { readonly candidate: ArmMoments; readonly baseline: ArmMoments }[]): PointEstimate | null => {
  let information = 0;
  let difference = 0;
  let baselineMean = 0;
  for (const { candidate, baseline } of strata) {
    if (candidate.n === 0 || baseline.n === 0) continue;
    const weight = 1 / (candidate.variance / candidate.n + baseline.variance / baseline.n);
    information += weight;
    difference += weight * (candidate.mean - baseline.mean);
    baselineMean += weight * baseline.mean;
  }
  if (information === 0) return null;
  return { difference: difference / information, ratio: baselineMean > 0 ? 1 + difference / baselineMean : null };
};

/**
 * The effect of a rate: sum I_j d_j / sum I_j, I_j = 1 / (s1^2 / n1 + s0^2 / n0). Pending requests are left out.
 *
 * @returns null while no stratum has known outcomes in both arms
 */
export const rateEffect = (strata: readonly UnitStratum[]): PointEstimate | null =>
  estimate(strata.filter(isComparable).map(({ candidate, baseline }) => ({ candidate: rateMoments(candidate), baseline: rateMoments(baseline) })));

/** The effect of a mean, as {@link rateEffect}. */
export const meanEffect = (strata: readonly ValueStratum[]): PointEstimate | null =>
  estimate(strata.filter(isComparable).map(({ candidate, baseline }) => ({ candidate: valueMoments(candidate), baseline: valueMoments(baseline) })));
