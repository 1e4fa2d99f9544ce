import { coinFactors } from './coin-factors.ts';
import { coinLogs } from './coin-logs.ts';
import { completePairs, completeStratum } from './complete-pessimistically.ts';
import { differenceFactors } from './difference-factors.ts';
import { firstEventRatio } from './first-event-ratio.ts';
import type { GuardCounts } from './guard-counts.ts';
import type { GuardTest } from './guard-test.ts';
import type { CoinBet } from './hypothesis.ts';
import { noPairs } from './pair-counts.ts';
import { pairLogs } from './pair-logs.ts';
import { rememberFactors } from './remember-factors.ts';
import { valueFactors, valueLogs } from './value-logs.ts';

const coinFactorsAt = rememberFactors(coinFactors);
const differenceFactorsAt = rememberFactors(differenceFactors);
const valueFactorsAt = rememberFactors(valueFactors);

/**
 * ln L_k of one test on one block's counts, pending ones completed pessimistically.
 *
 * @returns one number a bet; zeros when the block holds nothing for this test, or its pin is missing
 */
export const testLogs = (test: GuardTest, counts: GuardCounts | undefined): number[] => {
  if (!counts) return silent(test);
  switch (test.source) {
    case 'units':
      return coinLogs(completed(counts.units, test), test, coinFactorsAt);
    case 'values':
      return valueLogs(counts.values ?? [], test, valueFactorsAt);
    case 'firstEvents':
      return firstEventLogs(test, counts);
    case 'pairs':
      return pairLogs(completePairs(counts.pairs?.[test.slot] ?? noPairs, test.side), pairBetOf(test));
    case 'differences':
      return coinLogs(completed(counts.differences, test), test, differenceFactorsAt);
  }
};

const silent = (test: GuardTest): number[] => new Array<number>(test.grid.count).fill(0);

const completed = (strata: GuardCounts['units'], { hypothesis, side }: CoinBet) =>
  (strata ?? []).map((stratum) => completeStratum(stratum, hypothesis.harm, side));

const pairBetOf = ({ hypothesis: { rho0, delta }, side, grid }: GuardTest) => ({ rho0, delta, side, grid });

/** An absolute margin becomes a ratio through the rate pinned for the block; zero-event cells have a factor of 1, so only events count. */
const firstEventLogs = (test: GuardTest, { firstEvents, pins }: GuardCounts): number[] => {
  const { harm, rho0, delta } = test.hypothesis;
  const rate = pins?.firstEventRate;
  if (delta !== 0 && rate === undefined) return silent(test);
  const ratio = delta === 0 ? rho0 : firstEventRatio(harm, delta, rate ?? 1);
  if (ratio <= 0) return silent(test);
  const bet: CoinBet = { hypothesis: { harm, rho0: ratio, delta: 0, c0: 0 }, side: test.side, grid: test.grid };
  return coinLogs(completed(firstEvents, bet), bet, coinFactors);
};
