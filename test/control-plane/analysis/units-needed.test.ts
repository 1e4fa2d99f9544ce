import { describe, expect, it } from 'vitest';
import { noPairs } from '../../../src/control-plane/analysis/pair-counts.ts';
import { coinMoments, pairMoments, unitsNeeded } from '../../../src/control-plane/analysis/units-needed.ts';
import { asFast, latencyPairs } from '../../../src/control-plane/forecast/run-times.ts';
import { hypothesis } from './support.ts';

const rate = (mean: number) => ({ mean, variance: mean * (1 - mean) });
const margin = hypothesis({ delta: 0.002 });
/** ln(K / (alpha w_g pi_1)), one guard. */
const lnRollback = Math.log(12 / (0.01 * 0.5));
/** ln(K / beta): no restart, no split. */
const lnPromotion = Math.log(12 / 0.05);

describe('the requests that a coin test needs', () => {
  it('are ln(K / (alpha w_g pi_1)) / g with g = mu^2 / (2 V) and V = p1/w + p0/(1-w)', () => {
    const moments = coinMoments({ hypothesis: margin, side: 1 }, { baseline: rate(0.01), candidate: rate(0.015), w: 0.1 });
    expect(moments.mean).toBeCloseTo(0.003, 12);
    expect(moments.square).toBeCloseTo(0.015 / 0.1 + 0.01 / 0.9, 12);
    expect(unitsNeeded(lnRollback, moments)).toBeCloseTo((lnRollback * 2 * (0.15 + 0.01 / 0.9)) / 0.003 ** 2, 4);
  });

  it('have V = p(1-p)/(w(1-w)) about a centre', () => {
    const { square } = coinMoments({ hypothesis: hypothesis({ c0: 0.2 }), side: 1 }, { baseline: rate(0.2), candidate: rate(0.2), w: 0.3 });
    expect(square).toBeCloseTo((0.2 * 0.8) / (0.3 * 0.7), 12);
  });

  it.each([
    { w: 0.1, candidate: 0.015, median: 204_000 },
    { w: 0.5, candidate: 0.015, median: 74_000 },
    { w: 0.1, candidate: 0.02, median: 34_000 },
    { w: 0.1, candidate: 0.05, median: 2_300 },
    { w: 0.01, candidate: 0.05, median: 19_000 },
  ])('are more than the measured median of $median until a rollback, which is 0.35 to 0.86 of them', ({ w, candidate, median }) => {
    const needed = unitsNeeded(lnRollback, coinMoments({ hypothesis: margin, side: 1 }, { baseline: rate(0.01), candidate: rate(candidate), w })) ?? 0;
    expect(median / needed).toBeGreaterThan(0.35);
    expect(median / needed).toBeLessThan(0.86);
  });

  it.each([
    { w: 0.5, measured: 80_000 },
    { w: 0.1, measured: 242_000 },
  ])('at weight $w are more than the measured $measured until an identical candidate is within the margin', ({ w, measured }) => {
    const needed = unitsNeeded(lnPromotion, coinMoments({ hypothesis: margin, side: -1 }, { baseline: rate(0.01), candidate: rate(0.01), w })) ?? 0;
    expect(measured / needed).toBeGreaterThan(0.4);
    expect(measured / needed).toBeLessThan(0.86);
  });

  it('are bounded by the largest bet where no event was seen', () => {
    const moments = coinMoments({ hypothesis: margin, side: -1 }, { baseline: rate(0), candidate: rate(0), w: 0.5 });
    expect(moments).toEqual({ mean: 0.002, square: 0, loss: 1 / 0.5 - 0.002 });
    // Each request wins ln(1 + 0.95 / m * delta).
    expect(unitsNeeded(lnPromotion, moments)).toBeCloseTo(lnPromotion / ((0.95 / 1.998) * 0.002), 6);
  });

  it('are not known while the bet loses', () => {
    const same = { baseline: rate(0.01), candidate: rate(0.012), w: 0.5 };
    expect(unitsNeeded(lnRollback, coinMoments({ hypothesis: margin, side: 1 }, { ...same, candidate: rate(0.01) }))).toBeNull();
    expect(unitsNeeded(lnPromotion, coinMoments({ hypothesis: margin, side: -1 }, { ...same, candidate: rate(0.02) }))).toBeNull();
  });

  it('are none when nothing is left', () => {
    expect(unitsNeeded(-1, { mean: 0.1, square: 0.1, loss: 1 })).toBe(0);
  });

  it('turn round where a lower rate is worse', () => {
    const conversions = { hypothesis: hypothesis({ harm: -1, rho0: 0.95 }), side: 1 } as const;
    const { mean } = coinMoments(conversions, { baseline: rate(0.05), candidate: rate(0.04), w: 0.5 });
    expect(mean).toBeCloseTo(0.95 * 0.05 - 0.04, 12);
  });
});

describe('the pairs that a paired test needs', () => {
  const slot = (q: number, slowness = asFast) => ({ ...latencyPairs({ q, relative: 0.1, atLeastMs: 0, runMs: 10 }, slowness), pending: 0 });
  const lnLatency = Math.log(8 / (0.01 * 0.25 * 0.5));

  it('are about 21,000 until identical versions are within a margin of 10 %, which the slowest hundredth decides', () => {
    const needed = [0.5, 0.2, 0.05, 0.01].map((q) => unitsNeeded(Math.log(8 / 0.05), pairMoments(slot(q), { rho0: 1, delta: 0, side: -1 })) ?? 0);
    expect(Math.max(...needed)).toBe(needed[3]);
    expect(needed[3]).toBeGreaterThan(19_000);
    expect(needed[3]).toBeLessThan(23_000);
  });

  it('are of the size that was simulated until a slower version is rolled back: 220 pairs for a quarter more', () => {
    const needed = unitsNeeded(lnLatency, pairMoments(slot(0.5, { factor: 1.25, addMs: 0 }), { rho0: 1, delta: 0, side: 1 })) ?? 0;
    expect(needed).toBeGreaterThan(110);
    expect(needed).toBeLessThan(440);
  });

  it('allow for a margin', () => {
    const moments = pairMoments({ ...noPairs, both: 10, candidateOnly: 30, baselineOnly: 10, neither: 950 }, { rho0: 1.2, delta: 0, side: 1 });
    expect(moments.mean).toBeCloseTo(0.04 - 1.2 * 0.02, 12);
    expect(moments.square).toBeCloseTo(0.01 * 0.04 + 0.03 + 0.01 * 1.44, 12);
    expect(moments.loss).toBe(1.2);
  });
});
