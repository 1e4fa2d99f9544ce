/** A 64-bit keyed hash of a routing key as two unsigned 32-bit halves. Integers of 32 bits are several times faster than bigint. */
export interface KeyHash {
  readonly high: number;
  readonly low: number;
}

/** Splits a 64-bit hash. */
export const keyHashOf = (hash: bigint): KeyHash => ({ high: Number((hash >> 32n) & 0xffffffffn), low: Number(hash & 0xffffffffn) });

const digitOf = (code: number): number => (code <= 0x39 ? code - 0x30 : code - 0x57);

const halfOfHex = (hex: string, start: number): number => {
  let half = 0;
  for (let index = start; index < start + 8; index += 1) half = (half << 4) | digitOf(hex.charCodeAt(index));
  return half >>> 0;
};

/** The same of 16 hexadecimal characters in lower case. */
export const keyHashOfHex = (hex: string): KeyHash => ({ high: halfOfHex(hex, 0), low: halfOfHex(hex, 8) });

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
