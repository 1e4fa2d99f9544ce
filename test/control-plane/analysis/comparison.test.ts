import { describe, expect, it } from 'vitest';
import { createRandom } from '../../support/random.ts';
import { type IdenticalWorld, runIdentical } from './simulate-comparison.ts';

const runs = 25;

/** How many of the runs fired by whole arms, and by pairs. */
const firedIn = (world: Omit<IdenticalWorld, 'turns' | 'share'>, seed: number) => {
  const fired = { arms: 0, pairs: 0 };
  for (let index = 0; index < runs; index += 1) {
    const { arms, pairs } = runIdentical({ turns: 3_000, share: 0.2, ...world }, createRandom(seed + index));
    fired.arms += Number(arms);
    fired.pairs += Number(pairs);
  }
  return fired;
};

describe('two identical versions behind a server that batches', () => {
  it.each([
    { w: 0, keyed: false, seed: 61_000 },
    { w: 0.01, keyed: false, seed: 62_000 },
    { w: 0.5, keyed: false, seed: 63_000 },
    { w: 0.9, keyed: false, seed: 64_000 },
    { w: 0, keyed: true, seed: 65_000 },
    { w: 0.01, keyed: true, seed: 66_000 },
    { w: 0.5, keyed: true, seed: 67_000 },
    { w: 0.9, keyed: true, seed: 68_000 },
  ])('are alike pair by pair at a weight of $w, keyed: $keyed', ({ seed, ...world }) => {
    expect(firedIn({ ...world, perTurn: 4 }, seed).pairs).toBe(0);
  });

  // At 1 % the candidate's small batches are the faster ones, so there the arms err to the other side: a slow candidate would pass.
  it.each([
    { w: 0.5, keyed: false, seed: 63_000, atLeast: 3 },
    { w: 0.9, keyed: false, seed: 64_000, atLeast: runs },
    { w: 0.5, keyed: true, seed: 67_000, atLeast: 3 },
    { w: 0.9, keyed: true, seed: 68_000, atLeast: runs - 5 },
  ])('are torn apart by whole arms at a weight of $w, keyed: $keyed', ({ seed, atLeast, ...world }) => {
    expect(firedIn({ ...world, perTurn: 4 }, seed).arms).toBeGreaterThanOrEqual(atLeast);
  });
});
