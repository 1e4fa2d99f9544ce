import { betFractions } from './bet-fractions.ts';
import { coinScores } from './coin-scores.ts';
import type { CoinBet } from './hypothesis.ts';

/** ln(1 + side lam_k X) of the four cells of one bet. */
export interface CellLogs {
  readonly candidateEvent: number;
  readonly candidateNone: number;
  readonly baselineEvent: number;
  readonly baselineNone: number;
}

/** The log factors of every bet at one probability w, for an outcome that is 0 or 1. */
export const coinFactors = (w: number, bet: CoinBet): readonly CellLogs[] => cellLogs(w, bet, betFractions(w, bet));

/** The log factors of bets of these fractions, one entry a fraction. */
export const cellLogs = (w: number, { hypothesis, side }: CoinBet, fractions: readonly number[]): readonly CellLogs[] => {
  const { candidate, baseline } = coinScores(w, hypothesis);
  return fractions.map((lam) => {
    const log = (x: number): number => Math.log1p(side * lam * x);
    return { candidateEvent: log(candidate(1)), candidateNone: log(candidate(0)), baselineEvent: log(baseline(1)), baselineNone: log(baseline(0)) };
  });
};
