import { largestLoss } from './bet-fractions.ts';
import { betSizes } from './bet-grid.ts';
import { type CellLogs, cellLogs } from './coin-factors.ts';
import { coinScores, largestLossOf } from './coin-scores.ts';
import type { CoinBet } from './hypothesis.ts';

/**
 * The log factors of every bet on "the outputs of the two versions differ more often than those of two runs of the baseline": a compared request is
 * a coin too, which makes it a pair of both versions with probability w, else one of the baseline with itself. The scores are the coin kernel's, so
 * nothing has to be known of how often the baseline differs from itself. Its bets are made for ratios of rare events and go to 0 with 1 - w; these
 * are bounded by what they can lose alone: lam_k = min(.95 / m, s_k), m = the largest loss over both arms and Y in {0, 1}.
 *
 * @see Waudby-Smith, Ramdas 2024, section 4 (bounded bets)
 */
export const differenceFactors = (w: number, bet: CoinBet): readonly CellLogs[] => {
  const most = largestLoss / largestLossOf(coinScores(w, bet.hypothesis), bet.side);
  return cellLogs(
    w,
    bet,
    betSizes(bet.grid).map((s) => Math.min(most, s)),
  );
};
