import { assessGuards } from '../../../src/control-plane/analysis/assess-guards.ts';
import { latencyPairCell } from '../../../src/control-plane/analysis/count-latency-pair.ts';
import { type Evidence, foldBlock, startEvidence } from '../../../src/control-plane/analysis/evidence.ts';
import type { GuardCounts } from '../../../src/control-plane/analysis/guard-counts.ts';
import type { Guard } from '../../../src/control-plane/analysis/guard-test.ts';
import { addSealedRuns, type LatencyHistory, startLatencyHistory } from '../../../src/control-plane/analysis/latency-history.ts';
import { noPairs } from '../../../src/control-plane/analysis/pair-counts.ts';
import { pinBlock } from '../../../src/control-plane/analysis/pin-block.ts';
import type { Outcome, Pace } from '../../../src/control-plane/forecast/march.ts';
import { bucketCount, bucketOf } from '../../../src/latency-bucket.ts';
import type { Random } from '../../support/random.ts';

/*
 * Rollouts by chance, one guard each, judged by the tests that judge live ones: every block is drawn, pinned, assessed and sealed.
 */

export interface World {
  readonly guard: Guard;
  readonly pace: Pace;
  readonly blockSeconds: number;
  readonly risk: { readonly alpha: number; readonly beta: number };
  /** Rates of both arms in the block; of a latency guard nothing. */
  readonly rates: (block: number) => { readonly baseline: number; readonly candidate: number };
  /** What the candidate's runs are multiplied by. */
  readonly factor?: number;
  readonly blocks: number;
}

const rateCounts = ({ pace, blockSeconds, rates, guard }: World, block: number, random: Random): GuardCounts => {
  const units = pace.unitsPerSecond * blockSeconds;
  const candidates = random.binomial(units, pace.w);
  const { baseline, candidate } = rates(block);
  const stratum = {
    w: pace.w,
    candidate: { n: candidates, events: random.binomial(candidates, candidate), pending: 0 },
    baseline: { n: units - candidates, events: random.binomial(units - candidates, baseline), pending: 0 },
  };
  const hasFirstEvents = guard.rollback.some(({ source }) => source === 'firstEvents');
  return { units: [stratum], ...(hasFirstEvents ? { firstEvents: [stratum] } : {}) };
};

/** The law of run times that the forecast supposes, drawn. */
const runUs = (inputFactor: number, random: Random): number => 10_000 * inputFactor * Math.exp(random.normal() * 0.15) * (random.uniform() < 0.03 ? 4 : 1);

const latencyCounts = ({ pace, blockSeconds, factor = 1, guard }: World, edges: readonly { baseline: number; candidate: number }[], random: Random) => {
  const runs = new Array<number>(bucketCount).fill(0);
  const pairs = guard.slots.map(() => ({ ...noPairs }) as Record<keyof typeof noPairs, number>);
  for (let pair = 0; pair < pace.pairsPerSecond * blockSeconds; pair += 1) {
    const input = Math.exp(random.normal() * 0.3);
    const buckets = { baseline: bucketOf(runUs(input, random)), candidate: bucketOf(runUs(input, random) * factor) };
    runs[buckets.baseline] = (runs[buckets.baseline] ?? 0) + 1;
    edges.forEach((edge, slot) => {
      const counted = pairs[slot];
      if (counted !== undefined) counted[latencyPairCell(buckets, edge)] += 1;
    });
  }
  return { runs, pairs };
};

interface Past {
  readonly evidence: Evidence;
  readonly latency: LatencyHistory;
}

/** What a block shows, and the latency history with it. */
const drawBlock = (world: World, { evidence, latency }: Past, { block, random }: { readonly block: number; readonly random: Random }) => {
  const { guard } = world;
  const pins = pinBlock([guard], { evidence, latency })[guard.name] ?? {};
  if (guard.kind !== 'latency') return { counts: { ...rateCounts(world, block, random), pins }, latency };
  const { runs, pairs } = latencyCounts(world, pins.latencyEdges ?? [], random);
  return { counts: { pairs, pins }, latency: addSealedRuns(latency, runs) };
};

const isReached = ({ guard, risk }: World, evidence: Evidence, { counts, outcome }: { readonly counts: GuardCounts; readonly outcome: Outcome }): boolean => {
  const judged = assessGuards({ guards: [guard], evidence, prefixes: [[{ [guard.name]: counts }]], risk });
  return outcome === 'roll-back' ? judged.rollBack : (judged.guards[0]?.graduation.lnE ?? 0) >= -Math.log(risk.beta);
};

/** Seconds until the outcome, to the block; Infinity when it does not come. */
export const simulateSeconds = (world: World, outcome: Outcome, random: Random): number => {
  const { guard, blockSeconds } = world;
  let past: Past = { evidence: startEvidence([guard]), latency: startLatencyHistory() };
  for (let block = 0; block < world.blocks; block += 1) {
    const { counts, latency } = drawBlock(world, past, { block, random });
    if (isReached(world, past.evidence, { counts, outcome })) return (block + 1) * blockSeconds;
    past = { evidence: foldBlock([guard], past.evidence, { [guard.name]: counts }), latency };
  }
  return Number.POSITIVE_INFINITY;
};

export const median = (values: readonly number[]): number => [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? Number.NaN;
