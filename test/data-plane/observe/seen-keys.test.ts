import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createFirstEventKeys } from '../../../src/data-plane/observe/first-event-keys.ts';
import { blockBits, createKeyFilter } from '../../../src/data-plane/observe/key-filter.ts';
import { keyHashOf, keyHashOfHex, mix32 } from '../../../src/data-plane/observe/key-hash.ts';
import { createSeenKeys } from '../../../src/data-plane/observe/seen-keys.ts';
import { createRandom } from '../../support/random.ts';

const range = 2 ** 32;
const key = (number: number) => ({ high: mix32(number + 77), low: mix32(number ^ 0x2545f491) });
const threshold = (percent: number): number => Math.ceil((percent * range) / 100);
const draw = (percent: number): number => Math.floor((percent * range) / 100);
const small = { sizeLog2: 13, bitsPerEntry: 12 };

describe('a key counts', () => {
  it('once per weight, with the weight as its probability', () => {
    const seen = createSeenKeys();
    expect(seen.count({ key: key(1), draw: draw(60) }, threshold(10))).toBe(threshold(10) / range);
    expect(seen.count({ key: key(1), draw: draw(60) }, threshold(10))).toBeNull();
    expect(seen.count({ key: key(2), draw: draw(3) }, threshold(10))).toBe(threshold(10) / range);
  });

  it('again at a higher weight when the lower one had not settled its arm, with probability (w2 - w1) / (1 - w1)', () => {
    const seen = createSeenKeys();
    seen.count({ key: key(1), draw: draw(60) }, threshold(10));
    seen.count({ key: key(2), draw: draw(3) }, threshold(10));
    const [first, second] = [threshold(10), threshold(50)];
    expect(seen.count({ key: key(1), draw: draw(60) }, second)).toBe((second - first) / (range - first));
    expect(seen.count({ key: key(2), draw: draw(3) }, second)).toBeNull();
  });

  it('against the highest weight held, not the last one', () => {
    const seen = createSeenKeys();
    seen.count({ key: key(1), draw: draw(60) }, threshold(50));
    expect(seen.count({ key: key(1), draw: draw(60) }, threshold(10))).toBeNull();
    expect(seen.count({ key: key(1), draw: draw(60) }, threshold(50))).toBeNull();
    expect(seen.count({ key: key(1), draw: draw(60) }, threshold(90))).toBe((threshold(90) - threshold(50)) / (range - threshold(50)));
  });

  it('not at weight 0, and at weight 100 it is held', () => {
    const filter = createKeyFilter(small);
    const seen = createSeenKeys(filter);
    expect(seen.count({ key: key(1), draw: draw(60) }, 0)).toBeNull();
    expect(filter.state().tags).toEqual([]);
    expect(seen.count({ key: key(1), draw: draw(60) }, range)).toBe(1);
    expect(seen.count({ key: key(1), draw: draw(60) }, threshold(50))).toBeNull();
  });
});

describe('the filter', () => {
  it('answers the same after it is stored and read', () => {
    const request = fc.record({ id: fc.nat(40), draw: fc.nat(range - 1), percent: fc.constantFrom(0, 1, 10, 50, 90) });
    fc.assert(
      fc.property(fc.array(request, { maxLength: 60 }), fc.nat(60), (requests, cut) => {
        const kept = createSeenKeys(createKeyFilter(small));
        let filter = createKeyFilter(small);
        let restarted = createSeenKeys(filter);
        requests.forEach(({ id, draw: u, percent }, index) => {
          if (index === cut) {
            filter = createKeyFilter(structuredClone(filter.state()));
            restarted = createSeenKeys(filter);
          }
          const one = { key: key(id), draw: u };
          expect(restarted.count(one, threshold(percent))).toBe(kept.count(one, threshold(percent)));
        });
      }),
    );
  });

  it('closes at half full and opens one for half of the keys, so that it grows with the logarithm of the keys', () => {
    const filter = createKeyFilter(small);
    const perPage: number[] = [];
    for (let number = 0; number < 20_000; number += 1) {
      filter.enter(key(number), 1);
      perPage[filter.state().pages.length] = number;
    }
    const { pages } = filter.state();
    const capacity = (2 ** 13 * Math.LN2) / 12;
    expect(pages.slice(0, -1).every(({ bitsSet }) => bitsSet === 2 ** 12 || bitsSet < 2 ** 12 + 12)).toBe(true);
    expect(pages.length).toBeLessThanOrEqual(Math.ceil(Math.log2(20_000 / capacity + 1)) + 1);
    expect(pages.length).toBeGreaterThan(3);
  });

  it('never forgets a key, and takes ever fewer', () => {
    const filter = createKeyFilter(small);
    const entered: number[] = [];
    for (let number = 0; number < 3000; number += 1) {
      if (!filter.takes(key(number))) continue;
      filter.enter(key(number), 5);
      entered.push(number);
    }
    expect(entered.every((number) => filter.has(key(number), 5))).toBe(true);
    const taken = Array.from({ length: 4000 }, (_, number) => filter.takes(key(10_000 + number))).filter(Boolean).length / 4000;
    const expected = 2 ** -(filter.state().pages.length - 1);
    expect(Math.abs(taken - expected)).toBeLessThan(4 * Math.sqrt(expected / 4000));
  });

  it('holds an entry that was never entered with a probability of one in a thousand at half full', () => {
    const filter = createKeyFilter({ sizeLog2: 16, bitsPerEntry: 12 });
    for (let number = 0; filter.state().pages.length < 2; number += 1) filter.enter(key(number), 1);
    const falsePositives = Array.from({ length: 200_000 }, (_, number) => filter.has(key(1_000_000 + number), 1)).filter(Boolean).length;
    expect(falsePositives / 200_000).toBeGreaterThan(0.0004);
    expect(falsePositives / 200_000).toBeLessThan(0.0012);
  });

  it('sets all bits of an entry in one block, twelve at most', () => {
    const entries = fc.record({ high: fc.nat(range - 1), low: fc.nat(range - 1), tag: fc.nat(range) });
    fc.assert(
      fc.property(entries, ({ tag, ...halves }) => {
        const filter = createKeyFilter({ sizeLog2: 16, bitsPerEntry: 12 });
        filter.enter(halves, tag);
        const [page] = filter.state().pages;
        const blocks = new Set([...(page?.bytes ?? [])].flatMap((byte, index) => (byte === 0 ? [] : [Math.floor((index * 8) / blockBits)])));
        expect(blocks.size).toBe(1);
        expect(page?.bitsSet).toBeLessThanOrEqual(12);
      }),
    );
  });

  it('spreads its entries over all blocks evenly', () => {
    const filter = createKeyFilter({ sizeLog2: 16, bitsPerEntry: 12 });
    const entries = 2_000;
    for (let number = 0; number < entries; number += 1) filter.enter(key(number), 1);
    const bytes = filter.state().pages[0]?.bytes ?? new Uint8Array();
    const blocks = Array.from({ length: 2 ** 16 / blockBits }, (_, block) => bytes.subarray((block * blockBits) / 8, ((block + 1) * blockBits) / 8));
    const set = blocks.map((block) => [...block].reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0));
    const expected = blockBits * (1 - (1 - 12 / blockBits) ** (entries / blocks.length));
    expect(set.reduce((sum, count) => sum + count, 0) / blocks.length).toBeCloseTo(expected, -1);
    expect(Math.min(...set)).toBeGreaterThan(0);
  });

  it('counts keys with the stated probability while filters close and weights fall and rise', () => {
    const random = createRandom(42);
    const seen = createSeenKeys(createKeyFilter(small));
    const draws = Array.from({ length: 6000 }, () => random.u32());
    let [surplus, variance] = [0, 0];
    for (const percent of [1, 10, 50, 10, 50, 90, 30]) {
      draws.forEach((u, id) => {
        const probability = seen.count({ key: key(id), draw: u }, threshold(percent));
        if (probability === null) return;
        surplus += (u < threshold(percent) ? 1 : 0) - probability;
        variance += probability * (1 - probability);
      });
    }
    expect(Math.abs(surplus) / Math.sqrt(variance)).toBeLessThan(3);
  });
});

describe('a first event', () => {
  it('is a key seen for the first time, also after it is stored and read', () => {
    const filter = createKeyFilter(small);
    const keys = createFirstEventKeys(filter);
    expect(keys.isFirst(key(1))).toBe(true);
    expect(keys.isFirst(key(1))).toBe(false);
    const read = createFirstEventKeys(createKeyFilter(structuredClone(filter.state())));
    expect(read.isFirst(key(1))).toBe(false);
    expect(read.isFirst(key(2))).toBe(true);
  });
});

it('a 64-bit hash is split into its halves', () => {
  expect(keyHashOf(0x0123456789abcdefn)).toEqual({ high: 0x01234567, low: 0x89abcdef });
  expect(keyHashOfHex('89abcdef01234567')).toEqual({ high: 0x89abcdef, low: 0x01234567 });
});
