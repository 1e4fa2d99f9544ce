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

const utf8 = new TextEncoder();

/** Text of ASCII characters is its own UTF-8: encoding it would cost four times the hash. */
const bytesOf = (text: string): ArrayLike<number> | null => {
  for (let index = 0; index < text.length; index += 1) if (text.charCodeAt(index) > 0x7f) return utf8.encode(text);
  return null;
};

/**
 * MurmurHash3 x86 32-bit with seed 0 over the UTF-8 bytes of `text`.
 *
 * @returns an unsigned 32-bit integer
 * @see Austin Appleby, MurmurHash3.cpp, MurmurHash3_x86_32
 */
export const murmur3 = (text: string): number => {
  const bytes = bytesOf(text);
  const length = bytes?.length ?? text.length;
  const byteAt = (index: number): number => (bytes === null ? text.charCodeAt(index) : (bytes[index] ?? 0));
  const blocksEnd = length & ~3;
  let hash = 0;
  for (let offset = 0; offset < blocksEnd; offset += 4) {
    hash = mixBlock(hash, byteAt(offset) | (byteAt(offset + 1) << 8) | (byteAt(offset + 2) << 16) | (byteAt(offset + 3) << 24));
  }
  let tail = 0;
  for (let offset = length - 1; offset >= blocksEnd; offset -= 1) tail = (tail << 8) | byteAt(offset);
  if (blocksEnd < length) {
    const k1 = Math.imul(tail, c1);
    hash ^= Math.imul((k1 << 15) | (k1 >>> 17), c2);
  }
  return finish(hash, length);
};
