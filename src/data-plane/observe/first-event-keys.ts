import { createKeyFilter, firstEventsSize, type KeyFilter } from './key-filter.ts';
import type { KeyHash } from './key-hash.ts';

/** The keys that had an event, for one guard. */
export interface FirstEventKeys {
  /** Whether the key's next event would be its first. */
  isNew(key: KeyHash): boolean;
  /** Whether this is the key's first event; enters it. */
  isFirst(key: KeyHash): boolean;
}

/** A first event is entered once, whatever the weight. */
const anyWeight = 0;

/** Makes the set of keys with an event of a filter: an empty one by default. */
export const createFirstEventKeys = (filter: KeyFilter = createKeyFilter(firstEventsSize)): FirstEventKeys => {
  const isNew = (key: KeyHash): boolean => filter.takes(key) && !filter.has(key, anyWeight);
  return {
    isNew,
    isFirst: (key) => {
      if (!isNew(key)) return false;
      filter.enter(key, anyWeight);
      return true;
    },
  };
};
