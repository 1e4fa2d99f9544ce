import { describe, expect, it } from 'vitest';
import {
  arrivedInTime,
  firstImmatureBucket,
  isObservedInTime,
  maturesAtMs,
  outcomeBucketMs,
  outcomeBucketOf,
  outcomeGraceMs,
} from '../../src/bundle/outcome-window.ts';

const dayMs = 86_400_000;
const windowMs = 7 * dayMs;

describe('the window of an outcome', () => {
  it('holds what is observed up to its end, counted from the assignment', () => {
    expect(isObservedInTime({ assignedAtMs: 1_000, observedAtMs: 1_000 + windowMs }, windowMs)).toBe(true);
    expect(isObservedInTime({ assignedAtMs: 1_000, observedAtMs: 1_001 + windowMs }, windowMs)).toBe(false);
  });

  it('takes an observation before the assignment for one at it: clocks differ', () => {
    expect(isObservedInTime({ assignedAtMs: 5_000_000, observedAtMs: 0 }, windowMs)).toBe(true);
  });

  it('is followed by a day in which the outcome may arrive', () => {
    expect(outcomeGraceMs).toBe(dayMs);
    expect(arrivedInTime({ assignedAtMs: 0, arrivedAtMs: 8 * dayMs - 1 }, windowMs)).toBe(true);
    expect(arrivedInTime({ assignedAtMs: 0, arrivedAtMs: 8 * dayMs }, windowMs)).toBe(false);
  });
});

describe('a bucket', () => {
  const bucket = outcomeBucketOf(1_767_225_600_123);

  it('is mature when no outcome of its last request can arrive in time any more, and not a millisecond before', () => {
    const atMs = maturesAtMs(bucket, windowMs);
    const lastAssignedMs = (bucket + 1) * outcomeBucketMs - 1;
    expect(firstImmatureBucket(atMs, windowMs)).toBe(bucket + 1);
    expect(firstImmatureBucket(atMs - 1, windowMs)).toBe(bucket);
    expect(arrivedInTime({ assignedAtMs: lastAssignedMs, arrivedAtMs: atMs }, windowMs)).toBe(false);
    expect(arrivedInTime({ assignedAtMs: lastAssignedMs, arrivedAtMs: atMs - 2 }, windowMs)).toBe(true);
  });
});
