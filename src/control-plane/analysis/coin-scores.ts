import type { Hypothesis, Side } from './hypothesis.ts';

/**
 * The score X of one request under the randomisation martingale: E[X | past] <= 0 when the candidate keeps the margin.
 *
 * With w the probability of the candidate and c1 = rho0 c0:
 * candidate X = harm (Y - c1) / w - delta; baseline X = -harm rho0 (Y - c0) / (1 - w) - delta.
 *
 * @param w in (0, 1), the exact probability with which the request went to the candidate
 * @see Lindon, Malek, "Anytime-valid inference for multinomial count data", 2022 (the case delta = 0, c0 = 0);
 *   Waudby-Smith, Ramdas, "Estimating means of bounded random variables by betting", 2024 (bounded X)
 */
export const coinScores = (w: number, { harm, rho0, delta, c0 }: Hypothesis) => ({
  candidate: (y: number): number => (harm * (y - rho0 * c0)) / w - delta,
  baseline: (y: number): number => (-harm * rho0 * (y - c0)) / (1 - w) - delta,
});

/** The scores of the two arms, by the outcome. */
type CoinScores = ReturnType<typeof coinScores>;

/** The most that one request can take off a bet on this side, over both arms and Y in {0, 1}: for outcomes between them it is less. */
export const largestLossOf = ({ candidate, baseline }: CoinScores, side: Side): number =>
  Math.max(-side * candidate(0), -side * candidate(1), -side * baseline(0), -side * baseline(1));
