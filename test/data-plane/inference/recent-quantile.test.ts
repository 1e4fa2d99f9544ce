import { describe, expect, test } from 'vitest';
import { createRecentQuantile } from '../../../src/data-plane/inference/recent-quantile.ts';

const recordAll = (quantile: ReturnType<typeof createRecentQuantile>, values: Iterable<number>): void => {
  for (const value of values) quantile.record(value);
};
const repeat = (value: number, times: number): readonly number[] => new Array<number>(times).fill(value);

describe('recent quantile', () => {
  test('answers the start value before anything was recorded', () => {
    expect(createRecentQuantile(0.99, 7).value()).toBe(7);
  });

  test('is the quantile of the last 1024 values', () => {
    const quantile = createRecentQuantile(0.99, 0);
    recordAll(
      quantile,
      Array.from({ length: 1_024 }, (_, index) => (index * 37) % 1_024),
    );
    expect(quantile.value()).toBe(1_012);
  });

  test('follows a slowdown within 256 values', () => {
    const quantile = createRecentQuantile(0.99, 1);
    recordAll(quantile, repeat(50, 256));
    expect(quantile.value()).toBe(50);
  });

  test('forgets what is older than 1024 values', () => {
    const quantile = createRecentQuantile(0.99, 1);
    recordAll(quantile, repeat(50, 1_024));
    recordAll(quantile, repeat(2, 1_024));
    expect(quantile.value()).toBe(2);
  });
});
