import { createKeyFilter, firstEventsSize, type KeyFilterSize, type KeyFilterState } from './key-filter.ts';
import type { KeyHash } from './key-hash.ts';

/** The keys that had an event, for one guard. */
export interface FirstEventKeys {
  /** Whether this is the key's first event; enters it. */
  isFirst(key: KeyHash): boolean;
  /** A copy to store. */
  state(): KeyFilterState;
}

/** A first event is entered once, whatever the weight. */
const anyWeight = 0;

/** Makes an empty set of keys with an event, or the one of a stored state. */
export const createFirstEventKeys = (initial: KeyFilterSize | KeyFilterState = firstEventsSize): FirstEventKeys => {
  const filter = createKeyFilter(initial);
  return {
    isFirst: (key) => {
      if (!filter.takes(key) || filter.has(key, anyWeight)) return false;
      filter.enter(key, anyWeight);
      return true;
    },
    state: filter.state,
  };
};
