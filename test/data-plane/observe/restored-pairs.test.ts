import { expect, test } from 'vitest';
import { createEvidence } from '../../../src/data-plane/observe/evidence.ts';
import type { KeptFilter } from '../../../src/store/observation.ts';

const secret = 'of the hashes';
const run = { bucket: 1, error: false, breach: false };
const asked = { rollout: 'a rollout', key: { high: 1, low: 2 }, differences: 1 };

const life = (kept: readonly KeptFilter[]) => {
  const evidence = createEvidence({ monotonicMs: () => 0, incarnation: 'a-life' });
  evidence.restoreKeys(asked.rollout, kept, secret);
  return evidence;
};

/** How many pairs of the life count for errors after one more of the same key. */
const countedPairs = (evidence: ReturnType<typeof life>): number => {
  evidence.beginPair(asked).end({ baseline: run, candidate: run, differ: [false] });
  return evidence.observe(asked.rollout).pairs[0]?.counted.n ?? 0;
};

/** What a store has after one save. */
const keptOf = (evidence: ReturnType<typeof life>): KeptFilter[] =>
  evidence.observe(asked.rollout).filters.flatMap((change) => (change.kind === 'snapshot' ? [{ ...change, entries: [] }] : []));

test('a key that was compared counts once over restarts', () => {
  const first = life([]);
  expect(countedPairs(first)).toBe(1);
  expect(countedPairs(life(keptOf(first)))).toBe(0);
});

test('a key counts in no pair when the filters are lost in part, from the first pair on', () => {
  const first = life([]);
  countedPairs(first);
  const damaged = keptOf(first).map((filter) => ({ ...filter, chunks: [] }));
  expect(countedPairs(life(damaged))).toBe(0);
});

test('a pair that has begun ends in its counters, also when the keys come back late', () => {
  const evidence = createEvidence({ monotonicMs: () => 0, incarnation: 'a-life' });
  const pair = evidence.beginPair({ ...asked, key: null });
  evidence.restoreKeys(asked.rollout, [], secret);
  pair.end({ baseline: run, candidate: run, differ: [false] });
  expect(evidence.observe(asked.rollout).pairs).toMatchObject([{ n: 1, done: 1 }]);
});
