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

/** ln(1 + side lam_k X) of the four cells of one bet. */
interface PairFactors {
  readonly both: number;
  readonly candidateOnly: number;
  readonly baselineOnly: number;
  readonly neither: number;
}

const factorsOf = ({ rho0, delta, side, grid }: PairBet): readonly PairFactors[] => {
  const largest = side === 1 ? rho0 + delta : Math.max(rho0 + delta, 1 - delta);
  return betSizes(grid).map((s) => {
    const fraction = side * Math.min(largestLoss / largest, s);
    const log = (x: number): number => Math.log1p(fraction * x);
    return { both: log(1 - rho0 - delta), candidateOnly: log(1 - delta), baselineOnly: log(-rho0 - delta), neither: log(-delta) };
  });
};

/** By the identity of the bet, which is looked at once a second and block. A cache: it holds no evidence. */
const remembered = new WeakMap<PairBet, readonly PairFactors[]>();

const factorsFor = (bet: PairBet): readonly PairFactors[] => {
  const known = remembered.get(bet);
  if (known !== undefined) return known;
  const factors = factorsOf(bet);
  remembered.set(bet, factors);
  return factors;
};

/**
 * ln L_k of pairs in which both versions answered the same request: X = Y1 - rho0 Y0 - delta, Y = 1 when the run was slow, failed or was rejected.
 * lam_k = min(.95 / (rho0 + delta), s_k) against the margin; the reversed bet may lose as much as 1 - delta as well, hence the larger of the two.
 *
 * @returns one number a bet
 * @see Waudby-Smith, Ramdas 2024, section 4
 */
export const pairLogs = (pairs: PairCounts, bet: PairBet): number[] =>
  factorsFor(bet).map(
    ({ both, candidateOnly, baselineOnly, neither }) =>
      pairs.both * both + pairs.candidateOnly * candidateOnly + pairs.baselineOnly * baselineOnly + pairs.neither * neither,
  );
