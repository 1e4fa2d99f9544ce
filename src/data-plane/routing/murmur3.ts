const c1 = 0xcc9e2d51;
const c2 = 0x1b873593;

const mixBlock = (hash: number, block: number): number => {
  const k1 = Math.imul(block, c1);
  const mixed = hash ^ Math.imul((k1 << 15) | (k1 >>> 17), c2);
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0;
};

const finish = (hash: number, length: number): number => {
  let h1 = hash ^ length;
  h1 = Math.imul(h1 ^ (h1 >>> 16), 0x85ebca6b);
  h1 = Math.imul(h1 ^ (h1 >>> 13), 0xc2b2ae35);
  return (h1 ^ (h1 >>> 16)) >>> 0;
};

/** Texts of up to a third as many characters are written into memory that is there already. */
let scratch = Buffer.alloc(1_024);
const mostBytesPerCharacter = 3;

/**
 * MurmurHash3 x86 32-bit with seed 0 over the UTF-8 bytes of `text`.
 *
 * @returns an unsigned 32-bit integer
 * @see Austin Appleby, MurmurHash3.cpp, MurmurHash3_x86_32
 */
export const murmur3 = (text: string): number => {
  if (text.length * mostBytesPerCharacter > scratch.length) scratch = Buffer.alloc(text.length * mostBytesPerCharacter);
  const bytes = scratch;
  const length = bytes.write(text);
  const blocksEnd = length & ~3;
  let hash = 0;
  for (let offset = 0; offset < blocksEnd; offset += 4) hash = mixBlock(hash, bytes.readInt32LE(offset));
  let tail = 0;
  for (let offset = length - 1; offset >= blocksEnd; offset -= 1) tail = (tail << 8) | (bytes[offset] ?? 0);
  if (blocksEnd < length) {
    const k1 = Math.imul(tail, c1);
    hash ^= Math.imul((k1 << 15) | (k1 >>> 17), c2);
  }
  return finish(hash, length);
};
