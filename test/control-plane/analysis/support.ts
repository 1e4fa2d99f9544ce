import { coinGridOf } from '../../../src/control-plane/analysis/bet-grid.ts';
import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import type { CompletedStratum } from '../../../src/control-plane/analysis/complete-pessimistically.ts';
import type { CoinBet, Hypothesis, Side } from '../../../src/control-plane/analysis/hypothesis.ts';
import { logMeanExp } from '../../../src/control-plane/analysis/log-sum-exp.ts';
import type { ArmCounts, UnitStratum } from '../../../src/control-plane/analysis/strata.ts';

export type Cells = readonly [n11: number, n10: number, n01: number, n00: number];

export const hypothesis = (parts: Partial<Hypothesis> = {}): Hypothesis => ({ harm: 1, rho0: 1, delta: 0, c0: 0, ...parts });

export const coinBet = (parts: Partial<Hypothesis> = {}, side: Side = 1): CoinBet => {
  const full = hypothesis(parts);
  return { hypothesis: full, side, grid: coinGridOf(full) };
};

export const completed = (w: number, [candidateEvents, candidateNone, baselineEvents, baselineNone]: Cells): CompletedStratum => ({
  w,
  candidateEvents,
  candidateNone,
  baselineEvents,
  baselineNone,
});

/** ln E without restart. */
export const lnCoin = (strata: readonly CompletedStratum[], bet: CoinBet): number => logMeanExp(coinLogs(strata, bet, coinFactors));

export const arm = (n: number, events: number, pending = 0): ArmCounts => ({ n, events, pending });

export const units = (w: number, [n11, n10, n01, n00]: Cells): UnitStratum => ({ w, candidate: arm(n11 + n10, n11), baseline: arm(n01 + n00, n01) });

/** Relative difference of two numbers. */
export const relativeError = (got: number, expected: number): number => Math.abs(got - expected) / Math.abs(expected);
