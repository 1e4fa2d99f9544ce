import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import type { CompletedStratum } from '../../../src/control-plane/analysis/complete-pessimistically.ts';
import { type EProcessState, fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import type { CoinBet } from '../../../src/control-plane/analysis/hypothesis.ts';
import { rememberFactors } from '../../../src/control-plane/analysis/remember-factors.ts';
import type { Random } from '../../support/random.ts';
import { coinBet } from './support.ts';

/*
 * Event-level simulation of failures at 100 requests a second: gaps between failures are geometric, so that a million requests cost a few
 * thousand draws. With c0 = 0 and harm +1 the evidence rises only at a candidate's failure, so looking there is looking at every request.
 */

const requestsPerSecond = 100;
const blockRequests = 60 * requestsPerSecond;
const hazard = 1 / 167;

/** A stretch of requests with one weight and fixed failure rates. */
export interface Stretch {
  readonly until: number;
  readonly w: number;
  readonly p0: number;
  readonly p1: number;
}

export interface ErrorWorld {
  readonly delta: number;
  readonly requests: number;
  /** The stretch that request number `at` is in. */
  readonly stretchAt: (at: number) => Stretch;
}

export interface ErrorRun {
  /** Largest ln E seen. */
  readonly peakLnE: number;
  /** The request at which E reached 100; Infinity for never. */
  readonly rolledBackAt: number;
}

const factors = rememberFactors(coinFactors);
const bets = new Map<number, CoinBet>();

const betOf = (delta: number): CoinBet => {
  const bet = bets.get(delta) ?? coinBet({ delta });
  bets.set(delta, bet);
  return bet;
};

interface OpenBlock {
  state: EProcessState;
  strata: Map<number, { candidateEvents: number; baselineEvents: number; none: number }>;
}

const stratumOf = (block: OpenBlock, w: number) => {
  const found = block.strata.get(w) ?? { candidateEvents: 0, baselineEvents: 0, none: 0 };
  block.strata.set(w, found);
  return found;
};

const logsOf = (block: OpenBlock, bet: CoinBet): number[] => {
  const completed = [...block.strata].map(
    ([w, { candidateEvents, baselineEvents, none }]): CompletedStratum => ({ w, candidateEvents, candidateNone: 0, baselineEvents, baselineNone: none }),
  );
  return coinLogs(completed, bet, factors);
};

/** Runs one rollout until E reaches 100 or the requests end. */
export const runErrors = (world: ErrorWorld, random: Random): ErrorRun => {
  const bet = betOf(world.delta);
  const block: OpenBlock = { state: startEProcess({ betCount: bet.grid.count, hazard }), strata: new Map() };
  let [at, peakLnE] = [0, 0];
  while (at < world.requests) {
    const stretch = world.stretchAt(at);
    const blockEnd = (Math.floor(at / blockRequests) + 1) * blockRequests;
    const end = Math.min(stretch.until, blockEnd, world.requests);
    const crossed = runStretch({ block, bet, at, end, stretch, random });
    peakLnE = Math.max(peakLnE, crossed.peakLnE);
    if (crossed.at !== null) return { peakLnE, rolledBackAt: crossed.at };
    at = end;
    if (at !== blockEnd) continue;
    block.state = fold(block.state, logsOf(block, bet));
    block.strata = new Map();
  }
  return { peakLnE, rolledBackAt: Number.POSITIVE_INFINITY };
};

interface StretchRun {
  readonly block: OpenBlock;
  readonly bet: CoinBet;
  readonly at: number;
  readonly end: number;
  readonly stretch: Stretch;
  readonly random: Random;
}

const threshold = Math.log(100);

const runStretch = ({ block, bet, at, end, stretch: { w, p0, p1 }, random }: StretchRun): { peakLnE: number; at: number | null } => {
  const stratum = stratumOf(block, w);
  const rate = w * p1 + (1 - w) * p0;
  let peakLnE = 0;
  let seen = at;
  for (let next = at + random.geometric(rate); next <= end; next += random.geometric(rate)) {
    stratum.none += next - seen - 1;
    seen = next;
    if (random.uniform() * rate >= w * p1) {
      stratum.baselineEvents += 1;
      continue;
    }
    stratum.candidateEvents += 1;
    const lnE = lnValue(block.state, [logsOf(block, bet)]);
    peakLnE = Math.max(peakLnE, lnE);
    if (lnE >= threshold) return { peakLnE, at: next };
  }
  stratum.none += end - seen;
  return { peakLnE, at: null };
};

/** 1 % to 50k, 5 % to 150k, 25 % to 350k, then 50 %. */
export const rampWeight = (at: number): { readonly w: number; readonly until: number } => {
  if (at < 50_000) return { w: 0.01, until: 50_000 };
  if (at < 150_000) return { w: 0.05, until: 150_000 };
  if (at < 350_000) return { w: 0.25, until: 350_000 };
  return { w: 0.5, until: Number.POSITIVE_INFINITY };
};

export const constantWeight = (w: number) => (): { readonly w: number; readonly until: number } => ({ w, until: Number.POSITIVE_INFINITY });
