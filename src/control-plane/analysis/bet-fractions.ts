import { betSizes } from './bet-grid.ts';
import { coinScores, largestLossOf } from './coin-scores.ts';
import type { CoinBet } from './hypothesis.ts';

/** The largest share of the capital that a bet may lose: every factor stays >= 0.05, so that no logarithm is infinite. */
export const largestLoss = 0.95;

/**
 * The fractions lam_k bet on the score of one request at probability w: min(.95 / m, w (1 - w) s_k / (1 - w + w rho0 (1 + s_k))),
 * m = the largest loss over Y in {0, 1}. At delta = 0, c0 = 0 the factor 1 + lam_k X is the likelihood ratio of "rho0 (1 + s_k) times the rate".
 *
 * @see Lindon, Malek 2022; Waudby-Smith, Ramdas 2024, section 4 (bounded bets)
 */
export const betFractions = (w: number, { hypothesis, side, grid }: CoinBet): readonly number[] => {
  const m = largestLossOf(coinScores(w, hypothesis), side);
  const { rho0 } = hypothesis;
  return betSizes(grid).map((s) => Math.min(largestLoss / m, (w * (1 - w) * s) / (1 - w + w * rho0 * (1 + s))));
};
