/** The counts of requests, second by second, and the keys that decide which of them count. */
import { type Assigned, u32Range } from './assignment-rules.ts';
import { createFilter, type Filter, type Key } from './hashes.ts';
import type { Arm } from './raw-log.ts';

interface UnitCell {
  readonly w: number;
  readonly arm: Arm;
  n: number;
  done: number;
  /** By kind. */
  readonly events: Map<string, number>;
}

interface FirstEventCell {
  readonly w: number;
  readonly arm: Arm;
  pending: number;
  readonly events: Map<string, number>;
}

/** A pair of both versions, or of the baseline with itself. */
export interface CountedPair {
  readonly isSelf: boolean;
  /** Whether it counts for errors and breaches: its key is new to the pairs of its kind. */
  readonly counts: boolean;
  /** Whether it counts for differences: its key is new to the pairs of both kinds. */
  readonly comparedFirst: boolean;
  readonly runs: Readonly<Record<Arm, { readonly bucket: number; readonly error: boolean; readonly breach: boolean }>> | null;
  readonly differ: readonly boolean[] | null;
  readonly ended: boolean;
}

export interface SecondTally {
  readonly units: UnitCell[];
  readonly firstEvents: FirstEventCell[];
  readonly pairs: Map<string, CountedPair>;
}

/** Whether anything was counted in a second. */
export const hasCounts = ({ units, firstEvents, pairs }: SecondTally): boolean =>
  units.some(({ n }) => n > 0) || firstEvents.some(({ pending, events }) => pending + events.size > 0) || pairs.size > 0;

/** The keys that were seen, which live as long as the rollout. */
export interface Keys {
  readonly seen: Filter;
  readonly pairs: Filter;
  readonly selfPairs: Filter;
  readonly firstEvents: Map<string, Filter>;
}

export const noKeys = (): Keys => ({ seen: createFilter(23), pairs: createFilter(23), selfPairs: createFilter(20), firstEvents: new Map() });

/** Whether a key would be entered for the first time. */
export const isNew = (filter: Filter, key: Key): boolean => filter.takes(key) && !filter.holds(key, 0);

/** The first time of a key: looked up and entered. */
export const isFirst = (filter: Filter, key: Key): boolean => {
  if (!isNew(filter, key)) return false;
  filter.enter(key, 0);
  return true;
};

/** The exact probability with which a key's request went to the candidate; null when it tells nothing new. */
const probabilityOf = (seen: Filter, key: Key, { draw, threshold }: Assigned): number | null => {
  if (!seen.takes(key)) return null;
  const held = seen.highest(key);
  if (threshold <= held || draw < held) return null;
  seen.enter(key, threshold);
  return (threshold - held) / (u32Range - held);
};

const found = <Cell extends { readonly w: number; readonly arm: Arm }>(
  cells: Cell[],
  { w, arm }: { readonly w: number; readonly arm: Arm },
  made: Cell,
): Cell => {
  const known = cells.find((cell) => cell.w === w && cell.arm === arm);
  if (known === undefined) cells.push(made);
  return known ?? made;
};

/** A request that was assigned and whose end is not known. */
export interface OpenRequest {
  readonly arm: Arm;
  readonly epoch: number;
  /** Where it counts as a unit; null when it is none. */
  readonly unit: UnitCell | null;
  /** Where its first events would count; null without a key. */
  readonly first: FirstEventCell | null;
  readonly key: Key | null;
  failure: string | null | undefined;
}

/** Counts a request at its assignment. */
export const beginRequest = (cells: SecondTally, assigned: Assigned, { keys, key }: { readonly keys: Keys; readonly key: Key | null }): OpenRequest => {
  const { arm, epoch, threshold } = assigned;
  const inForce = threshold / u32Range;
  const w = key === null ? inForce : probabilityOf(keys.seen, key, assigned);
  const unit = w === null ? null : found(cells.units, { w, arm }, { w, arm, n: 0, done: 0, events: new Map() });
  const first = key === null ? null : found(cells.firstEvents, { w: inForce, arm }, { w: inForce, arm, pending: 0, events: new Map() });
  if (unit !== null) unit.n += 1;
  if (first !== null) first.pending += 1;
  return { arm, epoch, unit, first, key, failure: undefined };
};

/** Takes a request back: it said nothing about either arm. */
export const withdrawRequest = ({ unit, first }: OpenRequest): void => {
  if (unit !== null) unit.n -= 1;
  if (first !== null) first.pending -= 1;
};

const addEvent = (events: Map<string, number>, kind: string): void => void events.set(kind, (events.get(kind) ?? 0) + 1);

/** Whether a key has its first event of a kind. */
const isFirstEvent = ({ firstEvents }: Keys, key: Key, kind: string): boolean => {
  const filter = firstEvents.get(kind) ?? createFilter(20);
  firstEvents.set(kind, filter);
  return isFirst(filter, key);
};

/** Counts how a request ended, for the second and the arm of its assignment. */
export const endRequest = ({ unit, first, key }: OpenRequest, events: readonly string[], keys: Keys): void => {
  if (unit !== null) unit.done += 1;
  if (unit !== null) for (const kind of events) addEvent(unit.events, kind);
  if (first === null || key === null) return;
  first.pending -= 1;
  for (const kind of events) if (isFirstEvent(keys, key, kind)) addEvent(first.events, kind);
};
