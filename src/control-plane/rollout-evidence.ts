/**
 * From observations to evidence. Seconds of one incarnation are gathered into blocks; a block that can get no more is
 * folded into the evidence and its seconds are forgotten; the open ones are counted anew at every tick. What an earlier
 * life left open is folded as it is: its pending requests stay pessimistically completed for ever.
 */
import type { FirstEventCounts, Observation, SecondCounts } from '../store/rollout-store.ts';
import { blockOf, isSealed } from './analysis/blocks.ts';
import { type Evidence, foldBlock, startEvidence } from './analysis/evidence.ts';
import { addCounts, type BlockCounts, type GuardCounts, type GuardPins } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { startLatencyHistory } from './analysis/latency-history.ts';
import { pinBlock } from './analysis/pin-block.ts';
import type { AssignedStratum } from './analysis/sample-ratio.ts';
import type { UnitStratum } from './analysis/strata.ts';
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

/** A guard with the way its events are counted; null for one that these counts do not measure. */
export interface CountedGuard {
  readonly guard: Guard;
  readonly eventOf: EventOf | null;
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
  let { evidence, assigned } = current;
  let { units } = current.outcomes;
  const open: OpenBlock[] = [];
  let keepFromSecond = blockOf(nowSecond, rules.blockSeconds) * rules.blockSeconds;
  for (const [block, cells] of blocks) {
    const pins = current.open.find((known) => known.block === block)?.pins ?? pinsFrom(guards, evidence);
    const counted = countBlock({ block, pins, cells, outcomes: outcomes.get(block) ?? {} }, guards);
    const sealed = isSealed({ block, ...rules, watermarkSecond: nowSecond - 1, nowSecond, pending: pendingOf(cells) });
    if (sealed && open.length === 0) {
      evidence = foldCounted(guards, evidence, counted);
      assigned = mergeAssigned([...assigned, ...counted.assigned]);
      units = mergeBuckets([...units, ...counted.buckets]);
    } else {
      open.push(counted);
      keepFromSecond = Math.min(keepFromSecond, block * rules.blockSeconds);
    }
  }
  return { kept: { ...current, evidence, assigned, open, outcomes: { ...current.outcomes, units }, ...eligibilityOf(current, observation) }, keepFromSecond };
};

const foldCounted = (guards: readonly CountedGuard[], evidence: Evidence, { counts }: OpenBlock): Evidence =>
  foldBlock(
    guards.map(({ guard }) => guard),
    evidence,
    counts,
  );

/** The evidence as this life of the gateway goes on with it. */
export const continueIn = (before: KeptEvidence, guards: readonly CountedGuard[], incarnation: string): KeptEvidence =>
  before.incarnation === incarnation
    ? before
    : {
        ...before,
        incarnation,
        evidence: before.open.reduce((evidence, block) => foldCounted(guards, evidence, block), before.evidence),
        assigned: mergeAssigned([...before.assigned, ...before.open.flatMap((block) => block.assigned)]),
        outcomes: { ...before.outcomes, units: mergeBuckets([...before.outcomes.units, ...before.open.flatMap((block) => block.buckets)]) },
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

const pinsFrom = (guards: readonly CountedGuard[], evidence: Evidence): Pins =>
  pinBlock(
    guards.map(({ guard }) => guard),
    { evidence, latency: startLatencyHistory(), baselineWithItself: {} },
  );

interface BlockCells {
  readonly units: SecondCounts[];
  readonly firstEvents: FirstEventCounts[];
}

/** The cells by block, oldest first, and the blocks that must be there without cells. The second that is still being counted is left for the next tick. */
const cutBlocks = (
  { counts, firstEvents, nowSecond }: Observation,
  blockSeconds: number,
  alsoBlocks: Iterable<number>,
): readonly (readonly [number, BlockCells])[] => {
  const blocks = new Map<number, BlockCells>();
  const cellsOf = (second: number): BlockCells => cellsOfBlock(blockOf(second, blockSeconds));
  const cellsOfBlock = (block: number): BlockCells => {
    const cells = blocks.get(block) ?? { units: [], firstEvents: [] };
    blocks.set(block, cells);
    return cells;
  };
  for (const block of alsoBlocks) cellsOfBlock(block);
  for (const cell of counts) if (cell.second < nowSecond) cellsOf(cell.second).units.push(cell);
  for (const cell of firstEvents) if (cell.second < nowSecond) cellsOf(cell.second).firstEvents.push(cell);
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
    guards.map(({ guard, eventOf }) => [
      guard.name,
      { ...(eventOf === null ? outcomes[guard.name] : countGuard(eventOf, cells)), pins: pins[guard.name] ?? {} },
    ]),
  ),
  outcomes,
  buckets: guards.some(({ outcome }) => outcome !== null) ? bucketsOf(cells.units) : [],
  assigned: mergeAssigned(cells.units.map(({ w, arm, n }) => ({ w, candidate: arm === 'candidate' ? n : 0, baseline: arm === 'baseline' ? n : 0 }))),
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

/** The units whose outcomes are not mature yet. */
export const waitingUnitsOf = ({ outcomes, open }: KeptEvidence): WaitingUnits => ({ kept: outcomes, open: open.flatMap(({ buckets }) => buckets) });
