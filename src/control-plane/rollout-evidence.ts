/**
 * From observations to evidence. Seconds of one incarnation are gathered into blocks; a block that can get no more is
 * folded into the evidence and its seconds are forgotten; the open ones are counted anew at every tick. What an earlier
 * life left open is folded as it is: its pending requests stay pessimistically completed for ever.
 */
import type { FirstEventCounts, Observation, SecondCounts, SecondPairs } from '../store/rollout-store.ts';
import { blockOf, isSealed } from './analysis/blocks.ts';
import { type Evidence, foldBlock, startEvidence } from './analysis/evidence.ts';
import { addCounts, type BlockCounts, type GuardCounts, type GuardPins } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { addSealedRuns, type LatencyHistory, startLatencyHistory } from './analysis/latency-history.ts';
import { pinBlock } from './analysis/pin-block.ts';
import type { AssignedStratum } from './analysis/sample-ratio.ts';
import type { UnitStratum } from './analysis/strata.ts';
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
  readonly pairsOf: PairSource | null;
  /** The outcome that its counts are made of; null for any other guard. */
  readonly outcome: WatchedOutcome | null;
}

type Pins = Readonly<Record<string, GuardPins>>;

/** A block that is not folded yet, as it was last counted. */
interface OpenBlock {
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
}

/** Everything that is kept of a rollout's evidence: plain data, of a size independent of the traffic. */
export interface KeptEvidence {
  readonly incarnation: string;
  readonly evidence: Evidence;
  readonly open: readonly OpenBlock[];
  /** Assignments of sealed blocks, for the sample ratio. */
  readonly assigned: readonly AssignedStratum[];
  /** The baseline's runs in the pairs of sealed blocks, from which thresholds are pinned. */
  readonly latency: LatencyHistory;
  /** Pairs begun in sealed blocks. */
  readonly pairs: number;
  /** Eligible and ineligible requests of each of the last sixty minutes in which the engine ticked, newest last, and where this life's counters stood. */
  readonly minutes: readonly { readonly minute: number; readonly eligible: number; readonly ineligible: number }[];
  readonly counted: { readonly eligible: number; readonly ineligible: number };
  readonly outcomes: KeptOutcomes;
}

export const startKeptEvidence = (guards: readonly CountedGuard[], incarnation: string): KeptEvidence => ({
  incarnation,
  evidence: startEvidence(guards.map(({ guard }) => guard)),
  open: [],
  assigned: [],
  latency: startLatencyHistory(),
  pairs: 0,
  minutes: [],
  counted: { eligible: 0, ineligible: 0 },
  outcomes: noOutcomes,
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
  readonly keepFromSecond: number;
}

/** How an observation becomes evidence. */
interface Gathering {
  readonly guards: readonly CountedGuard[];
  readonly rules: BlockRules;
  /** Outcomes that matured since the last one, by guard: they belong to the block of this moment. */
  readonly matured?: Matured['counts'];
}

/** Takes an observation into the evidence. Taking the same one again, with nothing matured since, changes nothing. */
export const gather = (before: KeptEvidence, observation: Observation, { guards, rules, matured = {} }: Gathering): Gathered => {
  const current = continueIn(before, guards, observation.incarnation);
  const { nowSecond } = observation;
  const outcomes = outcomesByBlock(current.open, blockOf(nowSecond, rules.blockSeconds), matured);
  const blocks = cutBlocks(observation, rules.blockSeconds, outcomes.keys());
  let sealed: SealedPart = current;
  const open: OpenBlock[] = [];
  let keepFromSecond = blockOf(nowSecond, rules.blockSeconds) * rules.blockSeconds;
  for (const [block, cells] of blocks) {
    const pins = current.open.find((known) => known.block === block)?.pins ?? pinsFrom(guards, sealed);
    const counted = countBlock({ block, pins, cells, outcomes: outcomes.get(block) ?? {} }, guards);
    if (isComplete(block, cells, { rules, nowSecond }) && open.length === 0) sealed = seal(guards, sealed, counted);
    else {
      open.push(counted);
      keepFromSecond = Math.min(keepFromSecond, block * rules.blockSeconds);
    }
  }
  return { kept: { ...current, ...sealed, open, ...eligibilityOf(current, observation) }, keepFromSecond };
};

/** What sealed blocks have left behind. */
type SealedPart = Pick<KeptEvidence, 'evidence' | 'assigned' | 'latency' | 'pairs' | 'outcomes'>;

const seal = (guards: readonly CountedGuard[], { evidence, assigned, latency, pairs, outcomes }: SealedPart, block: OpenBlock): SealedPart => ({
  evidence: foldBlock(
    guards.map(({ guard }) => guard),
    evidence,
    block.counts,
  ),
  assigned: mergeAssigned([...assigned, ...block.assigned]),
  latency: block.baselineRuns.length === 0 ? latency : addSealedRuns(latency, denseRuns(block.baselineRuns)),
  pairs: pairs + block.pairs,
  outcomes: { ...outcomes, units: mergeBuckets([...outcomes.units, ...block.buckets]) },
});

const denseRuns = (runs: SparseRuns): readonly number[] => {
  const dense: number[] = [];
  for (const [bucket, count] of runs) dense[bucket] = count;
  return dense;
};

/** A pair has two runs, and between them perhaps the start of a new process: half a minute, or it counts as one that was cut off by a crash. */
const pairRestartSeconds = 30;

const isComplete = (block: number, cells: BlockCells, { rules, nowSecond }: { readonly rules: BlockRules; readonly nowSecond: number }): boolean => {
  const standing = { block, ...rules, watermarkSecond: nowSecond - 1, nowSecond };
  const pairDeadlineSeconds = 2 * rules.deadlineSeconds + pairRestartSeconds;
  return (
    isSealed({ ...standing, pending: pendingOf(cells) }) && isSealed({ ...standing, deadlineSeconds: pairDeadlineSeconds, pending: pendingPairs(cells.pairs) })
  );
};

/** The evidence as this life of the gateway goes on with it. */
export const continueIn = (before: KeptEvidence, guards: readonly CountedGuard[], incarnation: string): KeptEvidence =>
  before.incarnation === incarnation
    ? before
    : {
        ...before,
        ...before.open.reduce<SealedPart>((sealed, block) => seal(guards, sealed, block), before),
        incarnation,
        open: [],
        counted: { eligible: 0, ineligible: 0 },
      };

/** The outcomes of each open block, with those that have matured now in the newest one. */
const outcomesByBlock = (open: readonly OpenBlock[], newest: number, matured: Matured['counts']): ReadonlyMap<number, Matured['counts']> => {
  const byBlock = new Map(open.filter(({ outcomes }) => Object.keys(outcomes).length > 0).map(({ block, outcomes }) => [block, outcomes]));
  if (Object.keys(matured).length === 0) return byBlock;
  const known = byBlock.get(newest) ?? {};
  const added = Object.entries(matured).map(([guard, counts]) => [guard, addCounts(known[guard] ?? {}, counts)] as const);
  return byBlock.set(newest, { ...known, ...Object.fromEntries(added) });
};

const pinsFrom = (guards: readonly CountedGuard[], sealed: SealedPart): Pins =>
  pinBlock(
    guards.map(({ guard }) => guard),
    sealed,
  );

interface BlockCells {
  readonly units: SecondCounts[];
  readonly firstEvents: FirstEventCounts[];
  readonly pairs: SecondPairs[];
}

/** The cells by block, oldest first, and the blocks that must be there without cells. The second that is still being counted is left for the next tick. */
const cutBlocks = (
  { counts, firstEvents, pairs, nowSecond }: Observation,
  blockSeconds: number,
  alsoBlocks: Iterable<number>,
): readonly (readonly [number, BlockCells])[] => {
  const blocks = new Map<number, BlockCells>();
  const cellsOf = (second: number): BlockCells => cellsOfBlock(blockOf(second, blockSeconds));
  const cellsOfBlock = (block: number): BlockCells => {
    const cells = blocks.get(block) ?? { units: [], firstEvents: [], pairs: [] };
    blocks.set(block, cells);
    return cells;
  };
  for (const block of alsoBlocks) cellsOfBlock(block);
  for (const cell of counts) if (cell.second < nowSecond) cellsOf(cell.second).units.push(cell);
  for (const cell of firstEvents) if (cell.second < nowSecond) cellsOf(cell.second).firstEvents.push(cell);
  for (const cell of pairs) if (cell.second < nowSecond) cellsOf(cell.second).pairs.push(cell);
  return [...blocks].sort(([left], [right]) => left - right);
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

interface BlockParts extends Pick<OpenBlock, 'block' | 'pins' | 'outcomes'> {
  readonly cells: BlockCells;
}

const countBlock = ({ block, pins, cells, outcomes }: BlockParts, guards: readonly CountedGuard[]): OpenBlock => ({
  block,
  pins,
  counts: Object.fromEntries(
    guards.map((guard) => [guard.guard.name, { ...outcomes[guard.guard.name], ...countsOf(guard, cells, pins[guard.guard.name] ?? {}) }]),
  ),
  outcomes,
  buckets: guards.some(({ outcome }) => outcome !== null) ? bucketsOf(cells.units) : [],
  assigned: mergeAssigned(cells.units.map(({ w, arm, n }) => ({ w, candidate: arm === 'candidate' ? n : 0, baseline: arm === 'baseline' ? n : 0 }))),
  pairs: pairsIn(cells.pairs),
  baselineRuns: baselineRuns(cells.pairs),
});

const countsOf = ({ eventOf, pairsOf }: CountedGuard, cells: BlockCells, pins: GuardPins): GuardCounts => ({
  ...(eventOf === null ? {} : countGuard(eventOf, cells)),
  ...(pairsOf === null ? {} : countPairs(pairsOf, cells.pairs, pins)),
  pins,
});

const mergeAssigned = (strata: readonly AssignedStratum[]): readonly AssignedStratum[] => {
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
