/** +1: a larger outcome is worse (errors). -1: a smaller outcome is worse (conversions). */
export type Harm = 1 | -1;

/** +1 bets against "no worse than the margin" (rollback); -1 bets against "worse than the margin, or exactly at it" (promotion). */
export type Side = 1 | -1;

/**
 * A margin between the candidate's outcome Y(1) and the baseline's Y(0), both in [0, 1].
 *
 * harm +1: E[Y(1)] <= rho0 E[Y(0)] + delta. harm -1: E[Y(1)] >= rho0 E[Y(0)] - delta.
 */
export interface Hypothesis {
  readonly harm: Harm;
  /** Relative margin: 1.2 allows +20 %, with harm -1 0.95 allows -5 %. 1 when the margin is absolute. */
  readonly rho0: number;
  /** Absolute margin, a difference of means. 0 when the margin is relative. */
  readonly delta: number;
  /** A fixed guess of the baseline's mean: it lowers the variance and never affects validity. 0 for rare events. */
  readonly c0: number;
}

/** A grid of bets s_k = first * 2^k, k = 0 .. count - 1. */
export interface BetGrid {
  readonly first: number;
  readonly count: number;
}

/** One direction of one hypothesis with the bets made on it: what the coin kernel needs besides counts. */
export interface CoinBet {
  readonly hypothesis: Hypothesis;
  readonly side: Side;
  readonly grid: BetGrid;
}
