import { expect, it } from 'vitest';
import { createSeededRandom } from '../../src/rehearsal/seeded-random.ts';

const draws = (seed: number, count: number): readonly number[] => {
  const random = createSeededRandom(seed);
  return Array.from({ length: count }, random.uniform);
};

it('gives the same chance for the same seed, and another for another', () => {
  expect(draws(7, 20)).toEqual(draws(7, 20));
  expect(draws(7, 20)).not.toEqual(draws(8, 20));
});

it('is uniform and without memory', () => {
  const values = draws(1, 100_000);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const followed = values.slice(1).reduce((sum, value, index) => sum + (value - 0.5) * ((values[index] ?? 0) - 0.5), 0) / values.length;
  // Standard errors: 0.0009 of the mean, 0.00026 of the product of neighbours.
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.004);
  expect(Math.abs(followed)).toBeLessThan(0.0011);
  for (let tenth = 0; tenth < 10; tenth += 1) {
    const share = values.filter((value) => Math.floor(value * 10) === tenth).length / values.length;
    expect(Math.abs(share - 0.1)).toBeLessThan(0.004);
  }
});
