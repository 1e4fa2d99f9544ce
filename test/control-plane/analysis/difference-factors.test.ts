import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pairedGrid } from '../../../src/control-plane/analysis/bet-grid.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import { differenceFactors } from '../../../src/control-plane/analysis/difference-factors.ts';
import { fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import type { Side } from '../../../src/control-plane/analysis/hypothesis.ts';
import { createRandom, type Random } from '../../support/random.ts';
import { hypothesis } from './support.ts';

const w = 0.8;
const betOf = (delta: number, side: Side) => ({ hypothesis: hypothesis({ delta }), side, grid: pairedGrid });

describe('every factor of a bet on differences', () => {
  it('has expectation 1 at the margin, whatever the noise of the baseline, and is at least 0.05', () => {
    const noise = fc.double({ min: 0, max: 0.9, noNaN: true });
    const margin = fc.constantFrom(0, 0.001, 0.01, 0.1);
    fc.assert(
      fc.property(
        fc.record({ p0: noise, delta: margin, side: fc.constantFrom<Side>(1, -1), share: fc.constantFrom(0.5, 0.8, 0.99) }),
        ({ p0, delta, side, share }) => {
          const p1 = p0 + delta;
          for (const { candidateEvent, candidateNone, baselineEvent, baselineNone } of differenceFactors(share, betOf(delta, side))) {
            const [y1, n1, y0, n0] = [candidateEvent, candidateNone, baselineEvent, baselineNone].map(Math.exp) as [number, number, number, number];
            expect(share * (p1 * y1 + (1 - p1) * n1) + (1 - share) * (p0 * y0 + (1 - p0) * n0)).toBeCloseTo(1, 12);
            expect(Math.min(y1, n1, y0, n0)).toBeGreaterThan(0.05 - 1e-9);
          }
        },
      ),
    );
  });

  it('is 1 + 0.95 X / m for the largest bets', () => {
    const factors = differenceFactors(w, betOf(0.01, 1));
    expect(factors).toHaveLength(8);
    expect(factors.at(-1)?.candidateEvent).toBeCloseTo(Math.log1p((0.95 / 5.01) * (1 / 0.8 - 0.01)), 12);
    expect(factors[0]?.baselineEvent).toBeCloseTo(Math.log1p(0.0125 * (-5 - 0.01)), 12);
  });
});

interface World {
  /** How often two runs of the baseline differ, and the two versions. */
  readonly noise: number;
  readonly versions: number;
  readonly margin: number;
}

const pairsPerBlock = 60;
const blocks = 300;

/** Pairs until the rollback of a guard with this share of alpha = .01, and until it is within its margin at beta = .05; null for never. */
const play = (random: Random, { noise, versions, margin }: World, share: number) => {
  const found: { rollback: number | null; within: number | null } = { rollback: null, within: null };
  const bets = { rollback: betOf(margin, 1), within: betOf(margin, -1) };
  const at = { rollback: -Math.log(0.01 * share), within: -Math.log(0.05) };
  const states = { rollback: startEProcess({ betCount: 8, hazard: 1 / blocks }), within: startEProcess({ betCount: 8, hazard: 0 }) };
  for (let block = 1; block <= blocks; block += 1) {
    const compared = random.binomial(pairsPerBlock, w);
    const [candidateEvents, baselineEvents] = [random.binomial(compared, versions), random.binomial(pairsPerBlock - compared, noise)];
    const candidateNone = compared - candidateEvents;
    const stratum = { w, candidateEvents, candidateNone, baselineEvents, baselineNone: pairsPerBlock - compared - baselineEvents };
    for (const way of ['rollback', 'within'] as const) {
      states[way] = fold(states[way], coinLogs([stratum], bets[way], differenceFactors));
      if (found[way] === null && lnValue(states[way], []) >= at[way]) found[way] = block * pairsPerBlock;
    }
  }
  return found;
};

const runs = 200;
const playMany = (seed: number, world: World, share = 1) => Array.from({ length: runs }, (_, index) => play(createRandom(seed + index), world, share));
const medianOf = (values: readonly (number | null)[]): number => values.map((value) => value ?? Number.POSITIVE_INFINITY).sort((a, b) => a - b)[runs >> 1] ?? 0;

describe('in 200 simulated rollouts of 18,000 pairs', () => {
  it.each([
    { noise: 0.05, versions: 0.05, margin: 0.005 },
    { noise: 0.3, versions: 0.3, margin: 0.02 },
    { noise: 0.05, versions: 0.05, margin: 0 },
    { noise: 0.05, versions: 0.055, margin: 0.005 },
  ])('a candidate that differs in $versions where the baseline does from itself in $noise is rolled back in 1 % of them at most, margin $margin', (world) => {
    // 2 expected at most; 7 or more have a probability below 0.005.
    expect(playMany(1_000, world).filter(({ rollback }) => rollback !== null).length).toBeLessThan(7);
  });

  it.each([
    { noise: 0.05, versions: 0.06, margin: 0.01 },
    { noise: 0, versions: 0.01, margin: 0.01 },
  ])('one that differs in $versions against $noise, exactly the margin of $margin more, is within it in 5 % of them at most', (world) => {
    // 10 expected at most; 20 or more have a probability below 0.005.
    expect(playMany(2_000, world).filter(({ within }) => within !== null).length).toBeLessThan(20);
  });

  it.each([
    { world: { noise: 0, versions: 0.03, margin: 0.01 }, share: 0.18, pairs: 4_000 },
    { world: { noise: 0, versions: 1, margin: 0.01 }, share: 0.18, pairs: 120 },
    { world: { noise: 0.05, versions: 0.15, margin: 0.01 }, share: 0.18, pairs: 1_500 },
  ])('one that differs in $world.versions is found after $pairs pairs at most in half of them', ({ world, share, pairs }) => {
    expect(medianOf(playMany(3_000, world, share).map(({ rollback }) => rollback))).toBeLessThanOrEqual(pairs);
  });

  it('one that never differs is within a margin of one point after 900 pairs', () => {
    expect(medianOf(playMany(4_000, { noise: 0, versions: 0, margin: 0.01 }).map(({ within }) => within))).toBeLessThanOrEqual(900);
  });
});
