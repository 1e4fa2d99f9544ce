import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import type { CompletedStratum } from '../../../src/control-plane/analysis/complete-pessimistically.ts';
import { fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import { rememberFactors } from '../../../src/control-plane/analysis/remember-factors.ts';
import { createFirstEventKeys } from '../../../src/data-plane/observe/first-event-keys.ts';
import { createKeyFilter } from '../../../src/data-plane/observe/key-filter.ts';
import { mix32 } from '../../../src/data-plane/observe/key-hash.ts';
import { createSeenKeys } from '../../../src/data-plane/observe/seen-keys.ts';
import type { Random } from '../../support/random.ts';
import { coinBet } from './support.ts';

/*
 * Sticky traffic of one rollout: 20,000 users with Zipf-like activity, 1 % of them broken (9 of 10 of their requests fail on any arm), the
 * rest failing in 0.1 %. The weight goes 1, 10, 50 %, back to 10, up to 50 and 90 %.
 */

const users = 20_000;
const weights = [0.01, 0.1, 0.5, 0.1, 0.5, 0.9];
const blockRequests = 6000;
const size = { sizeLog2: 20, bitsPerEntry: 12 };
const bet = coinBet();
const factors = rememberFactors(coinFactors);

export interface StickyRun {
  /** Largest ln E when every request counts, when first requests of keys do, and of the first-event test. */
  readonly perRequest: number;
  readonly firstRequest: number;
  readonly firstEvent: number;
  /** Counted units: sum of (arm - probability) and of its variance. */
  readonly surplus: number;
  readonly variance: number;
}

interface Tally {
  state: ReturnType<typeof startEProcess>;
  peak: number;
  cells: Map<number, CompletedStratum>;
}

const startTally = (): Tally => ({ state: startEProcess({ betCount: bet.grid.count, hazard: 1 / 167 }), peak: 0, cells: new Map() });

const logsOf = (tally: Tally): number[] => coinLogs([...tally.cells.values()], bet, factors);

const cellOf = (candidate: boolean, event: boolean) => {
  if (candidate) return event ? 'candidateEvents' : 'candidateNone';
  return event ? 'baselineEvents' : 'baselineNone';
};

const add = (tally: Tally, w: number, { candidate, event }: { readonly candidate: boolean; readonly event: boolean }): void => {
  const before = tally.cells.get(w) ?? { w, candidateEvents: 0, candidateNone: 0, baselineEvents: 0, baselineNone: 0 };
  const key = cellOf(candidate, event);
  tally.cells.set(w, { ...before, [key]: before[key] + 1 });
  if (candidate && event) tally.peak = Math.max(tally.peak, lnValue(tally.state, [logsOf(tally)]));
};

const seal = (tally: Tally): void => {
  tally.state = fold(tally.state, logsOf(tally));
  tally.cells = new Map();
};

interface Sticky {
  readonly salt: number;
  readonly requests: number;
  readonly random: Random;
}

/** One request: its user's key and draw, the weight in force, and what happens to it on any arm. */
const nextRequest = (request: number, { salt, requests, random }: Sticky) => {
  const user = Math.floor(users ** random.uniform());
  const draw = mix32(user ^ salt);
  const threshold = Math.ceil((weights[Math.floor((request * weights.length) / requests)] ?? 0) * 2 ** 32);
  const broken = mix32(user ^ ~salt) % 100 === 0;
  const outcome = { candidate: draw < threshold, event: random.uniform() < (broken ? 0.9 : 0.001) };
  return { key: { high: mix32(user ^ 0x5bd1e995), low: mix32(user + 0x1b873593) }, draw, threshold, outcome };
};

export const runSticky = (requests: number, random: Random): StickyRun => {
  const sticky = { salt: random.u32(), requests, random };
  const seen = createSeenKeys(createKeyFilter(size));
  const withEvent = createFirstEventKeys(createKeyFilter(size));
  const [all, first, events] = [startTally(), startTally(), startTally()];
  let [surplus, variance] = [0, 0];
  for (let request = 0; request < requests; request += 1) {
    const { key, draw, threshold, outcome } = nextRequest(request, sticky);
    add(all, threshold / 2 ** 32, outcome);
    const probability = seen.count({ key, draw }, threshold);
    if (probability !== null) {
      add(first, probability, outcome);
      surplus += Number(outcome.candidate) - probability;
      variance += probability * (1 - probability);
    }
    if (outcome.event && withEvent.isFirst(key)) add(events, threshold / 2 ** 32, outcome);
    if ((request + 1) % blockRequests === 0) [all, first, events].forEach(seal);
  }
  return { perRequest: all.peak, firstRequest: first.peak, firstEvent: events.peak, surplus, variance };
};
