import { coinGridOf } from '../../../src/control-plane/analysis/bet-grid.ts';
import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import type { CompletedStratum } from '../../../src/control-plane/analysis/complete-pessimistically.ts';
import type { CoinBet } from '../../../src/control-plane/analysis/hypothesis.ts';
import { logMeanExp, logSumExp } from '../../../src/control-plane/analysis/log-sum-exp.ts';
import { bucketCount, bucketOf } from '../../../src/latency-bucket.ts';
import type { Random } from '../../support/random.ts';
import { createPairs } from './simulate-latency.ts';

/*
 * A server that batches, with two identical versions: the requests of one turn of its loop that are assigned to the same version share one
 * run, whose time grows with its rows and whose noise and burst they share. A sample of the requests also runs alone on both versions.
 * The same latencies are judged twice: whole arms against each other, and pair by pair.
 */

export interface IdenticalWorld {
  /** Probability of the candidate; 0 sends it nobody. */
  readonly w: number;
  /** Requests of few users come again and again, each with rows of its own and an arm that sticks. */
  readonly keyed: boolean;
  readonly turns: number;
  /** Mean number of requests a turn. */
  readonly perTurn: number;
  readonly share: number;
}

/** Microseconds of a run of so many rows of a boosted-tree model on one thread: 13 for 1, 20 for 8, 43 for 32, 138 for 128. */
const runUs = (rows: number): number => 12 + 0.98 * rows;

const slots = [0.5, 0.2, 0.05, 0.01];
const lookEveryTurns = 50;
const blockTurns = 600;
const users = 200;

interface Arrived {
  readonly rows: number;
  readonly onCandidate: boolean;
}

const poisson = (mean: number, random: Random): number => {
  let count = 0;
  for (let product = random.uniform(); product > Math.exp(-mean); product *= random.uniform()) count += 1;
  return count;
};

const createArrivals = ({ w, keyed, perTurn }: IdenticalWorld, random: Random) => {
  const rowsOf = (): number => 1 + Math.floor(random.uniform() ** 4 * 16);
  const people = Array.from({ length: users }, (): Arrived => ({ rows: rowsOf(), onCandidate: random.uniform() < w }));
  return (): readonly Arrived[] =>
    Array.from({ length: poisson(perTurn, random) }, () => {
      const person = people[Math.floor(users ** random.uniform()) - 1];
      return keyed && person !== undefined ? person : { rows: rowsOf(), onCandidate: random.uniform() < w };
    });
};

/** A burst slows everything for a while: another process on the cores. */
const createBursts = (random: Random) => {
  let left = 0;
  return (): number => {
    if (left > 0) left -= 1;
    else if (random.uniform() < 0.005) left = 50;
    return left > 0 ? 3 : 1;
  };
};

const noise = (random: Random): number => Math.exp(random.normal() * 0.15) * (random.uniform() < 0.03 ? 4 : 1);

/** Whole arms: one stratum of slow and other requests a slot, at thresholds of the baseline's own latencies before the rollout. */
const createArms = (w: number, edges: readonly number[]) => {
  const shift = 5;
  const counts = slots.map(
    (): Record<'candidateEvents' | 'candidateNone' | 'baselineEvents' | 'baselineNone', number> => ({
      candidateEvents: 0,
      candidateNone: 0,
      baselineEvents: 0,
      baselineNone: 0,
    }),
  );
  const add = (us: number, onCandidate: boolean): void => {
    const bucket = bucketOf(us);
    counts.forEach((cells, slot) => {
      const edge = (edges[slot] ?? 0) + (onCandidate ? shift : 0);
      const arm = onCandidate ? 'candidate' : 'baseline';
      cells[`${arm}${bucket >= edge ? 'Events' : 'None'}`] += 1;
    });
  };
  const lnE = (): number =>
    logSumExp(
      counts.map((cells, slot) => {
        const hypothesis = { harm: 1 as const, rho0: 1, delta: 0, c0: slots[slot] ?? 0 };
        const bet: CoinBet = { hypothesis, side: 1, grid: coinGridOf(hypothesis) };
        const stratum: CompletedStratum = { w, ...cells };
        return logMeanExp(coinLogs([stratum], bet, coinFactors));
      }),
    ) - Math.log(slots.length);
  return { add, lnE };
};

const rowsIn = (requests: readonly Arrived[]): number => requests.reduce((sum, { rows }) => sum + rows, 0);

const createServer = (world: IdenticalWorld, random: Random) => {
  const arrivals = createArrivals(world, random);
  const bursts = createBursts(random);
  return () => {
    const [requests, burst] = [arrivals(), bursts()];
    return { requests, run: (rows: number): number => runUs(rows) * burst * noise(random) };
  };
};

type Served = ReturnType<ReturnType<typeof createServer>>;

/** What the baseline took before the rollout: of whole batches, and of requests alone. */
const observeBefore = (turnOf: ReturnType<typeof createServer>, turns: number) => {
  const batched: number[] = [];
  const alone = new Array<number>(bucketCount).fill(0);
  for (let turn = 0; turn < turns; turn += 1) {
    const { requests, run } = turnOf();
    const bucket = bucketOf(run(rowsIn(requests)));
    for (const { rows } of requests) {
      batched.push(bucket);
      const own = bucketOf(run(rows));
      alone[own] = (alone[own] ?? 0) + 1;
    }
  }
  return { batched: batched.sort((left, right) => left - right), alone };
};

const serveBatches = ({ requests, run }: Served, arms: ReturnType<typeof createArms>): void => {
  for (const onCandidate of [true, false]) {
    const batch = requests.filter((request) => request.onCandidate === onCandidate);
    if (batch.length === 0) continue;
    const us = run(rowsIn(batch));
    for (const _ of batch) arms.add(us, onCandidate);
  }
};

const comparePairs = ({ requests, run }: Served, share: number, random: Random): readonly { readonly baseline: number; readonly candidate: number }[] =>
  requests.flatMap(({ rows }) => (random.uniform() < share ? [{ baseline: bucketOf(run(rows)), candidate: bucketOf(run(rows)) }] : []));

/** Whether E ever reached 100 for two identical versions: by whole arms, and by pairs. */
export const runIdentical = (world: IdenticalWorld, random: Random): { readonly arms: boolean; readonly pairs: boolean } => {
  const turnOf = createServer(world, random);
  const before = observeBefore(turnOf, blockTurns);
  const edges = slots.map((q) => (before.batched[Math.ceil((1 - q) * before.batched.length) - 1] ?? 0) + 1);
  const arms = createArms(world.w, edges);
  const pairs = createPairs(before.alone);
  const fired = { arms: false, pairs: false };
  for (let turn = 1; turn <= world.turns; turn += 1) {
    const served = turnOf();
    serveBatches(served, arms);
    for (const pair of comparePairs(served, world.share, random)) pairs.add(pair);
    if (turn % lookEveryTurns === 0) {
      fired.arms ||= world.w > 0 && arms.lnE() >= Math.log(100);
      fired.pairs ||= pairs.lnE() >= Math.log(100);
    }
    if (turn % blockTurns === 0) pairs.sealBlock();
  }
  return fired;
};
