import { sampleRatioGrid } from './bet-grid.ts';
import { coinFactors } from './coin-factors.ts';
import { coinLogs } from './coin-logs.ts';
import type { CompletedStratum } from './complete-pessimistically.ts';
import type { CoinBet, Harm } from './hypothesis.ts';
import { finiteExp, logMeanExp } from './log-sum-exp.ts';
import { rememberFactors } from './remember-factors.ts';

/** Assignments at one exact probability, counted when they are made. Keyed traffic counts first requests of keys only. */
export interface AssignedStratum {
  readonly w: number;
  readonly candidate: number;
  readonly baseline: number;
}

/** Whether the coin is fair. A sample-ratio mismatch stops the ramp and alarms; it is no reason to roll back. */
export interface SampleRatio {
  readonly e: number;
  readonly lnE: number;
  /** Evidence that the candidate gets too much, and too little. */
  readonly eUp: number;
  readonly eDown: number;
  /** Candidate assignments that the weights promise, and those seen. */
  readonly expected: number;
  readonly observed: number;
  readonly ok: boolean;
}

/** Error rate of the sample-ratio alarm: its own, since its action is its own. */
const sampleRatioAlpha = 0.001;

const directionOf = (harm: Harm): CoinBet => ({ hypothesis: { harm, rho0: 1, delta: 0, c0: 0 }, side: 1, grid: sampleRatioGrid });
const up = directionOf(1);
const down = directionOf(-1);
const factorsAt = rememberFactors(coinFactors);

/**
 * Tests the coin itself: Y = 1 for every assignment, both directions, their mean, no restart.
 *
 * @see Lindon, Malek 2022, section on sample-ratio mismatch
 */
export const assessSampleRatio = (strata: readonly AssignedStratum[], alpha = sampleRatioAlpha): SampleRatio => {
  const cells = strata.map(
    ({ w, candidate, baseline }): CompletedStratum => ({ w, candidateEvents: candidate, candidateNone: 0, baselineEvents: baseline, baselineNone: 0 }),
  );
  const lnUp = logMeanExp(coinLogs(cells, up, factorsAt));
  const lnDown = logMeanExp(coinLogs(cells, down, factorsAt));
  const lnE = logMeanExp([lnUp, lnDown]);
  const compared = strata.filter(({ w }) => w > 0 && w < 1);
  return {
    e: finiteExp(lnE),
    lnE,
    eUp: finiteExp(lnUp),
    eDown: finiteExp(lnDown),
    expected: compared.reduce((sum, { w, candidate, baseline }) => sum + w * (candidate + baseline), 0),
    observed: compared.reduce((sum, { candidate }) => sum + candidate, 0),
    ok: lnE < -Math.log(alpha),
  };
};
