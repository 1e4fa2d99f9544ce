/** Entries of key filters as they are kept: 16 bytes each, big-endian, the key's two halves of 4 bytes and the tag as a double. */
import type { KeyHash } from './key-hash.ts';

export const entryBytes = 16;

/** Entries that wait to be kept, written as they come: an object for each would live long enough to cost the garbage collector more than the entry. */
export interface EntryLog {
  readonly size: () => number;
  readonly add: (key: KeyHash, tag: number) => void;
  /** All that wait, oldest first; a copy. */
  readonly bytes: () => Uint8Array;
  /** Drops the oldest ones. */
  readonly drop: (count: number) => void;
}

export const createEntryLog = (): EntryLog => {
  let view = new DataView(new ArrayBuffer(64 * entryBytes));
  let size = 0;
  const written = (): Uint8Array => new Uint8Array(view.buffer, 0, size * entryBytes);
  const grow = (): void => {
    const larger = new Uint8Array(2 * view.byteLength);
    larger.set(written());
    view = new DataView(larger.buffer);
  };
  return {
    size: () => size,
    add: ({ high, low }, tag) => {
      const offset = size * entryBytes;
      if (offset === view.byteLength) grow();
      view.setUint32(offset, high);
      view.setUint32(offset + 4, low);
      view.setFloat64(offset + 8, tag);
      size += 1;
    },
    bytes: () => written().slice(),
    drop: (count) => {
      written().copyWithin(0, count * entryBytes);
      size -= Math.min(count, size);
    },
  };
};

/** Calls `enter` for each entry. @throws RangeError for a part of an entry */
export const eachEntry = (bytes: Uint8Array, enter: (key: KeyHash, tag: number) => void): void => {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let offset = 0; offset < bytes.byteLength; offset += entryBytes) {
    enter({ high: view.getUint32(offset), low: view.getUint32(offset + 4) }, view.getFloat64(offset + 8));
  }
};
