import { describe, expect, test } from 'vitest';
import { createPairAllowance } from '../../src/rehearsal/pair-allowance.ts';

/** Pairs that begin in these seconds when as many as possible are asked for, each of so many milliseconds. */
const begun = (seconds: readonly number[], { lapse = 1, maxCpuPercent = 10, cpuMs }: { lapse?: number; maxCpuPercent?: number; cpuMs: number }) => {
  const allowance = createPairAllowance(lapse);
  return seconds.map((second) => {
    let pairs = 0;
    for (; pairs < 100_000 && allowance.isOpen(second, { maxCpuPercent }); pairs += 1) allowance.spend(cpuMs);
    return pairs;
  });
};

describe('pairs of a rehearsal', () => {
  test('are at most 50 in a second of the plan', () => {
    expect(begun([1, 2, 3], { cpuMs: 0.1 })).toEqual([50, 50, 50]);
    expect(begun([1, 2], { cpuMs: 0.1, lapse: 60 })).toEqual([3_000, 3_000]);
  });

  test('take no more than the share of a core in the end, a dear one being paid for by the seconds after it', () => {
    expect(begun([1, 2, 3, 4], { cpuMs: 40 })).toEqual([3, 2, 3, 2]);
    expect(begun([1, 2, 3, 4, 5], { cpuMs: 250 })).toEqual([1, 0, 1, 0, 0]);
    expect(begun([1], { cpuMs: 40, lapse: 60 })).toEqual([150]);
  });

  test('are not saved up over quiet seconds', () => {
    expect(begun([1, 100], { cpuMs: 40 })).toEqual([3, 3]);
  });
});
