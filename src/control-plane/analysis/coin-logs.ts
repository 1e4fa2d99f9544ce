import type { CellLogs } from './coin-factors.ts';
import type { CompletedStratum } from './complete-pessimistically.ts';
import type { CoinBet } from './hypothesis.ts';
import { isComparable } from './strata.ts';

/** The log factors of a bet at a probability: `coinFactors`, or its remembering form. */
export type FactorsAt = (w: number, bet: CoinBet) => readonly CellLogs[];

/**
 * ln L_k of a set of counts, for every bet k: the sum over strata and cells of count times log factor. The order of the requests does not matter.
 *
 * @returns one number a bet; zeros for no comparable data
 */
export const coinLogs = (strata: readonly CompletedStratum[], bet: CoinBet, factorsAt: FactorsAt): number[] => {
  const logs = new Array<number>(bet.grid.count).fill(0);
  for (const stratum of strata) {
    if (!isComparable(stratum)) continue;
    let k = 0;
    for (const cell of factorsAt(stratum.w, bet)) {
      logs[k] = (logs[k] ?? 0) + sumCells(stratum, cell);
      k += 1;
    }
  }
  return logs;
};

const sumCells = (stratum: CompletedStratum, cell: CellLogs): number =>
  stratum.candidateEvents * cell.candidateEvent +
  stratum.candidateNone * cell.candidateNone +
  stratum.baselineEvents * cell.baselineEvent +
  stratum.baselineNone * cell.baselineNone;
