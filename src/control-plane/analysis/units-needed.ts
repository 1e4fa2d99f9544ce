import { largestLoss } from './bet-fractions.ts';
import { coinScores, largestLossOf } from './coin-scores.ts';
import type { CoinBet } from './hypothesis.ts';
import { finishedPairs, type PairCounts } from './pair-counts.ts';
import type { PairBet } from './pair-logs.ts';
import type { ArmMoments } from './point-estimate.ts';

/** The scores side * X of one bet at present rates, for each unit or pair. */
export interface ScoreMoments {
  /** mu: the effect less the margin, in the direction of the bet. */
  readonly mean: number;
  /** V: the mean square. */
  readonly square: number;
  /** The most that one unit can take off. */
  readonly loss: number;
}

type Moments = Pick<ArmMoments, 'mean' | 'variance'>;

/**
 * Of units at a probability w of the candidate: V = E[(Y1 - c1)^2] / w + rho0^2 E[(Y0 - c0)^2] / (1 - w), which is p1/w + p0/(1-w) for c0 = 0 and
 * p(1-p)/(w(1-w)) for c0 = p, both with rho0 = 1.
 */
export const coinMoments = (
  { hypothesis, side }: Omit<CoinBet, 'grid'>,
  { candidate, baseline, w }: { readonly candidate: Moments; readonly baseline: Moments; readonly w: number },
): ScoreMoments => {
  const { harm, rho0, delta, c0 } = hypothesis;
  const squareAbout = ({ mean, variance }: Moments, centre: number): number => variance + (mean - centre) ** 2;
  return {
    mean: side * (harm * (candidate.mean - rho0 * baseline.mean) - delta),
    square: squareAbout(candidate, rho0 * c0) / w + (rho0 ** 2 * squareAbout(baseline, c0)) / (1 - w),
    loss: largestLossOf(coinScores(w, hypothesis), side),
  };
};

/** Of pairs: X + delta = Y1 - rho0 Y0. */
export const pairMoments = (pairs: PairCounts, { rho0, delta, side }: Omit<PairBet, 'grid'>): ScoreMoments => {
  const { both, candidateOnly, baselineOnly } = pairs;
  const n = finishedPairs(pairs);
  return {
    mean: side * ((both + candidateOnly - rho0 * (both + baselineOnly)) / n - delta),
    square: (both * (1 - rho0) ** 2 + candidateOnly + baselineOnly * rho0 ** 2) / n,
    loss: side === 1 ? rho0 + delta : Math.max(rho0 + delta, 1 - delta),
  };
};

/**
 * Units or pairs until a bet has won `lnLeft`: the planning formula lnLeft / g with g = mu^2 / (2 V), the growth of a bet of the fraction mu / V. A test
 * bets no more than 0.95 of its largest loss: where mu / V is more than that, as where no event was seen, g is that of the largest bet.
 *
 * @param lnLeft from the start ln(K / (alpha w_g pi_1)); later ln(1 / (alpha w_g)) less ln of the capital that there is
 * @returns null when the bet loses at these rates
 * @see Waudby-Smith, Ramdas 2024, section 4 (the growth of a bet to the second order)
 */
export const unitsNeeded = (lnLeft: number, { mean, square, loss }: ScoreMoments): number | null => {
  if (!(mean > 0)) return null;
  const fraction = Math.min(mean / square, largestLoss / loss);
  return Math.max(0, lnLeft) / (fraction * mean - (fraction ** 2 * square) / 2);
};
