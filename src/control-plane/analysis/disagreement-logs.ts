import { largestLoss } from './bet-fractions.ts';
import { betSizes } from './bet-grid.ts';
import type { BetGrid, Side } from './hypothesis.ts';

/** Pairs whose outputs differ by more than the tolerance, and those that agree. */
export interface DisagreementCounts {
  readonly differ: number;
  readonly agree: number;
}

/** A limit m on the share of pairs that differ: the measured noise of the baseline with itself, plus the margin. */
export interface DisagreementBet {
  readonly limit: number;
  readonly side: Side;
  readonly grid: BetGrid;
}

/**
 * ln L_k of "the two versions differ": X = Y - m, lam_k = min(.95 / largest loss, s_k / (1 - m)), the bet of an absolute bound.
 * A limit of 1 or more cannot be exceeded and gives no evidence.
 *
 * @returns one number a bet
 * @see Waudby-Smith, Ramdas 2024, section 4
 */
export const disagreementLogs = ({ differ, agree }: DisagreementCounts, { limit, side, grid }: DisagreementBet): number[] => {
  if (!(limit > 0 && limit < 1)) return new Array<number>(grid.count).fill(0);
  const largest = side === 1 ? limit : 1 - limit;
  return betSizes(grid).map((s) => {
    const fraction = side * Math.min(largestLoss / largest, s / (1 - limit));
    return differ * Math.log1p(fraction * (1 - limit)) + agree * Math.log1p(-fraction * limit);
  });
};

/**
 * The noise floor: how often the baseline differs from itself, counted one run too high so that it errs to the candidate's side.
 *
 * @returns a share in (0, 1]; 1 without data, which keeps the guard silent
 */
export const noiseFloorOf = ({ differ, agree }: DisagreementCounts): number => (differ + 1) / (differ + agree + 1);
