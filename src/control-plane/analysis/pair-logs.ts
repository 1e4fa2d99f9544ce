import { largestLoss } from './bet-fractions.ts';
import { betSizes } from './bet-grid.ts';
import type { BetGrid, Side } from './hypothesis.ts';
import type { PairCounts } from './pair-counts.ts';

/** One direction of a margin on pairs, with its bets. */
export interface PairBet {
  readonly rho0: number;
  readonly delta: number;
  readonly side: Side;
  readonly grid: BetGrid;
}

/**
 * ln L_k of pairs in which both versions answered the same request: X = Y1 - rho0 Y0 - delta, Y = 1 when the run was slow, failed or was rejected.
 * lam_k = min(.95 / (rho0 + delta), s_k) against the margin; the reversed bet may lose as much as 1 - delta as well, hence the larger of the two.
 *
 * @returns one number a bet
 * @see Waudby-Smith, Ramdas 2024, section 4
 */
export const pairLogs = (pairs: PairCounts, { rho0, delta, side, grid }: PairBet): number[] => {
  const largest = side === 1 ? rho0 + delta : Math.max(rho0 + delta, 1 - delta);
  return betSizes(grid).map((s) => {
    const fraction = side * Math.min(largestLoss / largest, s);
    const log = (x: number): number => Math.log1p(fraction * x);
    return pairs.both * log(1 - rho0 - delta) + pairs.candidateOnly * log(1 - delta) + pairs.baselineOnly * log(-rho0 - delta) + pairs.neither * log(-delta);
  });
};
