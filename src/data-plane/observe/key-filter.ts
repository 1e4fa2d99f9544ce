import { type KeyHash, mix32 } from './key-hash.ts';

/*
 * States: a chain of Bloom filters of one fixed size. The last one is open; when half of its bits are set it is closed (still looked up) and
 * a new one is opened for half of the keys that the one before took. A key that the open filter does not take is never entered again, and must
 * never count again. So memory grows with the logarithm of the number of keys. No key is ever forgotten; a false positive only drops data.
 */

/** The size of a filter. */
export interface KeyFilterSize {
  /** A filter has 2^sizeLog2 bits; at least 9. */
  readonly sizeLog2: number;
  /** Bits set by an entry, all of them in one block. */
  readonly bitsPerEntry: number;
}

/** 1 MiB and 12 bits an entry: 480,000 entries until half full, then one false positive in 1,000. */
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
  /** The tags that keys were entered with, ascending; the list itself, which grows. */
  readonly tags: readonly number[];
  /** Enters it into the open filter. Does nothing for a key that the filter does not take. */
  enter(key: KeyHash, tag: number): void;
  /** The state itself, not a copy: read it at once. */
  state(): KeyFilterState;
}

/** Hears of each block that changes, by the page's number and that of the block's first byte in it, before `entered`. */
export interface KeyFilterListener {
  readonly touched: (page: number, byte: number) => void;
  readonly entered: (key: KeyHash, tag: number) => void;
}

/** Odd constants (golden ratio, and those of the xxHash32 primes): they keep the hashes of one key apart. */
const [tagSalt, seedSalt, takeSalt] = [0x9e3779b1, 0x85ebca77, 0xc2b2ae3d] as const;

/** Bits of a block: one line of a processor's cache, so that an entry waits for memory once and changes one place of what is kept. */
export const blockBits = 512;
const blockBitsLog2 = 9;

/**
 * The next state of the draws of bits within a block, of which the highest 9 bits are drawn: a linear congruential generator of 32 bits.
 *
 * @see Steele, Vigna, "Computationally easy, spectrally good multipliers for congruential pseudorandom number generators", 2021, table 4
 */
const nextDraw = (draw: number): number => Math.imul(draw, 0x915f77f5) + 1;
const bitOf = (draw: number): number => draw >>> (32 - blockBitsLog2);

/**
 * Where the bits of an entry are: in one of a filter's blocks, drawn from a seed. Two numbers and no list, since they are asked for with every
 * request. (Double hashing within so small a block makes entries whose bits mostly coincide: twice as many false positives.)
 *
 * @see Putze, Sanders, Singler, "Cache-, hash- and space-efficient Bloom filters", 2007
 */
interface Entry {
  /** Of 32 bits; its highest ones are the number of the block. */
  readonly block: number;
  /** Of 32 bits. */
  readonly seed: number;
}

const entryOf = (key: KeyHash, tag: number): Entry => {
  const salt = mix32(Math.imul(tag, tagSalt) ^ Math.floor(tag / 2 ** 32));
  return { block: mix32(key.low ^ salt), seed: mix32(key.high ^ Math.imul(salt, seedSalt)) };
};

/** The first bit of an entry's block. */
const firstBitOf = ({ block }: Entry, { sizeLog2 }: KeyFilterSize): number =>
  sizeLog2 === blockBitsLog2 ? 0 : (block >>> (32 - (sizeLog2 - blockBitsLog2))) * blockBits;

interface OpenPage {
  readonly bytes: Uint8Array;
  bitsSet: number;
}

const holds = ({ bytes }: OpenPage, entry: Entry, size: KeyFilterSize): boolean => {
  const first = firstBitOf(entry, size);
  let draw = entry.seed;
  for (let i = 0; i < size.bitsPerEntry; i += 1) {
    const index = first + bitOf(draw);
    draw = nextDraw(draw);
    if ((((bytes[index >>> 3] ?? 0) >>> (index & 7)) & 1) === 0) return false;
  }
  return true;
};

interface BitSetting extends KeyFilterSize {
  readonly touched: (byte: number) => void;
}

const setBits = (page: OpenPage, entry: Entry, setting: BitSetting): void => {
  const first = firstBitOf(entry, setting);
  const setBefore = page.bitsSet;
  let draw = entry.seed;
  for (let i = 0; i < setting.bitsPerEntry; i += 1) {
    const index = first + bitOf(draw);
    draw = nextDraw(draw);
    const before = page.bytes[index >>> 3] ?? 0;
    const after = before | (1 << (index & 7));
    if (after === before) continue;
    page.bytes[index >>> 3] = after;
    page.bitsSet += 1;
  }
  if (page.bitsSet > setBefore) setting.touched(first >>> 3);
};

/** Makes an empty set, or the one of a kept state, whose bytes are then this set's own. */
export const createKeyFilter = (initial: KeyFilterSize | KeyFilterState, listener: KeyFilterListener | null = null): KeyFilter => {
  const { sizeLog2, bitsPerEntry } = initial;
  const size = { sizeLog2, bitsPerEntry };
  const emptyPage = (): OpenPage => ({ bytes: new Uint8Array(2 ** (sizeLog2 - 3)), bitsSet: 0 });
  const pages: OpenPage[] = 'pages' in initial ? initial.pages.map((page) => ({ ...page })) : [emptyPage()];
  const tags: number[] = 'tags' in initial ? [...initial.tags] : [];
  const halfOfTheBits = 2 ** (sizeLog2 - 1);
  let open = pages.at(-1) ?? emptyPage();
  /** Bits of a key's hash that are 0 when the open filter takes it. */
  let notTaken = 2 ** (pages.length - 1) - 1;
  const setting: BitSetting = { ...size, touched: (byte) => listener?.touched(pages.length - 1, byte) };

  const takes = (key: KeyHash): boolean => (mix32(key.low ^ mix32(key.high ^ takeSalt)) & notTaken) === 0;

  return {
    takes,
    tags,
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
      if (open.bitsSet < halfOfTheBits) return;
      open = emptyPage();
      pages.push(open);
      notTaken = 2 ** (pages.length - 1) - 1;
    },
    state: () => ({ ...size, pages, tags }),
  };
};
