/**
 * From observations to evidence. Seconds of one incarnation are gathered into blocks; a block that can get no more is
 * folded into the evidence and its seconds are forgotten; the open ones are counted anew at every tick. What an earlier
 * life left open is folded as it is: its pending requests stay pessimistically completed for ever.
 */
import type { Observation } from '../store/observation.ts';
import { blockOf } from './analysis/blocks.ts';
import { type Evidence, foldBlock, startEvidence } from './analysis/evidence.ts';
import { addCounts, holdsCounts } from './analysis/guard-counts.ts';
import { addSealedRuns, type LatencyHistory, startLatencyHistory } from './analysis/latency-history.ts';
import { pinBlock } from './analysis/pin-block.ts';
import type { AssignedStratum } from './analysis/sample-ratio.ts';
import { addBlockTimes, type BlockTimes, forgetBegins, isoOf, noTimes } from './block-times.ts';
import type { SparseRuns } from './count-pairs.ts';
import { addEligible, type EligibleMinutes } from './eligible-minutes.ts';
import {
  addParts,
  type BlockRules,
  type CountedGuard,
  countBlock,
  cutBlocks,
  isComplete,
  mergeAssigned,
  noCells,
  type OpenBlock,
  type Pins,
} from './open-block.ts';
import { type KeptOutcomes, type Matured, mergeBuckets, noOutcomes, type WaitingUnits } from './outcome-evidence.ts';

/** A block with counts that was folded, and the evidence after it. */
export interface SealedBlock extends OpenBlock {
  readonly incarnation: string;
  /** Of the rollout's blocks, the empty ones among them; 1-based. */
  readonly number: number;
  /** Blocks without counts that were folded between it and the one before with counts. */
  readonly emptyBefore: number;
  readonly after: Evidence;
}

/** Everything that is kept of a rollout's evidence: plain data, of a size independent of the traffic. */
export interface KeptEvidence extends EligibleMinutes {
  readonly incarnation: string;
  readonly evidence: Evidence;
  /** Counted up to the last second that is over: what is assessed. */
  readonly open: readonly OpenBlock[];
  /** The block that is under way, with the second that is being counted: what an end of the process leaves. */
  readonly underWay: OpenBlock | null;
  /** The next block of this incarnation; null before the first. */
  readonly nextBlock: number | null;
  /** Blocks without counts that were folded since the last one with counts. */
  readonly emptyBlocks: number;
  /** The largest ln E that an assessment has found; null before the first. */
  readonly peakLnE: number | null;
  /** Assignments of sealed blocks, for the sample ratio. */
  readonly assigned: readonly AssignedStratum[];
  /** When the units of sealed blocks came; null of a rollout that began under a gateway that did not keep it. */
  readonly times: BlockTimes | null;
  /** The baseline's runs in the pairs of sealed blocks, from which thresholds are pinned. */
  readonly latency: LatencyHistory;
  /** Pairs begun in sealed blocks. */
  readonly pairs: number;
  /** What of the outcomes has matured, and the units whose outcomes have not. */
  readonly outcomes: KeptOutcomes;
}

export const startKeptEvidence = (guards: readonly CountedGuard[], incarnation: string): KeptEvidence => ({
  incarnation,
  evidence: startEvidence(guards.map(({ guard }) => guard)),
  open: [],
  underWay: null,
  nextBlock: null,
  emptyBlocks: 0,
  peakLnE: null,
  assigned: [],
  times: noTimes,
  latency: startLatencyHistory(),
  pairs: 0,
  outcomes: noOutcomes,
  minutes: [],
  counted: { eligible: 0, ineligible: 0 },
});

/** The evidence with one more observation, and from which second on the counters must still be kept. */
export interface Gathered {
  readonly kept: KeptEvidence;
  /** The blocks with counts that were folded now, oldest first. */
  readonly sealed: readonly SealedBlock[];
  readonly keepFromSecond: number;
}

/** What the blocks of an observation are made with. */
interface GatherOptions {
  readonly guards: readonly CountedGuard[];
  readonly rules: BlockRules;
  /** Wall time of the observation, milliseconds since the epoch. */
  readonly wallMs: number;
  /** Outcomes that matured since the last one, by guard: they belong to the block of this moment. */
  readonly matured?: Matured['counts'];
}

/** Takes an observation into the evidence. Taking the same one again, with nothing matured since, changes nothing. */
export const gather = (before: KeptEvidence, observation: Observation, options: GatherOptions): Gathered => {
  const { guards, rules } = options;
  const { nowSecond, incarnation } = observation;
  const begun = continueIn(before, guards, incarnation);
  const cellsOf = cutBlocks(observation, { blockSeconds: rules.blockSeconds, fromSecond: 0, endSecond: nowSecond });
  const nowBlock = blockOf(nowSecond, rules.blockSeconds);
  const folding = createFolding(begun.kept, { guards, incarnation });
  const open: OpenBlock[] = [];
  let nextBlock = begun.kept.nextBlock ?? Math.min(nowBlock, ...cellsOf.keys());
  for (let block = nextBlock; block <= nowBlock; block += 1) {
    const cells = cellsOf.get(block) ?? noCells;
    const known = knownOf(block, begun.kept.open) ?? { pins: pinsFrom(guards, folding.kept()), outcomes: {} };
    const outcomes = block === nowBlock ? addOutcomes(known.outcomes, options.matured) : known.outcomes;
    const counted = countBlock({ block, pins: known.pins, cells, outcomes, ...timesOf(block, observation, options) }, guards);
    if (isComplete(block, cells, { rules, nowSecond }) && open.length === 0) {
      folding.fold(counted);
      nextBlock = block + 1;
    } else open.push(counted);
  }
  const kept = { ...begun.kept, ...folding.kept(), open, underWay: underWayOf(observation, options, open.at(-1)), nextBlock };
  return {
    kept: { ...kept, ...addEligible(begun.kept, observation) },
    sealed: [...begun.sealed, ...folding.sealed],
    keepFromSecond: nextBlock * rules.blockSeconds,
  };
};

/** What was fixed and what matured of a block at the ticks before; undefined for a new one. */
const knownOf = (block: number, open: readonly OpenBlock[]): Pick<OpenBlock, 'pins' | 'outcomes'> | undefined => open.find((entry) => entry.block === block);

/** The outcomes of a block with those that have matured in it since. */
const addOutcomes = (known: Matured['counts'], matured: Matured['counts'] = {}): Matured['counts'] => ({
  ...known,
  ...Object.fromEntries(Object.entries(matured).map(([guard, counts]) => [guard, addCounts(known[guard] ?? {}, counts)])),
});

/** A block's times by the wall clock of now: its beginning, and the end of the newest second in it. */
const timesOf = (block: number, { nowSecond }: Observation, { rules: { blockSeconds }, wallMs }: GatherOptions) => {
  const wallOf = (second: number): number => Math.round(wallMs) - (nowSecond - second) * 1_000;
  return { fromMs: wallOf(block * blockSeconds), toMs: wallOf(Math.min((block + 1) * blockSeconds, nowSecond)) };
};

/** The newest block counted to the last request, so that an end of the process loses no more than what came since. */
const underWayOf = (observation: Observation, { guards, rules: { blockSeconds }, wallMs }: GatherOptions, newest: OpenBlock | undefined): OpenBlock | null => {
  const { nowSecond } = observation;
  if (newest === undefined) return null;
  const cells = cutBlocks(observation, { blockSeconds, fromSecond: nowSecond, endSecond: nowSecond + 1 }).get(newest.block) ?? noCells;
  // The outcomes are in the newest block's counts already.
  const latest = countBlock({ ...newest, cells, outcomes: {} }, guards);
  return { ...addParts(newest, latest), toMs: Math.round(wallMs) };
};

const denseRuns = (runs: SparseRuns): readonly number[] => {
  const dense: number[] = [];
  for (const [bucket, count] of runs) dense[bucket] = count;
  return dense;
};

/** What sealed blocks have left behind. */
type SealedPart = Pick<KeptEvidence, 'evidence' | 'assigned' | 'times' | 'latency' | 'pairs' | 'outcomes' | 'emptyBlocks'>;

const afterBlock = (guards: readonly CountedGuard[], before: SealedPart, block: OpenBlock): SealedPart => {
  const evidence = foldBlock(
    guards.map(({ guard }) => guard),
    before.evidence,
    block.counts,
  );
  const timed = { ...block, number: evidence.sealedBlocks, from: isoOf(block.fromMs), to: isoOf(block.toMs) };
  return {
    evidence,
    assigned: mergeAssigned([...before.assigned, ...block.assigned]),
    times: before.times && forgetBegins(addBlockTimes(before.times, timed), evidence),
    latency: block.baselineRuns.length === 0 ? before.latency : addSealedRuns(before.latency, denseRuns(block.baselineRuns)),
    pairs: before.pairs + block.pairs,
    outcomes: { ...before.outcomes, units: mergeBuckets([...before.outcomes.units, ...block.buckets]) },
    emptyBlocks: holdsCounts([block.counts, block.assigned]) ? 0 : before.emptyBlocks + 1,
  };
};

/** Folds blocks one after the other; those without counts are only numbered. */
const createFolding = (before: SealedPart, { guards, incarnation }: { readonly guards: readonly CountedGuard[]; readonly incarnation: string }) => {
  const sealed: SealedBlock[] = [];
  const { evidence, assigned, times, latency, pairs, outcomes, emptyBlocks } = before;
  let part: SealedPart = { evidence, assigned, times, latency, pairs, outcomes, emptyBlocks };
  return {
    sealed,
    kept: (): SealedPart => part,
    fold: (block: OpenBlock): void => {
      const after = afterBlock(guards, part, block);
      if (after.emptyBlocks === 0)
        sealed.push({ ...block, incarnation, number: after.evidence.sealedBlocks, emptyBefore: part.emptyBlocks, after: after.evidence });
      part = after;
    },
  };
};

/** The evidence as this life of the gateway goes on with it: what an earlier one left open is over, and the blocks with counts among it are sealed. */
export const continueIn = (before: KeptEvidence, guards: readonly CountedGuard[], incarnation: string): Pick<Gathered, 'kept' | 'sealed'> => {
  if (before.incarnation === incarnation) return { kept: before, sealed: [] };
  const folding = createFolding(before, { guards, incarnation: before.incarnation });
  for (const block of before.open) folding.fold(before.underWay?.block === block.block ? before.underWay : block);
  const kept: KeptEvidence = { ...before, ...folding.kept(), incarnation, open: [], underWay: null, nextBlock: null, counted: { eligible: 0, ineligible: 0 } };
  return { kept, sealed: folding.sealed };
};

const pinsFrom = (guards: readonly CountedGuard[], sealed: Pick<KeptEvidence, 'evidence' | 'latency'>): Pins =>
  pinBlock(
    guards.map(({ guard }) => guard),
    sealed,
  );

/** All assignments so far, for the sample ratio. */
export const assignedOf = ({ assigned, open }: KeptEvidence): readonly AssignedStratum[] =>
  mergeAssigned([...assigned, ...open.flatMap((block) => block.assigned)]);

/** Pairs that have begun so far. */
export const comparedPairsOf = ({ pairs, open }: KeptEvidence): number => open.reduce((sum, block) => sum + block.pairs, pairs);

/** The units whose outcomes are not mature yet. */
export const waitingUnitsOf = ({ outcomes, open }: KeptEvidence): WaitingUnits => ({ kept: outcomes, open: open.flatMap(({ buckets }) => buckets) });
