/** When the units of a rollout came, by probability, and when the blocks began in which a harm may have: wall times as the blocks' entries have them. Of a size independent of the traffic. Pure. */
import type { Evidence } from './analysis/evidence.ts';
import type { GuardCounts } from './analysis/guard-counts.ts';
import type { AssignedStratum } from './analysis/sample-ratio.ts';

/** The first and the last block that brought units with one probability: when the one began, and when the other ended. ISO 8601 with milliseconds. */
export interface StratumTimes {
  readonly w: number;
  readonly from: string;
  readonly to: string;
}

/** When a block began. */
export interface BlockBegin {
  readonly block: number;
  readonly from: string;
}

/** Times of the strata of all assignments, and of each guard's own: outcomes count in the block in which they matured, so theirs are later. */
export interface BlockTimes {
  readonly assigned: readonly StratumTimes[];
  readonly guards: Readonly<Record<string, readonly StratumTimes[]>>;
  /** Of the blocks that are a likely start of a bet, and of those added since that was last looked at. */
  readonly begins: readonly BlockBegin[];
}

/** What of a block's entry tells times. */
export interface TimedBlock {
  readonly number: number;
  readonly from: string;
  readonly to: string;
  readonly counts: Readonly<Record<string, GuardCounts>>;
  readonly assigned: readonly AssignedStratum[];
}

/** Before the first block. */
export const noTimes: BlockTimes = { assigned: [], guards: {}, begins: [] };

/** A time of the wall clock as entries have it. */
export const isoOf = (ms: number): string => new Date(ms).toISOString();

const addStrata = (known: readonly StratumTimes[], weights: readonly number[], { from, to }: TimedBlock): readonly StratumTimes[] => {
  const strata = new Map(known.map((stratum) => [stratum.w, stratum]));
  for (const w of weights) strata.set(w, { w, from: strata.get(w)?.from ?? from, to });
  return [...strata.values()];
};

const assignedWeights = ({ assigned }: TimedBlock): readonly number[] =>
  assigned.filter(({ baseline, candidate }) => baseline + candidate > 0).map(({ w }) => w);

const unitWeights = ({ units }: GuardCounts): readonly number[] =>
  (units ?? []).filter(({ baseline, candidate }) => baseline.n + candidate.n > 0).map(({ w }) => w);

/** The times with one more block; blocks are added in their order. */
export const addBlockTimes = (times: BlockTimes, block: TimedBlock): BlockTimes => ({
  assigned: addStrata(times.assigned, assignedWeights(block), block),
  guards: {
    ...times.guards,
    ...Object.fromEntries(Object.entries(block.counts).map(([name, counts]) => [name, addStrata(times.guards[name] ?? [], unitWeights(counts), block)])),
  },
  begins: [...times.begins, { block: block.number, from: block.from }],
});

/** Forgets when blocks began that are no likely start of any bet any more. */
export const forgetBegins = (times: BlockTimes, { tests }: Evidence): BlockTimes => {
  const likely = new Set(Object.values(tests).flatMap(({ starts }) => (starts ?? []).map(({ block }) => block)));
  return { ...times, begins: times.begins.filter(({ block }) => likely.has(block)) };
};

/** `from` and `to` of a stratum, to be spread into it; nothing where they are not known. */
export const timesAt = (strata: readonly StratumTimes[] | undefined, w: number): Partial<Pick<StratumTimes, 'from' | 'to'>> => {
  const found = strata?.find((stratum) => stratum.w === w);
  return found === undefined ? {} : { from: found.from, to: found.to };
};
