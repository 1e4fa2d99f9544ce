import type { Hypothesis, Side } from './hypothesis.ts';

/** The price of a decision in nats: ln(K / (alpha w_g pi_1)). For promotion alpha is beta, w_g and pi_1 are 1. */
export interface DecisionPrice {
  readonly betCount: number;
  readonly alpha: number;
  readonly weight: number;
  /** Mass of the first block: 1/2 with restarts, else 1. */
  readonly firstMass: number;
}

/** A supposed truth. */
export interface SupposedRates {
  /** Baseline and candidate, as shares or means in [0, 1]. */
  readonly p0: number;
  readonly p1: number;
  /** Probability of the candidate, in (0, 1). */
  readonly w: number;
}

/** A number of units, or that the test never decides: the effect is on the wrong side of the margin, or on it. */
export type Needed = number | 'never';

const neededFor = (growth: number, { betCount, alpha, weight, firstMass }: DecisionPrice): Needed =>
  growth > 0 ? Math.log(betCount / (alpha * weight * firstMass)) / growth : 'never';

/**
 * Requests until a decision, about: ln(K / (alpha w_g pi_1)) / g, g = mu^2 / (2 V), mu = effect minus margin, V = p1 / w + rho0^2 p0 / (1 - w).
 * Heuristic and on the safe side: measured medians are 0.4 to 0.85 of it.
 */
export const requestsNeeded = (
  rates: SupposedRates,
  { hypothesis, side }: { readonly hypothesis: Hypothesis; readonly side: Side },
  price: DecisionPrice,
): Needed => {
  const { p0, p1, w } = rates;
  const { harm, rho0, delta } = hypothesis;
  const mu = side * (harm * (p1 - rho0 * p0) - delta);
  const variance = p1 / w + (rho0 ** 2 * p0) / (1 - w);
  return neededFor(mu > 0 ? mu ** 2 / (2 * variance) : 0, price);
};

/** Pairs until a decision: the same with the mean and the mean square of X, in [-1, 1]. */
export const pairsNeeded = ({ mean, meanSquare }: { readonly mean: number; readonly meanSquare: number }, side: Side, price: DecisionPrice): Needed =>
  neededFor(side * mean > 0 ? mean ** 2 / (2 * meanSquare) : 0, price);
