import { pairedGrid } from '../../../src/control-plane/analysis/bet-grid.ts';
import { latencyPairCell } from '../../../src/control-plane/analysis/count-latency-pair.ts';
import { type EProcessState, fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import type { LatencyEdge } from '../../../src/control-plane/analysis/latency-edge.ts';
import { addSealedRuns, type LatencyHistory, pinLatencyEdges, startLatencyHistory } from '../../../src/control-plane/analysis/latency-history.ts';
import { logSumExp } from '../../../src/control-plane/analysis/log-sum-exp.ts';
import { noPairs, type PairCounts } from '../../../src/control-plane/analysis/pair-counts.ts';
import { pairLogs } from '../../../src/control-plane/analysis/pair-logs.ts';
import { bucketCount, bucketOf } from '../../../src/latency-bucket.ts';
import type { Random } from '../../support/random.ts';

/*
 * Pairs of the comparison process at five a second, blocks of 300. A run takes 5 ms times its input (shared by the pair), times a burst (shared),
 * times noise of its own; 3 % of runs are slow.
 */

const slots = [0.5, 0.2, 0.05, 0.01];
const margin = { relative: 0.1, atLeastMs: 0 };
const blockPairs = 300;
const lookEveryPairs = 20;
const bet = { rho0: 1, delta: 0, side: 1 as const, grid: pairedGrid };

export interface LatencyWorld {
  readonly pairs: number;
  /** What the candidate's run is multiplied by. */
  readonly candidateFactor: (pair: number, random: Random) => number;
  readonly ownNoise?: number;
  /** Requests of few users come again and again, each with an input size of its own. */
  readonly keyed?: boolean;
}

interface Test {
  state: EProcessState;
  counts: Record<keyof PairCounts, number>;
}

/** Input and burst of successive pairs. */
const createLoad = (random: Random, keyed: boolean) => {
  const users = Array.from({ length: 200 }, () => random.normal() * 0.3);
  let burstLeft = 0;
  return (): number => {
    if (burstLeft > 0) burstLeft -= 1;
    else if (random.uniform() < 0.005) burstLeft = 50;
    const user = Math.floor(users.length ** random.uniform()) - 1;
    const input = keyed ? (users[user] ?? 0) : random.normal() * 0.3;
    return 5000 * Math.exp(input) * (burstLeft > 0 ? 3 : 1);
  };
};

const runUs = (loadUs: number, ownNoise: number, random: Random): number => loadUs * Math.exp(random.normal() * ownNoise) * (random.uniform() < 0.03 ? 4 : 1);

/** What the control plane keeps of the pairs: a test a slot, the baseline's history, and the edges of the open block. */
export const createPairs = (before: readonly number[]) => {
  let history: LatencyHistory = addSealedRuns(startLatencyHistory(), before);
  let edges: readonly LatencyEdge[] = [];
  const runs = new Array<number>(bucketCount).fill(0);
  const tests = slots.map((): Test => ({ state: startEProcess({ betCount: pairedGrid.count, hazard: 1 / 167 }), counts: { ...noPairs } }));
  const openBlock = (): void => {
    edges = pinLatencyEdges(history, slots, margin) ?? [];
  };
  openBlock();
  return {
    add: (buckets: { readonly baseline: number; readonly candidate: number }): void => {
      count(runs, buckets.baseline);
      addPair(tests, edges, buckets);
    },
    lnE: (): number => lnE(tests),
    sealBlock: (): void => {
      tests.forEach(seal);
      history = addSealedRuns(history, runs);
      runs.fill(0);
      openBlock();
    },
  };
};

/** Pairs until E reaches 100; Infinity for never. */
export const runLatency = ({ pairs, candidateFactor, ownNoise = 0.15, keyed = false }: LatencyWorld, random: Random): number => {
  const load = createLoad(random, keyed);
  const before = new Array<number>(bucketCount).fill(0);
  for (let run = 0; run < 3000; run += 1) count(before, bucketOf(runUs(load(), ownNoise, random)));
  const kept = createPairs(before);
  for (let pair = 1; pair <= pairs; pair += 1) {
    const loadUs = load();
    const baseline = bucketOf(runUs(loadUs, ownNoise, random));
    const candidate = bucketOf(runUs(loadUs, ownNoise, random) * candidateFactor(pair, random));
    kept.add({ baseline, candidate });
    if (pair % lookEveryPairs === 0 && kept.lnE() >= Math.log(100)) return pair;
    if (pair % blockPairs === 0) kept.sealBlock();
  }
  return Number.POSITIVE_INFINITY;
};

const count = (runs: number[], bucket: number): void => {
  runs[bucket] = (runs[bucket] ?? 0) + 1;
};

const addPair = (tests: readonly Test[], edges: readonly LatencyEdge[], buckets: { readonly baseline: number; readonly candidate: number }): void => {
  edges.forEach((edge, slot) => {
    const test = tests[slot];
    if (test) test.counts[latencyPairCell(buckets, edge)] += 1;
  });
};

const lnE = (tests: readonly Test[]): number => logSumExp(tests.map(({ state, counts }) => lnValue(state, [pairLogs(counts, bet)]) - Math.log(tests.length)));

const seal = (test: Test): void => {
  test.state = fold(test.state, pairLogs(test.counts, bet));
  test.counts = { ...noPairs };
};
