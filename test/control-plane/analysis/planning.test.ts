import { describe, expect, it } from 'vitest';
import { blockOf, isSealed } from '../../../src/control-plane/analysis/blocks.ts';
import { meanInterval, pairInterval } from '../../../src/control-plane/analysis/confidence-sequence.ts';
import { maturedRate } from '../../../src/control-plane/analysis/matured-rate.ts';
import { noPairs } from '../../../src/control-plane/analysis/pair-counts.ts';
import { meanEffect, rateEffect } from '../../../src/control-plane/analysis/point-estimate.ts';
import { assessSampleRatio } from '../../../src/control-plane/analysis/sample-ratio.ts';
import { arm, units } from './support.ts';

describe('an outcome at maturity', () => {
  it('never counts more events than requests', () => {
    expect(maturedRate({ n: 5, events: 7 })).toEqual(arm(5, 5));
  });
});

describe('a block', () => {
  const standing = { block: 0, blockSeconds: 60, watermarkSecond: 59, nowSecond: 61, deadlineSeconds: 30, pending: 0 };

  it.each([
    { name: 'complete with nothing pending', change: {}, sealed: true },
    { name: 'not complete', change: { watermarkSecond: 58 }, sealed: false },
    { name: 'with a pending request', change: { pending: 1 }, sealed: false },
    { name: 'with a pending request past every deadline', change: { pending: 1, nowSecond: 90 }, sealed: true },
  ])('$name is sealed: $sealed', ({ change, sealed }) => {
    expect(isSealed({ ...standing, ...change })).toBe(sealed);
  });

  it('is the minute of the assigned second', () => {
    expect([0, 59, 60].map((second) => blockOf(second, 60))).toEqual([0, 0, 1]);
  });
});

describe('estimates', () => {
  it('never pool strata: a ramp under a falling base rate shows no effect', () => {
    const strata = [units(0.01, [5, 95, 495, 9405]), units(0.5, [50, 4950, 50, 4950])];
    expect(rateEffect(strata)?.difference).toBeCloseTo(0, 12);
  });

  it('are null without data in both arms', () => {
    expect(rateEffect([units(0, [0, 0, 5, 5])])).toBeNull();
    expect(meanEffect([])).toBeNull();
    expect(pairInterval(noPairs)).toBeNull();
    expect(meanInterval([], 0.5)).toBeNull();
  });

  it('of means and of pairs lie within their intervals', () => {
    const candidate = new Array<number>(101).fill(0);
    const baseline = new Array<number>(101).fill(0);
    candidate[70] = candidate[50] = 400;
    baseline[60] = baseline[40] = 400;
    const values = [{ w: 0.5, candidate, baseline }];
    expect(meanEffect(values)?.difference).toBeCloseTo(0.1, 12);
    const mean = meanInterval(values, 0.5);
    expect(mean?.[0]).toBeLessThan(0.1);
    expect(mean?.[0]).toBeGreaterThan(0);
    expect(mean?.[1]).toBeGreaterThan(0.1);
    const pairs = pairInterval({ ...noPairs, candidateOnly: 10, baselineOnly: 50, neither: 940 });
    expect(pairs?.[0]).toBeLessThan(-0.04);
    expect(pairs?.[1]).toBeGreaterThan(-0.04);
    expect(pairs?.[1]).toBeLessThan(0);
  });
});

it('a sample ratio alarms on a biased coin and ignores weights 0 and 1', () => {
  const biased = assessSampleRatio([
    { w: 0.5, candidate: 6000, baseline: 4800 },
    { w: 1, candidate: 9, baseline: 0 },
  ]);
  expect(biased).toMatchObject({ ok: false, observed: 6000, expected: 5400 });
  expect(assessSampleRatio([])).toMatchObject({ e: 1, ok: true });
});
