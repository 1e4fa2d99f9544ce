import { describe, expect, it } from 'vitest';
import { latencyPairCell } from '../../../src/control-plane/analysis/count-latency-pair.ts';
import { edgeWithMargin, shiftOf } from '../../../src/control-plane/analysis/latency-edge.ts';
import { addSealedRuns, pinLatencyEdges, startLatencyHistory } from '../../../src/control-plane/analysis/latency-history.ts';
import { bucketCount, bucketOf, bucketStartUs, topBucket } from '../../../src/latency-bucket.ts';

const margin = { relative: 0.1, atLeastMs: 0 };
const runsIn = (entries: Readonly<Record<number, number>>): readonly number[] => Array.from({ length: bucketCount }, (_, bucket) => entries[bucket] ?? 0);

describe('a latency bucket', () => {
  it.each([
    { us: 0, bucket: 0 },
    { us: 1, bucket: 0 },
    { us: 1000, bucket: 362 },
    { us: 199e6, bucket: topBucket },
    { us: 1e12, bucket: topBucket },
  ])('of $us us is $bucket', ({ us, bucket }) => {
    expect(bucketOf(us)).toBe(bucket);
  });

  it('starts where the one before ends', () => {
    for (const bucket of [1, 100, 500, 1002]) {
      expect(bucketOf(bucketStartUs(bucket) * 1.000001)).toBe(bucket);
      expect(bucketOf(bucketStartUs(bucket) * 0.999999)).toBe(bucket - 1);
    }
  });

  it.each([
    { relative: 0.1, shift: 5 },
    { relative: 0.21, shift: 10 },
    { relative: 0.05, shift: 3 },
    { relative: 0, shift: 0 },
  ])('is shifted by $shift for a margin of $relative', ({ relative, shift }) => {
    expect(shiftOf(relative)).toBe(shift);
  });
});

describe("the candidate's edge", () => {
  it('is the relative one where that is larger, else the bucket past threshold + atLeastMs', () => {
    const slow = bucketOf(100_000);
    expect(edgeWithMargin(slow, { relative: 0.1, atLeastMs: 1 })).toEqual({ baseline: slow, candidate: slow + 5 });
    const fast = bucketOf(10);
    const edge = edgeWithMargin(fast, { relative: 0.1, atLeastMs: 1 }).candidate;
    expect(bucketStartUs(edge)).toBeGreaterThanOrEqual(bucketStartUs(fast) + 1000);
    expect(bucketStartUs(edge - 1)).toBeLessThan(bucketStartUs(fast) + 1000);
  });

  it('counts each run at its own version’s edge', () => {
    const edge = { baseline: 100, candidate: 105 };
    expect(latencyPairCell({ candidate: 105, baseline: 100 }, edge)).toBe('both');
    expect(latencyPairCell({ candidate: 105, baseline: 99 }, edge)).toBe('candidateOnly');
    expect(latencyPairCell({ candidate: 104, baseline: 100 }, edge)).toBe('baselineOnly');
    expect(latencyPairCell({ candidate: 104, baseline: 99 }, edge)).toBe('neither');
  });
});

describe('thresholds are pinned', () => {
  it('only once 2,000 baseline runs are sealed', () => {
    expect(pinLatencyEdges(addSealedRuns(startLatencyHistory(), runsIn({ 300: 1999 })), [0.5], margin)).toBeNull();
    expect(pinLatencyEdges(addSealedRuns(startLatencyHistory(), runsIn({ 300: 2000 })), [0.5], margin)).toEqual([{ baseline: 301, candidate: 306 }]);
  });

  it('at the smallest edge whose survival is at most q', () => {
    const history = addSealedRuns(startLatencyHistory(), runsIn({ 300: 1000, 310: 900, 320: 80, 330: 20 }));
    const edges = pinLatencyEdges(history, [0.5, 0.2, 0.05, 0.01, 0], margin)?.map(({ baseline }) => baseline);
    expect(edges).toEqual([301, 311, 311, 321, 331]);
  });

  it('from a history that decays by a tenth a block as long as 2,000 remain', () => {
    const full = addSealedRuns(startLatencyHistory(), runsIn({ 300: 4000 }));
    expect(addSealedRuns(full, runsIn({ 310: 100 })).total).toBe(3700);
    const least = addSealedRuns(startLatencyHistory(), runsIn({ 300: 2100 }));
    expect(addSealedRuns(least, runsIn({ 310: 100 })).total).toBe(2200);
  });
});
