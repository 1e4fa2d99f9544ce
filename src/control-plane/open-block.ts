/** One block of a rollout that is not folded yet: what of an observation falls into it, whether it can get more, and its counts. Pure. */
import type { FirstEventCounts, Observation, SecondCounts, SecondPairs } from '../store/observation.ts';
import { blockOf, isSealed } from './analysis/blocks.ts';
import { addCounts, type BlockCounts, type GuardCounts, type GuardPins } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import type { AssignedStratum } from './analysis/sample-ratio.ts';
import type { UnitStratum } from './analysis/strata.ts';
import { baselineRuns, countPairs, type PairSource, pairsIn, pendingPairs, pendingSelfPairs, type SparseRuns } from './count-pairs.ts';
import { type BucketUnits, bucketsOf, type Matured, mergeBuckets, type WatchedOutcome } from './outcome-evidence.ts';

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

export type Pins = Readonly<Record<string, GuardPins>>;

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

/** How blocks are cut and sealed. */
export interface BlockRules {
  readonly blockSeconds: number;
  /** The longest that a request may take, seconds. */
  readonly deadlineSeconds: number;
}

export interface BlockCells {
  readonly units: SecondCounts[];
  readonly firstEvents: FirstEventCounts[];
  readonly pairs: SecondPairs[];
}

/** The cells of the seconds from `fromSecond` to before `endSecond`, by block. */
export const cutBlocks = (
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

export const countBlock = ({ cells, ...parts }: BlockParts, guards: readonly CountedGuard[]): OpenBlock => ({
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

export const noCells: BlockCells = { units: [], firstEvents: [], pairs: [] };

/** A pair has two runs, and between them perhaps the start of a new process: half a minute, or it counts as one that was cut off by a crash. */
const pairRestartSeconds = 30;

export const isComplete = (block: number, cells: BlockCells, { rules, nowSecond }: { readonly rules: BlockRules; readonly nowSecond: number }): boolean => {
  const standing = { block, ...rules, watermarkSecond: nowSecond - 1, nowSecond };
  const pairDeadlineSeconds = 2 * rules.deadlineSeconds + pairRestartSeconds;
  const pending = pendingPairs(cells.pairs) + pendingSelfPairs(cells.pairs);
  return isSealed({ ...standing, pending: pendingOf(cells) }) && isSealed({ ...standing, deadlineSeconds: pairDeadlineSeconds, pending });
};

/** Baseline runs of two parts of a block, by bucket. */
const addRuns = (left: SparseRuns, right: SparseRuns): SparseRuns => {
  const sum = new Map(left);
  for (const [bucket, count] of right) sum.set(bucket, (sum.get(bucket) ?? 0) + count);
  return [...sum];
};

/** The counts of two parts of a block. */
export const addParts = (block: OpenBlock, rest: OpenBlock): OpenBlock => ({
  ...block,
  counts: Object.fromEntries(Object.entries(block.counts).map(([name, counts]) => [name, addCounts(counts, rest.counts[name] ?? {})])),
  assigned: mergeAssigned([...block.assigned, ...rest.assigned]),
  pairs: block.pairs + rest.pairs,
  baselineRuns: addRuns(block.baselineRuns, rest.baselineRuns),
  buckets: mergeBuckets([...block.buckets, ...rest.buckets]),
});
