import { describe, expect, test } from 'vitest';
import { createPairCounters, type PairCounters, type RunOutcome } from '../../../src/data-plane/comparison/pair-counters.ts';
import { createKeyFilter, firstEventsSize, seenKeysSize } from '../../../src/data-plane/observe/key-filter.ts';
import { versionsProbability } from '../../../src/pair-sampling.ts';
import { createRandom } from '../../support/random.ts';

const run = (bucket: number, more: Partial<RunOutcome> = {}): RunOutcome => ({ bucket, error: false, breach: false, ...more });
const unkeyed = { key: null, differences: 1 };
const keyed = (low: number) => ({ key: { high: 7, low }, differences: 1 });
const pairsOf = (counters: PairCounters) => counters.observe().pairs;

describe('the counters of pairs', () => {
  test('count a pair in the second in which it began, and again when it ends', () => {
    const counters = createPairCounters();
    const pair = counters.begin(unkeyed, 5);
    counters.begin(unkeyed, 6);
    expect(pairsOf(counters).map(({ second, n, done }) => ({ second, n, done }))).toEqual([
      { second: 5, n: 1, done: 0 },
      { second: 6, n: 1, done: 0 },
    ]);
    pair.end({ baseline: run(100), candidate: run(103), differ: [true] });
    expect(pairsOf(counters)[0]).toMatchObject({
      n: 1,
      done: 1,
      latency: [[100, 103, 1]],
      counted: { n: 1, done: 1 },
      differences: { versions: { n: 1, done: 1, differ: [1] } },
    });
  });

  test('merge pairs with the same two buckets', () => {
    const counters = createPairCounters();
    const buckets = [
      [100, 103],
      [100, 104],
      [100, 103],
    ] as const;
    for (const [baseline, candidate] of buckets) counters.begin(unkeyed, 1).end({ baseline: run(baseline), candidate: run(candidate), differ: null });
    expect(pairsOf(counters)[0]?.latency).toEqual([
      [100, 103, 2],
      [100, 104, 1],
    ]);
  });

  test.each([
    { baseline: { error: true }, candidate: {}, errors: { baselineOnly: 1 }, breaches: { neither: 1 } },
    { baseline: {}, candidate: { error: true }, errors: { candidateOnly: 1 }, breaches: { neither: 1 } },
    { baseline: { error: true }, candidate: { error: true }, errors: { both: 1 }, breaches: { neither: 1 } },
    { baseline: {}, candidate: { breach: true }, errors: { neither: 1 }, breaches: { candidateOnly: 1 } },
  ])('tell errors $errors and breaches $breaches apart', ({ baseline, candidate, errors, breaches }) => {
    const counters = createPairCounters();
    counters.begin(unkeyed, 1).end({ baseline: run(1, baseline), candidate: run(1, candidate), differ: null });
    const none = { both: 0, candidateOnly: 0, baselineOnly: 0, neither: 0 };
    expect(pairsOf(counters)[0]?.counted).toMatchObject({ errors: { ...none, ...errors }, breaches: { ...none, ...breaches } });
    // Without two outputs there is nothing that differs, which is counted too: to leave it out would make what is left depend on the version.
    expect(pairsOf(counters)[0]?.differences.versions).toEqual({ n: 1, done: 1, differ: [0] });
  });

  test('count a key once for events, and every time for latency', () => {
    const counters = createPairCounters();
    for (const low of [1, 1, 2, 1]) counters.begin(keyed(low), 1).end({ baseline: run(1), candidate: run(1, { error: true }), differ: null });
    expect(pairsOf(counters)[0]).toMatchObject({ n: 4, done: 4, latency: [[1, 1, 4]], counted: { n: 2, done: 2, errors: { candidateOnly: 2 } } });
  });

  test('know the keys of a stored state', () => {
    const filters = { pairs: createKeyFilter(seenKeysSize), self: createKeyFilter(firstEventsSize) };
    createPairCounters(filters).begin(keyed(1), 1);
    const after = createPairCounters(filters);
    after.begin(keyed(1), 1);
    after.begin(keyed(2), 1);
    expect(pairsOf(after)[0]?.counted.n).toBe(1);
  });

  test('take keyed pairs for latency alone when the keys of an earlier life are not known', () => {
    const counters = createPairCounters();
    counters.disownKeys();
    counters.begin(keyed(1), 1).end({ baseline: run(1), candidate: run(1), differ: [false] });
    counters.begin(unkeyed, 1);
    expect(pairsOf(counters)[0]).toMatchObject({ n: 2, latency: [[1, 1, 1]], counted: { n: 1, done: 0 } });
  });

  test('count the baseline with itself apart', () => {
    const counters = createPairCounters();
    for (const differ of [[true], [false], null]) counters.beginSelf(unkeyed, 1).end(differ);
    counters.beginSelf(unkeyed, 1);
    counters.beginSelf(unkeyed, 1).withdraw();
    const [cell] = pairsOf(counters);
    expect(cell).toMatchObject({ n: 0, counted: { n: 0 }, differences: { versions: { n: 0 }, itself: { n: 4, done: 3, differ: [1] } } });
  });

  test('take of a key the first request of either kind alone for differences: which of them counts does not depend on the coin', () => {
    const counters = createPairCounters();
    const both = { baseline: run(1), candidate: run(1), differ: [true] };
    counters.beginSelf(keyed(1), 1).end([true]);
    counters.begin(keyed(1), 1).end(both);
    counters.begin(keyed(2), 1).end(both);
    counters.beginSelf(keyed(2), 1).end([true]);
    expect(pairsOf(counters)[0]).toMatchObject({
      counted: { n: 2, done: 2 },
      differences: { w: versionsProbability, versions: { n: 1, differ: [1] }, itself: { n: 1, differ: [1] } },
    });
  });

  test('count no differences where no criterion asks for them', () => {
    const counters = createPairCounters();
    counters.begin({ key: null, differences: 0 }, 1).end({ baseline: run(1), candidate: run(1), differ: null });
    expect(pairsOf(counters)[0]).toMatchObject({ n: 1, differences: { versions: { n: 0, done: 0, differ: [] } } });
  });

  test('forget a withdrawn pair', () => {
    const counters = createPairCounters();
    counters.begin(unkeyed, 1).withdraw();
    expect(pairsOf(counters)[0]).toMatchObject({ n: 0, done: 0, counted: { n: 0, done: 0 } });
  });

  test('give copies that later pairs do not change', () => {
    const counters = createPairCounters();
    const end = () => counters.begin(unkeyed, 1).end({ baseline: run(1), candidate: run(2), differ: [true] });
    end();
    const seen = pairsOf(counters);
    const text = JSON.stringify(seen);
    end();
    expect(JSON.stringify(seen)).toBe(text);
  });

  test('hold no more than a cell a pair, the last sixteen examples, and the seconds that are asked for', () => {
    const counters = createPairCounters();
    const random = createRandom(1);
    for (let second = 0; second < 200; second += 1) {
      for (let pair = 0; pair < 50; pair += 1)
        counters.begin(unkeyed, second).end({ baseline: run(random.u32() % 1_000), candidate: run(random.u32() % 1_000), differ: null });
      counters.keepExample({ kind: 'error', arm: 'candidate', requestId: `request-${second}` });
    }
    counters.forgetBefore(80);
    const { pairs, examples } = counters.observe();
    expect(pairs).toHaveLength(120);
    expect(Math.max(...pairs.map(({ latency }) => latency.length))).toBeLessThanOrEqual(50);
    expect(examples.map(({ requestId }) => requestId)).toEqual(Array.from({ length: 16 }, (_, index) => `request-${184 + index}`));
  });
});
