import { type KeyHash, mix32 } from './key-hash.ts';

/*
 * States: a chain of Bloom filters of one fixed size. The last one is open; when half of its bits are set it is closed (still looked up) and
 * a new one is opened for half of the keys that the one before took. A key that the open filter does not take is never entered again, and must
 * never count again. So memory grows with the logarithm of the number of keys. No key is ever forgotten; a false positive only drops data.
 */

/** The size of a filter. */
export interface KeyFilterSize {
  /** A filter has 2^sizeLog2 bits; at least 5. */
  readonly sizeLog2: number;
  /** Bits set by an entry; at half full a false positive has probability 2^-bitsPerEntry. */
  readonly bitsPerEntry: number;
}

/** 1 MiB and 12 bits an entry: 480,000 entries until half full, one false positive in 4,096. */
export const seenKeysSize: KeyFilterSize = { sizeLog2: 23, bitsPerEntry: 12 };

/** 128 KiB: first events are rarer than keys. */
export const firstEventsSize: KeyFilterSize = { sizeLog2: 20, bitsPerEntry: 12 };

/** One filter: its bits, little-endian within a byte, and how many are set. */
export interface KeyFilterPage {
  readonly bytes: Uint8Array;
  readonly bitsSet: number;
}

/** A chain of filters as it stands. */
export interface KeyFilterState extends KeyFilterSize {
  readonly pages: readonly KeyFilterPage[];
  /** The tags that keys were entered with, ascending. */
  readonly tags: readonly number[];
}

/** A set of entries (key, tag). */
export interface KeyFilter {
  /** Whether the open filter takes this key at all. */
  takes(key: KeyHash): boolean;
  /** Whether the entry is held; a false yes has a probability of 2^-bitsPerEntry a filter. */
  has(key: KeyHash, tag: number): boolean;
  /** Enters it into the open filter. Does nothing for a key that the filter does not take. */
  enter(key: KeyHash, tag: number): void;
  /** The state itself, not a copy: read it at once. */
  state(): KeyFilterState;
}

/** Hears of each bit that is set, by the page's number and the byte's in it, before `entered`. */
export interface KeyFilterListener {
  readonly touched: (page: number, byte: number) => void;
  readonly entered: (key: KeyHash, tag: number) => void;
}

/** Odd constants (golden ratio, and those of the xxHash32 primes): they keep the hashes of one key apart. */
const [tagSalt, stepSalt, takeSalt] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d] as const;

/**
 * The bits of an entry by double hashing: start + i step modulo a power of two, step odd. Two numbers and no list, since they are
 * asked for with every request.
 *
 * @see Kirsch, Mitzenmacher, "Less hashing, same performance", 2006
 */
interface Entry {
  readonly start: number;
  readonly step: number;
}

const entryOf = (key: KeyHash, tag: number): Entry => {
  const salt = mix32(Math.imul(tag, tagSalt) ^ Math.floor(tag / 2 ** 32));
  return { start: mix32(key.low ^ salt), step: mix32(key.high ^ Math.imul(salt, stepSalt)) | 1 };
};

interface OpenPage {
  readonly bytes: Uint8Array;
  bitsSet: number;
}

const holds = ({ bytes }: OpenPage, { start, step }: Entry, { bitsPerEntry, sizeLog2 }: KeyFilterSize): boolean => {
  for (let i = 0; i < bitsPerEntry; i += 1) {
    const index = ((start + Math.imul(i, step)) >>> 0) >>> (32 - sizeLog2);
    if ((((bytes[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 0) return false;
  }
  return true;
};

interface BitSetting extends KeyFilterSize {
  readonly touched: (byte: number) => void;
}

const setBits = (page: OpenPage, { start, step }: Entry, { bitsPerEntry, sizeLog2, touched }: BitSetting): void => {
  for (let i = 0; i < bitsPerEntry; i += 1) {
    const index = ((start + Math.imul(i, step)) >>> 0) >>> (32 - sizeLog2);
    const before = page.bytes[index >>> 3] ?? 0;
    const after = before | (1 << (index & 7));
    if (after === before) continue;
    page.bytes[index >>> 3] = after;
    page.bitsSet += 1;
    touched(index >>> 3);
  }
};

/** Makes an empty set, or the one of a kept state, whose bytes are then this set's own. */
export const createKeyFilter = (initial: KeyFilterSize | KeyFilterState, listener: KeyFilterListener | null = null): KeyFilter => {
  const { sizeLog2, bitsPerEntry } = initial;
  const size = { sizeLog2, bitsPerEntry };
  const emptyPage = (): OpenPage => ({ bytes: new Uint8Array(2 ** (sizeLog2 - 3)), bitsSet: 0 });
  const pages: OpenPage[] = 'pages' in initial ? initial.pages.map((page) => ({ ...page })) : [emptyPage()];
  const tags: number[] = 'tags' in initial ? [...initial.tags] : [];
  let open = pages.at(-1) ?? emptyPage();
  const setting: BitSetting = { ...size, touched: (byte) => listener?.touched(pages.length - 1, byte) };

  const takes = (key: KeyHash): boolean => {
    const mask = 2 ** (pages.length - 1) - 1;
    return (mix32(key.low ^ mix32(key.high ^ takeSalt)) & mask) === 0;
  };

  return {
    takes,
    has: (key, tag) => {
      const entry = entryOf(key, tag);
      for (const page of pages) if (holds(page, entry, size)) return true;
      return false;
    },
    enter: (key, tag) => {
      if (!takes(key)) return;
      if (!tags.includes(tag)) tags.splice(tags.filter((known) => known < tag).length, 0, tag);
      setBits(open, entryOf(key, tag), setting);
      listener?.entered(key, tag);
      if (open.bitsSet * 2 < 2 ** sizeLog2) return;
      open = emptyPage();
      pages.push(open);
    },
    state: () => ({ ...size, pages, tags }),
  };
};
