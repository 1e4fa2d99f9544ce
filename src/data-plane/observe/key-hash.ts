/** A 64-bit keyed hash of a routing key as two unsigned 32-bit halves. Integers of 32 bits are several times faster than bigint. */
export interface KeyHash {
  readonly high: number;
  readonly low: number;
}

/** Splits a 64-bit hash. */
export const keyHashOf = (hash: bigint): KeyHash => ({ high: Number((hash >> 32n) & 0xffffffffn), low: Number(hash & 0xffffffffn) });

/** The same of 16 hexadecimal characters. */
export const keyHashOfHex = (hex: string): KeyHash => ({ high: Number.parseInt(hex.slice(0, 8), 16), low: Number.parseInt(hex.slice(8), 16) });

/**
 * The finaliser of MurmurHash3: every bit of the input changes every bit of the output with probability one half.
 *
 * @returns an unsigned 32-bit integer
 * @see Austin Appleby, MurmurHash3.cpp, fmix32
 */
export const mix32 = (value: number): number => {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
};
