import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createEntryLog, type EntryLog, eachEntry, entryBytes } from '../../../src/data-plane/observe/entry-log.ts';

const half = fc.nat(2 ** 32 - 1);
const entry = fc.record({ high: half, low: half, tag: fc.nat(2 ** 32) });
type Entry = typeof entry extends fc.Arbitrary<infer T> ? T : never;

const read = (bytes: Uint8Array): Entry[] => {
  const entries: Entry[] = [];
  eachEntry(bytes, (key, tag) => entries.push({ ...key, tag }));
  return entries;
};

/** Adds entries, or drops so many. */
const take = (log: EntryLog, step: readonly Entry[] | number): void => {
  if (typeof step === 'number') log.drop(step);
  else for (const { tag, ...key } of step) log.add(key, tag);
};

test('holds the entries that were added and not dropped, in their order', () => {
  const step = fc.oneof({ weight: 3, arbitrary: fc.array(entry, { maxLength: 100 }) }, { weight: 1, arbitrary: fc.nat(150) });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const log = createEntryLog();
      let expected: Entry[] = [];
      for (const one of steps) {
        take(log, one);
        expected = typeof one === 'number' ? expected.slice(one) : [...expected, ...one];
      }
      expect(log.size()).toBe(expected.length);
      expect(read(log.bytes())).toEqual(expected);
    }),
  );
});

test('gives copies: what is added later does not change them', () => {
  const log = createEntryLog();
  log.add({ high: 1, low: 2 }, 3);
  const before = log.bytes();
  log.drop(1);
  log.add({ high: 4, low: 5 }, 6);
  expect(read(before)).toEqual([{ high: 1, low: 2, tag: 3 }]);
});

test('is 16 bytes an entry, big-endian; a part of one cannot be read', () => {
  const log = createEntryLog();
  log.add({ high: 0x01020304, low: 0x05060708 }, 1);
  expect([...log.bytes()]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 0x3f, 0xf0, 0, 0, 0, 0, 0, 0]);
  expect(() => read(log.bytes().slice(0, entryBytes - 1))).toThrow(RangeError);
});
