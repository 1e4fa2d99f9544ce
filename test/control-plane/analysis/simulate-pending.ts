import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import { completeStratum } from '../../../src/control-plane/analysis/complete-pessimistically.ts';
import { type EProcessState, fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import { rememberFactors } from '../../../src/control-plane/analysis/remember-factors.ts';
import type { ArmCounts, UnitStratum } from '../../../src/control-plane/analysis/strata.ts';
import type { Random } from '../../support/random.ts';
import { coinBet } from './support.ts';

/*
 * Failures surface at different ages: a candidate's after 2 s, a baseline's after 30 s (a timeout). Successes are known at once. 100 requests a
 * second, looked at once a second, for all requests assigned before the last second.
 */

const w = 0.5;
const perSecond = 100;
const blockSeconds = 60;
const ages = { candidate: 2, baseline: 30 };
const bet = coinBet({ delta: 0.002 });
const factors = rememberFactors(coinFactors);

interface Assigned {
  readonly n: number;
  readonly failures: number;
}

interface Second {
  readonly candidate: Assigned;
  readonly baseline: Assigned;
}

export interface PendingWorld {
  readonly seconds: number;
  readonly p0: number;
  readonly p1: number;
  /** Count what has completed and forget what is pending: the mistake that this simulation shows. */
  readonly countOnCompletion: boolean;
}

/** Seconds until E reaches 100; Infinity for never. */
export const runPending = ({ seconds, p0, p1, countOnCompletion }: PendingWorld, random: Random): number => {
  const assigned: Second[] = [];
  let state: EProcessState = startEProcess({ betCount: bet.grid.count, hazard: 1 / 167 });
  let folded = 0;
  const logsOf = (from: number, to: number, now: number): number[] => {
    const arm = (side: keyof Second): ArmCounts => sumSeconds(assigned, { from, to, side, now });
    const stratum: UnitStratum = { w, candidate: arm('candidate'), baseline: arm('baseline') };
    return coinLogs([completeStratum(countOnCompletion ? forgetPending(stratum) : stratum, 1, 1)], bet, factors);
  };
  for (let now = 1; now <= seconds; now += 1) {
    const n = random.binomial(perSecond, w);
    assigned.push({ candidate: { n, failures: random.binomial(n, p1) }, baseline: { n: perSecond - n, failures: random.binomial(perSecond - n, p0) } });
    const prefix = now - 1;
    const open: number[][] = [];
    for (let from = folded * blockSeconds; from <= prefix; from += blockSeconds) {
      open.push(logsOf(from, Math.min(from + blockSeconds, prefix), now));
    }
    if (lnValue(state, open) >= Math.log(100)) return now;
    if (now < (folded + 1) * blockSeconds + ages.baseline) continue;
    state = fold(state, logsOf(folded * blockSeconds, (folded + 1) * blockSeconds, now));
    folded += 1;
  }
  return Number.POSITIVE_INFINITY;
};

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly side: keyof Second;
  readonly now: number;
}

const sumSeconds = (assigned: readonly Second[], { from, to, side, now }: Cut): ArmCounts => {
  let [n, failures, known] = [0, 0, 0];
  for (let second = from; second < to; second += 1) {
    const counts = assigned[second]?.[side];
    if (!counts) continue;
    n += counts.n;
    failures += counts.failures;
    if (now - second >= ages[side]) known += counts.failures;
  }
  return { n, events: known, pending: failures - known };
};

const forgetPending = ({ candidate, baseline }: UnitStratum): UnitStratum => ({ w, candidate: forget(candidate), baseline: forget(baseline) });

const forget = ({ n, events, pending }: ArmCounts): ArmCounts => ({ n: n - pending, events, pending: 0 });
