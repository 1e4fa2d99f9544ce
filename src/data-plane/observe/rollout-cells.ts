/** What is counted of one rollout, and the keys that it has seen. */
import type { FirstEventCounts, KeptFilter, SecondCounts } from '../../store/observation.ts';
import { createPairCounters, type PairCounters } from '../comparison/pair-counters.ts';
import { createFirstEventKeys, type FirstEventKeys } from './first-event-keys.ts';
import { createKeptFilters, type KeptFilters } from './kept-filters.ts';
import { firstEventsSize, seenKeysSize } from './key-filter.ts';
import { createSeenKeys, type SeenKeys } from './seen-keys.ts';
import { createUnitExamples, type UnitExamples } from './unit-examples.ts';

/** How requests ended. */
export type Events = Pick<SecondCounts, 'errors' | 'breaches' | 'abstained' | 'flagged'>;
/** A cell while it is counted. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer Item)[] ? Item[] : T[K] };
export type UnitCell = Writable<SecondCounts>;
type FirstEventCell = Writable<FirstEventCounts>;

/** The sets of keys that had an event: one a kind of event, made with the first event. */
interface EventKeys {
  readonly of: (kind: string) => FirstEventKeys;
}

/** The counters of one rollout. */
export interface RolloutCells {
  units: UnitCell[];
  firstEvents: FirstEventCell[];
  readonly filters: KeptFilters;
  readonly seen: SeenKeys;
  readonly eventKeys: EventKeys;
  readonly pairs: PairCounters;
  readonly unitExamples: UnitExamples;
  /** Why no request can be compared now, in words; null while they can. */
  lacks: () => string | null;
  /** Whether filters of an earlier life were there. */
  readonly hasEarlierKeys: boolean;
  knowsKeys: boolean;
  /** Whether a key was looked up: the filters are settled then. */
  hasLookedUp: boolean;
  eligible: number;
  ineligible: number;
}

const createEventKeys = (filters: KeptFilters): EventKeys => {
  const sets = new Map<string, FirstEventKeys>();
  return {
    of: (kind) => {
      const kept = sets.get(kind);
      if (kept !== undefined) return kept;
      const made = createFirstEventKeys(filters.of(`first-event ${kind}`, firstEventsSize));
      sets.set(kind, made);
      return made;
    },
  };
};

/** A rollout without counts. Of filters that are lost in part none is any good. */
export const createRolloutCells = (kept: readonly KeptFilter[], hashedBy: string): RolloutCells => {
  const { filters, isWhole } = createKeptFilters(kept, hashedBy);
  const pairs = createPairCounters({ pairs: filters.of('pairs', seenKeysSize), self: filters.of('self-pairs', firstEventsSize) });
  // From the first pair on, not only once the engine has noticed: a key that was compared before would count again.
  if (!isWhole) pairs.disownKeys();
  return {
    units: [],
    firstEvents: [],
    filters,
    seen: createSeenKeys(filters.of('seen-keys', seenKeysSize)),
    eventKeys: createEventKeys(filters),
    pairs,
    unitExamples: createUnitExamples(),
    lacks: () => 'no comparison process runs',
    hasEarlierKeys: isWhole && kept.length > 0,
    knowsKeys: isWhole,
    hasLookedUp: false,
    eligible: 0,
    ineligible: 0,
  };
};
