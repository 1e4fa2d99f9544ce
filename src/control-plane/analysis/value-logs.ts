import { betFractions } from './bet-fractions.ts';
import { coinScores } from './coin-scores.ts';
import type { CoinBet } from './hypothesis.ts';
import { isComparable, type ValueStratum, valueOfIndex } from './strata.ts';

/** ln(1 + side lam_k X) of one bet, per arm and value index. */
export interface ValueFactors {
  readonly candidate: readonly number[];
  readonly baseline: readonly number[];
}

/** The log factors of every bet at one probability w, for outcomes in [0, 1] rounded to 0.01. */
export const valueFactors = (w: number, bet: CoinBet): readonly ValueFactors[] => {
  const scores = coinScores(w, bet.hypothesis);
  return betFractions(w, bet).map((lam) => {
    const perValue = (score: (y: number) => number): readonly number[] =>
      Array.from({ length: 101 }, (_, index) => Math.log1p(bet.side * lam * score(valueOfIndex(index))));
    return { candidate: perValue(scores.candidate), baseline: perValue(scores.baseline) };
  });
};

/**
 * ln L_k of outcomes in [0, 1] that are kept as counts per value, for every bet k.
 *
 * @param factorsAt {@link valueFactors}, or its remembering form
 * @returns one number a bet; zeros for no comparable data
 */
export const valueLogs = (strata: readonly ValueStratum[], bet: CoinBet, factorsAt = valueFactors): number[] => {
  const logs = new Array<number>(bet.grid.count).fill(0);
  for (const stratum of strata) {
    if (!isComparable(stratum)) continue;
    factorsAt(stratum.w, bet).forEach((factors, k) => {
      logs[k] = (logs[k] ?? 0) + dot(stratum.candidate, factors.candidate) + dot(stratum.baseline, factors.baseline);
    });
  }
  return logs;
};

const dot = (counts: readonly number[], logs: readonly number[]): number => {
  let sum = 0;
  for (let index = 0; index < counts.length; index += 1) sum += (counts[index] ?? 0) * (logs[index] ?? 0);
  return sum;
};
