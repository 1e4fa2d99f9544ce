/** The hashes and filters of docs/ledger-format.md, "Which keys count", and the draw of a routing key. Written from the documents, with bigint for what is 32 bits. */
import { createHash, createHmac } from 'node:crypto';

const u32 = (value: bigint): bigint => BigInt.asUintN(32, value);
const rotate = (value: bigint, by: bigint): bigint => u32((value << by) | (u32(value) >> (32n - by)));

const mix = (value: bigint): bigint => {
  let h = u32(value);
  h = u32((h ^ (h >> 16n)) * 0x85ebca6bn);
  h = u32((h ^ (h >> 13n)) * 0xc2b2ae35n);
  return h ^ (h >> 16n);
};

/** MurmurHash3_x86_32 with seed 0 over UTF-8. */
export const murmur3 = (text: string): number => {
  const bytes = Buffer.from(text, 'utf8');
  const padded = Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
  const scrambled = (offset: number): bigint => u32(rotate(u32(BigInt(padded.readUInt32LE(offset)) * 0xcc9e2d51n), 15n) * 0x1b873593n);
  const whole = bytes.length - (bytes.length % 4);
  let h = 0n;
  for (let offset = 0; offset < whole; offset += 4) h = u32(rotate(h ^ scrambled(offset), 13n) * 5n + 0xe6546b64n);
  if (whole < bytes.length) h ^= scrambled(whole);
  return Number(mix(h ^ BigInt(bytes.length)));
};

/** A routing key as the filters know it. */
export interface Key {
  readonly high: bigint;
  readonly low: bigint;
}

/** @param predictionKey the 32 secret bytes of `prediction.key` */
export const createKeyOf = (predictionKey: Buffer): ((routingKey: string) => Key) => {
  const secret = createHmac('sha256', predictionKey).update('routing-key').digest('hex');
  return (routingKey) => {
    const digest = createHash('sha256')
      .update(secret + routingKey, 'utf8')
      .digest();
    return { high: BigInt(digest.readUInt32BE(0)), low: BigInt(digest.readUInt32BE(4)) };
  };
};

/** Pages of bits in which keys are entered with a tag. */
export interface Filter {
  readonly takes: (key: Key) => boolean;
  readonly holds: (key: Key, tag: number) => boolean;
  readonly enter: (key: Key, tag: number) => void;
  /** The largest of all tags so far with which the key is held; 0 for none. */
  readonly highest: (key: Key) => number;
}

const bitsPerEntry = 12;

export const createFilter = (sizeLog2: number): Filter => {
  const pages: { readonly bits: Uint8Array; set: number }[] = [{ bits: new Uint8Array(2 ** sizeLog2), set: 0 }];
  const tags = new Set<number>();
  const indicesOf = ({ high, low }: Key, tag: number): number[] => {
    const salt = mix(u32(BigInt(tag) * 0x9e3779b1n) ^ (BigInt(tag) >> 32n));
    const block = mix(low ^ salt) >> BigInt(41 - sizeLog2);
    let draw = mix(high ^ u32(salt * 0x85ebca77n));
    return Array.from({ length: bitsPerEntry }, () => {
      const index = block * 512n + (draw >> 23n);
      draw = u32(draw * 0x915f77f5n + 1n);
      return Number(index);
    });
  };
  const takes = ({ high, low }: Key): boolean => (mix(low ^ mix(high ^ 0xc2b2ae3dn)) & ((1n << BigInt(pages.length - 1)) - 1n)) === 0n;
  const holds = (key: Key, tag: number): boolean => {
    const indices = indicesOf(key, tag);
    return pages.some(({ bits }) => indices.every((index) => bits[index] === 1));
  };
  return {
    takes,
    holds,
    highest: (key) => Math.max(0, ...[...tags].filter((tag) => holds(key, tag))),
    enter: (key, tag) => {
      const open = pages.at(-1);
      if (open === undefined || !takes(key)) return;
      tags.add(tag);
      for (const index of indicesOf(key, tag)) {
        open.set += 1 - (open.bits[index] ?? 0);
        open.bits[index] = 1;
      }
      if (open.set * 2 >= 2 ** sizeLog2) pages.push({ bits: new Uint8Array(2 ** sizeLog2), set: 0 });
    },
  };
};
