/**
 * The key filters of one rollout, by name, and what of them is not kept yet. An entry costs 16 bytes to keep; entries are spread over the whole
 * filter, so the chunks that changed are written anew only when the entries since would outgrow them. What is restored from
 * both is the filter bit by bit, since entering is deterministic.
 */
import type { FilterChange, FilterChunk, KeptFilter } from '../../store/observation.ts';
import { createEntryLog, eachEntry, entryBytes } from './entry-log.ts';
import { blockBits, createKeyFilter, type KeyFilter, type KeyFilterSize, type KeyFilterState } from './key-filter.ts';

/** A unit of a filter's bits that is kept as a whole. */
const chunkBytes = 4_096;

/** So many entries are entered again within a tenth of a second at a start. */
const mostEntries = 65_536;

/** The filters of one rollout. */
export interface KeptFilters {
  /** The filter of this name, made empty when there is none. */
  readonly of: (name: string, size: KeyFilterSize) => KeyFilter;
  /** What is not kept yet. Asked again it gives the same and what came since. */
  readonly changes: () => readonly FilterChange[];
  /** These changes are in the store. */
  readonly kept: (changes: readonly FilterChange[]) => void;
}

/** A filter's size and state without its bits. */
interface FilterSize extends KeyFilterSize {
  readonly bitsSet: readonly number[];
  readonly tags: readonly number[];
  /** Names the secret of the key hashes: under another one every key would be new. */
  readonly hashedBy: string;
  /** Where an entry's bits lie: among others every key would be new too. */
  readonly blockBits?: number;
}

interface Tracked {
  readonly filter: KeyFilter;
  readonly changes: () => FilterChange | null;
  readonly kept: (change: FilterChange) => void;
}

const sizeOf = ({ sizeLog2, bitsPerEntry, pages, tags }: KeyFilterState, hashedBy: string): string =>
  JSON.stringify({ sizeLog2, bitsPerEntry, bitsSet: pages.map(({ bitsSet }) => bitsSet), tags, hashedBy, blockBits } satisfies FilterSize);

const chunksPerPage = ({ sizeLog2 }: KeyFilterSize): number => Math.ceil(2 ** (sizeLog2 - 3) / chunkBytes);

const chunkOf = (state: KeyFilterState, index: number): FilterChunk => {
  const perPage = chunksPerPage(state);
  const start = (index % perPage) * chunkBytes;
  return { index, bytes: state.pages[Math.floor(index / perPage)]?.bytes.slice(start, start + chunkBytes) ?? new Uint8Array() };
};

interface TrackOptions {
  readonly hashedBy: string;
  /** Its first change is a snapshot, since nothing in the store can be added to. */
  readonly startsAnew: boolean;
}

/** Follows what a filter gets. */
const track = (name: string, initial: KeyFilterSize | KeyFilterState, { hashedBy, startsAnew }: TrackOptions): Tracked => {
  const perPage = chunksPerPage(initial);
  /** When each chunk changed last, in entries that the filter has had in this life. */
  const changedAt: number[] = [];
  let mustSnapshot = startsAnew;
  let [entered, snapshotUpTo, entriesKept] = [0, 0, 0];
  /** The newest entries, none of them kept. */
  const waiting = createEntryLog();
  const filter = createKeyFilter(initial, {
    touched: (page, byte) => {
      changedAt[page * perPage + Math.floor(byte / chunkBytes)] = entered + 1;
    },
    entered: (key, tag) => {
      entered += 1;
      waiting.add(key, tag);
      if (waiting.size() <= mostEntries) return;
      // The store has been away for long: what changed is in the filter too.
      mustSnapshot = true;
      waiting.drop(waiting.size());
    },
  });
  const changes = (): FilterChange | null => {
    if (waiting.size() === 0 && !mustSnapshot) return null;
    const changed = [...changedAt.keys()].filter((index) => (changedAt[index] ?? 0) > snapshotUpTo);
    const entries = entriesKept + waiting.size();
    if (!mustSnapshot && entries * entryBytes <= changed.length * chunkBytes && entries <= mostEntries) {
      return { kind: 'entries', name, upTo: entered, entries: waiting.bytes() };
    }
    const state = filter.state();
    return { kind: 'snapshot', name, upTo: entered, size: sizeOf(state, hashedBy), chunks: changed.map((index) => chunkOf(state, index)) };
  };
  const kept = ({ kind, upTo }: FilterChange): void => {
    const gone = entered - waiting.size();
    const done = Math.max(0, upTo - gone);
    waiting.drop(done);
    entriesKept = kind === 'snapshot' ? 0 : entriesKept + done;
    if (kind === 'entries') return;
    snapshotUpTo = upTo;
    // What was dropped while the snapshot was on its way is not in it.
    mustSnapshot = gone > upTo;
  };
  return { filter, changes, kept };
};

/** How many bits of a byte are set. */
const bitsOf = Uint8Array.from({ length: 256 }, (_, byte) => [...byte.toString(2)].filter((bit) => bit === '1').length);

const countBits = (bytes: Uint8Array): number => {
  let bits = 0;
  for (const byte of bytes) bits += bitsOf[byte] ?? 0;
  return bits;
};

/** The bits of a kept filter, or null when some of them are lost or mean nothing any more. */
const stateOf = ({ size, chunks }: KeptFilter, hashedBy: string): KeyFilterState | null => {
  const { sizeLog2, bitsPerEntry, bitsSet, tags, ...before } = JSON.parse(size) as FilterSize;
  if (before.hashedBy !== hashedBy || before.blockBits !== blockBits) return null;
  const perPage = chunksPerPage({ sizeLog2, bitsPerEntry });
  const pages = bitsSet.map((count) => ({ bytes: new Uint8Array(2 ** (sizeLog2 - 3)), bitsSet: count }));
  for (const { index, bytes } of chunks) pages[Math.floor(index / perPage)]?.bytes.set(bytes, (index % perPage) * chunkBytes);
  return pages.every(({ bytes, bitsSet: count }) => countBits(bytes) === count) ? { sizeLog2, bitsPerEntry, pages, tags } : null;
};

const restored = (kept: KeptFilter, hashedBy: string): Tracked | null => {
  const state = stateOf(kept, hashedBy);
  if (state === null) return null;
  // Entered again they count as not kept, so that the next change is a snapshot of all that they touch.
  const tracked = track(kept.name, state, { hashedBy, startsAnew: kept.entries.length > 0 });
  for (const bytes of kept.entries) eachEntry(bytes, tracked.filter.enter);
  return tracked;
};

const filtersOf = (known: readonly (readonly [string, Tracked])[], hashedBy: string): KeptFilters => {
  const filters = new Map(known);
  const of = (name: string, size: KeyFilterSize): KeyFilter => {
    const one = filters.get(name) ?? track(name, size, { hashedBy, startsAnew: true });
    filters.set(name, one);
    return one.filter;
  };
  return {
    of,
    changes: () => [...filters.values()].flatMap((tracked) => tracked.changes() ?? []),
    kept: (changes) => {
      for (const change of changes) filters.get(change.name)?.kept(change);
    },
  };
};

/**
 * Makes the filters of a rollout from what was kept of them; `isWhole` is false when some of it is lost: then they are empty.
 * @param hashedBy names the secret with which keys are hashed now
 */
export const createKeptFilters = (kept: readonly KeptFilter[], hashedBy: string): { readonly filters: KeptFilters; readonly isWhole: boolean } => {
  const known = kept.map((one) => [one.name, restored(one, hashedBy)] as const);
  const whole = known.flatMap(([name, tracked]) => (tracked === null ? [] : [[name, tracked] as const]));
  const isWhole = whole.length === known.length;
  return { filters: filtersOf(isWhole ? whole : [], hashedBy), isWhole };
};
