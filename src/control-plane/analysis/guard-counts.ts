import type { LatencyEdge } from './latency-edge.ts';
import { addPairs, noPairs, type PairCounts } from './pair-counts.ts';
import { mergeUnits, mergeValues, type UnitStratum, type ValueStratum } from './strata.ts';

/** What was fixed at the start of a block from sealed history. Kept with the block, so that it can be replayed. */
export interface GuardPins {
  /** One a latency slot; absent while the history is too short. The counts of pairs are made with it. */
  readonly latencyEdges?: readonly LatencyEdge[];
  /** The baseline's rate that turns an absolute margin into the ratio of first events; absent while no baseline request is sealed. */
  readonly firstEventRate?: number;
}

/** The counts of one guard in one block (or, without pins, in the whole rollout). Absent means none. */
export interface GuardCounts {
  /** Requests without a key, and first requests of keys, per exact probability. */
  readonly units?: readonly UnitStratum[];
  readonly values?: readonly ValueStratum[];
  /** First events of keys per weight in force; pending = keys whose first event may still be in a pending request. */
  readonly firstEvents?: readonly UnitStratum[];
  /** One a latency slot; one for errors and breaches. */
  readonly pairs?: readonly PairCounts[];
  /** Compared requests by the exact probability of a pair of both versions: `candidate` those pairs, `baseline` pairs of two runs of the baseline. An event is two outputs that differ. */
  readonly differences?: readonly UnitStratum[];
  readonly pins?: GuardPins;
}

/** The counts of every guard in one block, by guard name. */
export type BlockCounts = Readonly<Record<string, GuardCounts>>;

const addPairLists = (a: readonly PairCounts[], b: readonly PairCounts[]): readonly PairCounts[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, slot) => addPairs(a[slot] ?? noPairs, b[slot] ?? noPairs));

const concat = <T>(a: readonly T[] | undefined, b: readonly T[] | undefined): readonly T[] => [...(a ?? []), ...(b ?? [])];

/** A block that counts nothing for a guard is not written, so its pins must not show in what is said of the guard either. */
const latestPins = (a: GuardCounts, b: GuardCounts): Pick<GuardCounts, 'pins'> => {
  const pins = a.pins === undefined || (b.pins !== undefined && holdsCounts(b)) ? b.pins : a.pins;
  return pins === undefined ? {} : { pins };
};

/** Adds the counts of blocks, seconds or replicas; the pins are those of `b`, the later one, unless it counts nothing. */
export const addCounts = (a: GuardCounts, b: GuardCounts): GuardCounts => ({
  units: mergeUnits(concat(a.units, b.units)),
  values: mergeValues(concat(a.values, b.values)),
  firstEvents: mergeUnits(concat(a.firstEvents, b.firstEvents)),
  pairs: addPairLists(a.pairs ?? [], b.pairs ?? []),
  differences: mergeUnits(concat(a.differences, b.differences)),
  ...latestPins(a, b),
});

/** Whether there is a count above 0 anywhere in it, whatever the counts are: probabilities and pins are none. A block without is empty. */
export const holdsCounts = (value: unknown): boolean => {
  if (typeof value === 'number') return value !== 0;
  if (typeof value !== 'object' || value === null) return false;
  return Object.entries(value).some(([name, part]) => name !== 'w' && name !== 'pins' && holdsCounts(part));
};

/** Counts as they are kept for ever: members and strata that hold nothing are left out. They give the same evidence. */
export const compactCounts = ({ pins, ...counts }: GuardCounts): GuardCounts => ({
  ...(Object.fromEntries(
    Object.entries(counts)
      .filter(([, part]) => holdsCounts(part))
      .map(([name, part]) => [name, name === 'pairs' || !Array.isArray(part) ? part : part.filter(holdsCounts)]),
  ) as GuardCounts),
  ...(holdsCounts(Object.values(pins ?? {})) ? { pins } : {}),
});
