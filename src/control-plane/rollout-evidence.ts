/**
 * From observations to evidence. Seconds of one incarnation are gathered into blocks; a block that can get no more is
 * folded into the evidence and its seconds are forgotten; the open ones are counted anew at every tick. What an earlier
 * life left open is folded as it is: its pending requests stay pessimistically completed for ever.
 */
import type { FirstEventCounts, Observation, SecondCounts, SecondPairs } from '../store/rollout-store.ts';
import { blockOf, isSealed } from './analysis/blocks.ts';
import { type Evidence, foldBlock, startEvidence } from './analysis/evidence.ts';
import { addCounts, type BlockCounts, type GuardCounts, type GuardPins, holdsCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { addSealedRuns, type LatencyHistory, startLatencyHistory } from './analysis/latency-history.ts';
import { pinBlock } from './analysis/pin-block.ts';
import type { AssignedStratum } from './analysis/sample-ratio.ts';
import type { UnitStratum } from './analysis/strata.ts';
import { addBlockTimes, type BlockTimes, forgetBegins, isoOf, noTimes } from './block-times.ts';
import { baselineRuns, countPairs, type PairSource, pairsIn, pendingPairs, type SparseRuns } from './count-pairs.ts';
import {
  type BucketUnits,
  bucketsOf,
  type KeptOutcomes,
  type Matured,
  mergeBuckets,
  noOutcomes,
  type WaitingUnits,
  type WatchedOutcome,
} from './outcome-evidence.ts';

/** Which count of a cell is a guard's event. */
export type EventOf = (cell: Pick<SecondCounts, 'errors' | 'breaches' | 'abstained' | 'flagged'>) => number;

/** A guard with the way its events are counted in requests and in pairs; null where it is not measured. */
export interface CountedGuard {
  readonly guard: Guard;
  readonly eventOf: EventOf | null;
  /** The name of that event, by which examples of it are known; null where it is not counted. */
  readonly event: string | null;
  readonly pairsOf: PairSource | null;
  /** The outcome that its counts are made of; null for any other guard. */
  readonly outcome: WatchedOutcome | null;
}

type Pins = Readonly<Record<string, GuardPins>>;

/** A block that is not folded yet, as it was last counted. */
export interface OpenBlock {
  /** Number of the block on the clock of its incarnation. */
  readonly block: number;
  readonly pins: Pins;
  readonly counts: BlockCounts;
  readonly assigned: readonly AssignedStratum[];
  /** Pairs begun in it, and the baseline's runs in them: history for the thresholds of later blocks. */
  readonly pairs: number;
  readonly baselineRuns: SparseRuns;
  /** Its units by the bucket of their assignment; none where no outcome is watched. */
  readonly buckets: readonly BucketUnits[];
  /** Outcomes that matured while it was open, by guard. */
  readonly outcomes: Matured['counts'];
  /** Wall time, milliseconds since the epoch, of its beginning and of the newest second that is counted: for people. */
  readonly fromMs: number;
  readonly toMs: number;
}

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
export interface KeptEvidence {
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
  /** Eligible and ineligible requests of each of the last sixty minutes in which the engine ticked, newest last, and where this life's counters stood. */
  readonly minutes: readonly { readonly minute: number; readonly eligible: number; readonly ineligible: number }[];
  readonly counted: { readonly eligible: number; readonly ineligible: number };
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

/** How blocks are cut and sealed. */
export interface BlockRules {
  readonly blockSeconds: number;
  /** The longest that a request may take, seconds. */
  readonly deadlineSeconds: number;
}

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
    kept: { ...kept, ...eligibilityOf(begun.kept, observation) },
    sealed: [...begun.sealed, ...folding.sealed],
    keepFromSecond: nextBlock * rules.blockSeconds,
  };
};

const noCells: BlockCells = { units: [], firstEvents: [], pairs: [] };

/** A pair has two runs, and between them perhaps the start of a new process: half a minute, or it counts as one that was cut off by a crash. */
const pairRestartSeconds = 30;

const isComplete = (block: number, cells: BlockCells, { rules, nowSecond }: { readonly rules: BlockRules; readonly nowSecond: number }): boolean => {
  const standing = { block, ...rules, watermarkSecond: nowSecond - 1, nowSecond };
  const pairDeadlineSeconds = 2 * rules.deadlineSeconds + pairRestartSeconds;
  return (
    isSealed({ ...standing, pending: pendingOf(cells) }) && isSealed({ ...standing, deadlineSeconds: pairDeadlineSeconds, pending: pendingPairs(cells.pairs) })
  );
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
  return {
    ...newest,
    counts: Object.fromEntries(Object.entries(newest.counts).map(([name, counts]) => [name, addCounts(counts, latest.counts[name] ?? {})])),
    assigned: mergeAssigned([...newest.assigned, ...latest.assigned]),
    pairs: newest.pairs + latest.pairs,
    baselineRuns: addRuns(newest.baselineRuns, latest.baselineRuns),
    buckets: mergeBuckets([...newest.buckets, ...latest.buckets]),
    toMs: Math.round(wallMs),
  };
};

/** Baseline runs of two parts of a block, by bucket. */
const addRuns = (left: SparseRuns, right: SparseRuns): SparseRuns => {
  const sum = new Map(left);
  for (const [bucket, count] of right) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  return [...sum];
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

interface BlockCells {
  readonly units: SecondCounts[];
  readonly firstEvents: FirstEventCounts[];
  readonly pairs: SecondPairs[];
}

/** The cells of the seconds from `fromSecond` to before `endSecond`, by block. */
const cutBlocks = (
  { counts, firstEvents, pairs }: Observation,
  { blockSeconds, fromSecond, endSecond }: { readonly blockSeconds: number; readonly fromSecond: number; readonly endSecond: number },
): ReadonlyMap<number, BlockCells> => {
  const blocks = new Map<number, BlockCells>();
  const cellsOf = (second: number): BlockCells => {
    const block = blockOf(second, blockSeconds);
    const cells = blocks.get(block) ?? { units: [], firstEvents: [], pairs: [] };
    blocks.set(block, cells);
    return cells;
  };
  const isIn = ({ second }: { readonly second: number }): boolean => second >= fromSecond && second < endSecond;
  for (const cell of counts.filter(isIn)) cellsOf(cell.second).units.push(cell);
  for (const cell of firstEvents.filter(isIn)) cellsOf(cell.second).firstEvents.push(cell);
  for (const cell of pairs.filter(isIn)) cellsOf(cell.second).pairs.push(cell);
  return blocks;
};

const pendingOf = ({ units, firstEvents }: BlockCells): number =>
  units.reduce((sum, { n, done }) => sum + n - done, 0) + firstEvents.reduce((sum, { pending }) => sum + pending, 0);

const noArm = { n: 0, events: 0, pending: 0 };

const stratumOf = (w: number, arm: 'baseline' | 'candidate', counts: { readonly n: number; readonly events: number; readonly pending: number }): UnitStratum =>
  arm === 'candidate' ? { w, candidate: counts, baseline: noArm } : { w, candidate: noArm, baseline: counts };

/** The counts of one guard: the cells of a block added up, one stratum a probability. */
const countGuard = (eventOf: EventOf, { units, firstEvents }: BlockCells): GuardCounts =>
  addCounts(
    {},
    {
      units: units.map((cell) => stratumOf(cell.w, cell.arm, { n: cell.n, events: eventOf(cell), pending: cell.n - cell.done })),
      firstEvents: firstEvents.map((cell) => stratumOf(cell.w, cell.arm, { n: eventOf(cell) + cell.pending, events: eventOf(cell), pending: cell.pending })),
    },
  );

interface BlockParts extends Pick<OpenBlock, 'block' | 'pins' | 'outcomes' | 'fromMs' | 'toMs'> {
  readonly cells: BlockCells;
}

const countBlock = ({ cells, ...parts }: BlockParts, guards: readonly CountedGuard[]): OpenBlock => ({
  block: parts.block,
  pins: parts.pins,
  counts: Object.fromEntries(
    guards.map((guard) => [guard.guard.name, { ...parts.outcomes[guard.guard.name], ...countsOf(guard, cells, parts.pins[guard.guard.name] ?? {}) }]),
  ),
  assigned: mergeAssigned(cells.units.map(({ w, arm, n }) => ({ w, candidate: arm === 'candidate' ? n : 0, baseline: arm === 'baseline' ? n : 0 }))),
  pairs: pairsIn(cells.pairs),
  baselineRuns: baselineRuns(cells.pairs),
  buckets: guards.some(({ outcome }) => outcome !== null) ? bucketsOf(cells.units) : [],
  outcomes: parts.outcomes,
  fromMs: parts.fromMs,
  toMs: parts.toMs,
});

const countsOf = ({ eventOf, pairsOf }: CountedGuard, cells: BlockCells, pins: GuardPins): GuardCounts => ({
  ...(eventOf === null ? {} : countGuard(eventOf, cells)),
  ...(pairsOf === null ? {} : countPairs(pairsOf, cells.pairs, pins)),
  pins,
});

/** Adds assignments up: one stratum a probability. */
export const mergeAssigned = (strata: readonly AssignedStratum[]): readonly AssignedStratum[] => {
  const merged = new Map<number, AssignedStratum>();
  for (const { w, candidate, baseline } of strata) {
    const known = merged.get(w) ?? { w, candidate: 0, baseline: 0 };
    merged.set(w, { w, candidate: known.candidate + candidate, baseline: known.baseline + baseline });
  }
  return [...merged.values()];
};

const minutesKept = 60;

const eligibilityOf = ({ minutes, counted }: KeptEvidence, { nowSecond, eligible, ineligible }: Observation): Pick<KeptEvidence, 'minutes' | 'counted'> => {
  const minute = Math.floor(nowSecond / 60);
  const last = minutes.at(-1);
  const base = last?.minute === minute ? last : { minute, eligible: 0, ineligible: 0 };
  const now = { minute, eligible: base.eligible + eligible - counted.eligible, ineligible: base.ineligible + ineligible - counted.ineligible };
  return { minutes: [...(last?.minute === minute ? minutes.slice(0, -1) : minutes), now].slice(-minutesKept), counted: { eligible, ineligible } };
};

/** Share of ineligible requests in the last hour of ticked minutes; null without requests. */
export const ineligibleShareOf = ({ minutes }: KeptEvidence): number | null => {
  const ineligible = minutes.reduce((sum, entry) => sum + entry.ineligible, 0);
  const all = minutes.reduce((sum, entry) => sum + entry.eligible, ineligible);
  return all === 0 ? null : ineligible / all;
};

/** All assignments so far, for the sample ratio. */
export const assignedOf = ({ assigned, open }: KeptEvidence): readonly AssignedStratum[] =>
  mergeAssigned([...assigned, ...open.flatMap((block) => block.assigned)]);

/** Pairs that have begun so far. */
export const comparedPairsOf = ({ pairs, open }: KeptEvidence): number => open.reduce((sum, block) => sum + block.pairs, pairs);

/** The units whose outcomes are not mature yet. */
export const waitingUnitsOf = ({ outcomes, open }: KeptEvidence): WaitingUnits => ({ kept: outcomes, open: open.flatMap(({ buckets }) => buckets) });
