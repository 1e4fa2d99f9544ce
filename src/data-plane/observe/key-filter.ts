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

/** The bits of an entry by double hashing: a + i b modulo a power of two, b odd. @see Kirsch, Mitzenmacher, "Less hashing, same performance", 2006 */
const bitIndexes = (key: KeyHash, tag: number, size: KeyFilterSize): Uint32Array => {
  const salt = mix32(Math.imul(tag, tagSalt) ^ Math.floor(tag / 2 ** 32));
  const start = mix32(key.low ^ salt);
  const step = mix32(key.high ^ Math.imul(salt, stepSalt)) | 1;
  const indexes = new Uint32Array(size.bitsPerEntry);
  for (let i = 0; i < indexes.length; i += 1) indexes[i] = ((start + Math.imul(i, step)) >>> 0) >>> (32 - size.sizeLog2);
  return indexes;
};

interface OpenPage {
  readonly bytes: Uint8Array;
  bitsSet: number;
}

const holds = ({ bytes }: OpenPage, indexes: Uint32Array): boolean => indexes.every((index) => ((bytes[index >>> 3] ?? 0) >>> (index & 7)) & 1);

const setBits = (page: OpenPage, indexes: Uint32Array, touched: (byte: number) => void): void => {
  for (const index of indexes) {
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
  const touched = (byte: number): void => listener?.touched(pages.length - 1, byte);

  const takes = (key: KeyHash): boolean => {
    const mask = 2 ** (pages.length - 1) - 1;
    return (mix32(key.low ^ mix32(key.high ^ takeSalt)) & mask) === 0;
  };

  return {
    takes,
    has: (key, tag) => {
      const indexes = bitIndexes(key, tag, size);
      return pages.some((page) => holds(page, indexes));
    },
    enter: (key, tag) => {
      if (!takes(key)) return;
      if (!tags.includes(tag)) tags.splice(tags.filter((known) => known < tag).length, 0, tag);
      setBits(open, bitIndexes(key, tag, size), touched);
      listener?.entered(key, tag);
      if (open.bitsSet * 2 < 2 ** sizeLog2) return;
      open = emptyPage();
      pages.push(open);
    },
    state: () => ({ ...size, pages, tags }),
  };
};
