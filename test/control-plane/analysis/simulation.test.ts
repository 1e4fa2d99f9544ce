import { beforeAll, describe, expect, it } from 'vitest';
import { createRandom, type Random } from '../../support/random.ts';
import { constantWeight, type ErrorWorld, rampWeight, runErrors } from './simulate-errors.ts';
import { type LatencyWorld, runLatency } from './simulate-latency.ts';
import { runPending } from './simulate-pending.ts';
import { runSticky, type StickyRun } from './simulate-sticky.ts';

/*
 * Simulated traffic with fixed seeds. A false-rollback rate that is truly alpha = .01 shows in R runs with a standard error of
 * sqrt(.01 * .99 / R), so the bound is alpha plus three of them. Detection: the median is at most twice the reference median.
 */

const alpha = 0.01;
const bound = (rate: number, runs: number): number => rate + 3 * Math.sqrt((rate * (1 - rate)) / runs);

const repeat = <T>(runs: number, seed: number, run: (random: Random) => T): readonly T[] => Array.from({ length: runs }, (_, r) => run(createRandom(seed + r)));

const share = <T>(values: readonly T[], holds: (value: T) => boolean): number => values.filter(holds).length / values.length;

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor((values.length - 1) / 2)] ?? Number.NaN;

const million = 1_000_000;
const always = Number.POSITIVE_INFINITY;

const drifting = (delta: number): ErrorWorld => ({
  delta,
  requests: million,
  stretchAt: (at) => {
    const until = (Math.floor(at / 6000) + 1) * 6000;
    const rate = 0.005 + (0.02 * at) / million;
    const weight = rampWeight(at);
    return { w: weight.w, until: Math.min(until, weight.until), p0: rate, p1: rate };
  },
});

const outages: ErrorWorld = {
  delta: 0,
  requests: million,
  stretchAt: (at) => {
    const start = Math.floor(at / 100_000) * 100_000;
    const out = at - start < 4000;
    const rate = out ? 0.3 : 0.01;
    return { w: 0.1, until: start + (out ? 4000 : 100_000), p0: rate, p1: rate };
  },
};

const identical = (w: number): ErrorWorld => ({ delta: 0, requests: million, stretchAt: () => ({ w, until: always, p0: 0.01, p1: 0.01 }) });

const atMargin: ErrorWorld = { delta: 0.002, requests: million, stretchAt: () => ({ w: 0.1, until: always, p0: 0.01, p1: 0.012 }) };

describe('a candidate that is no worse in errors is rolled back in at most 1 % of simulated rollouts', () => {
  it.each([
    { name: 'ramp, base rate drifts from .5 to 2.5 %, margin .2 points', world: drifting(0.002), runs: 300, seed: 60 },
    { name: 'ramp, base rate drifts from .5 to 2.5 %, margin 0', world: drifting(0), runs: 300, seed: 360 },
    { name: 'shared outages, 30 % errors for 40 s in each 1000 s, margin 0', world: outages, runs: 400, seed: 800 },
    { name: 'exactly at a margin of .2 points, w = 10 %', world: atMargin, runs: 500, seed: 1800 },
  ])('$name', { timeout: 120_000 }, ({ world, runs, seed }) => {
    const rolledBack = share(
      repeat(runs, seed, (random) => runErrors(world, random)),
      ({ rolledBackAt }) => rolledBackAt < always,
    );
    expect(rolledBack).toBeLessThanOrEqual(bound(alpha, runs));
  });

  it('identical arms at w = 50 %: E reaches 20 in at most 5 % of 1,000 runs', { timeout: 120_000 }, () => {
    const runs = repeat(1000, 90_000, (random) => runErrors(identical(0.5), random));
    expect(share(runs, ({ peakLnE }) => peakLnE >= Math.log(20))).toBeLessThan(0.071);
    expect(share(runs, ({ rolledBackAt }) => rolledBackAt < always)).toBeLessThanOrEqual(bound(alpha, 1000));
  });
});

interface Regression {
  readonly name: string;
  readonly p1: number;
  readonly from?: number;
  readonly weightAt: typeof rampWeight;
  readonly reference: number;
}

describe('a regression in errors is found within twice the reference median (margin .2 points)', () => {
  const regressions: readonly Regression[] = [
    { name: '+.5 points, w = 10 %', p1: 0.015, weightAt: constantWeight(0.1), reference: 204_000 },
    { name: '+.5 points, w = 50 %', p1: 0.015, weightAt: constantWeight(0.5), reference: 74_000 },
    { name: '+1 point, w = 10 %', p1: 0.02, weightAt: constantWeight(0.1), reference: 34_000 },
    { name: '+4 points, w = 10 %', p1: 0.05, weightAt: constantWeight(0.1), reference: 2_300 },
    { name: '+4 points, w = 1 %', p1: 0.05, weightAt: constantWeight(0.01), reference: 19_000 },
    { name: '30 % errors, w = 1 %', p1: 0.3, weightAt: constantWeight(0.01), reference: 1_100 },
    { name: '+.5 points, ramp', p1: 0.015, weightAt: rampWeight, reference: 219_000 },
    { name: '+1 point from request 500,000 on, w = 10 %', p1: 0.02, from: 500_000, weightAt: constantWeight(0.1), reference: 57_000 },
    { name: '+1 point from request 500,000 on, ramp', p1: 0.02, from: 500_000, weightAt: rampWeight, reference: 23_000 },
  ];

  it.each(regressions)('$name', { timeout: 120_000 }, ({ p1, from = 0, weightAt, reference }) => {
    const world: ErrorWorld = {
      delta: 0.002,
      requests: million,
      stretchAt: (at) => {
        const weight = weightAt(at);
        return at < from ? { w: weight.w, until: Math.min(from, weight.until), p0: 0.01, p1: 0.01 } : { ...weight, p0: 0.01, p1 };
      },
    };
    const delays = repeat(101, 1000, (random) => runErrors(world, random).rolledBackAt - from);
    expect(median(delays)).toBeLessThanOrEqual(2 * reference);
  });
});

describe('failures that surface after 2 s on the candidate and 30 s on the baseline', () => {
  const world = { seconds: 3000, p0: 0.01, p1: 0.01 };

  it('roll back identical arms when requests count on completion', { timeout: 120_000 }, () => {
    const times = repeat(50, 90_000, (random) => runPending({ ...world, countOnCompletion: true }, random));
    expect(share(times, (time) => time < always)).toBeGreaterThan(0.5);
  });

  it('roll back identical arms in at most 1 % of runs when pending requests are completed pessimistically', { timeout: 120_000 }, () => {
    const times = repeat(200, 90_000, (random) => runPending({ ...world, countOnCompletion: false }, random));
    expect(share(times, (time) => time < always)).toBeLessThanOrEqual(bound(alpha, 200));
  });

  it('hide 5 % of errors for a median of at most 22 s', { timeout: 120_000 }, () => {
    const times = repeat(101, 91_000, (random) => runPending({ seconds: 600, p0: 0.01, p1: 0.05, countOnCompletion: false }, random));
    expect(median(times)).toBeLessThanOrEqual(22);
  });
});

describe('latency in pairs, margin +10 %', () => {
  const times = (factor: number) => () => factor;
  const nullWorlds: readonly (LatencyWorld & { readonly name: string })[] = [
    { name: 'an identical candidate, bursts shared', pairs: 20_000, candidateFactor: times(1) },
    { name: 'an identical candidate, users who come again', pairs: 20_000, candidateFactor: times(1), keyed: true },
    { name: 'a candidate that takes exactly 1.10 times as long', pairs: 20_000, candidateFactor: times(1.1) },
    { name: 'exactly 1.10 times, users who come again', pairs: 20_000, candidateFactor: times(1.1), keyed: true },
  ];

  it.each(nullWorlds)('rolls back $name in at most 1 % of runs', { timeout: 120_000 }, (world) => {
    const found = repeat(200, 5000, (random) => runLatency(world, random));
    expect(share(found, (pairs) => pairs < always)).toBeLessThanOrEqual(bound(alpha, 200));
  });

  const slowRuns = (part: number) => (_: number, random: Random) => (random.uniform() < part ? 10 : 1);
  const regressions: readonly (LatencyWorld & { readonly name: string; readonly reference: number; readonly from?: number })[] = [
    { name: 'x1.15', pairs: 20_000, candidateFactor: times(1.15), reference: 1880 },
    { name: 'x1.25', pairs: 20_000, candidateFactor: times(1.25), reference: 220 },
    { name: 'x1.5', pairs: 20_000, candidateFactor: times(1.5), reference: 40 },
    { name: 'x2', pairs: 20_000, candidateFactor: times(2), reference: 20 },
    { name: '5 % of runs x10', pairs: 20_000, candidateFactor: slowRuns(0.05), reference: 780 },
    { name: '2 % of runs x10', pairs: 30_000, candidateFactor: slowRuns(0.02), reference: 5360 },
    { name: 'x1.25 from pair 50,000 on', pairs: 60_000, candidateFactor: (pair) => (pair > 50_000 ? 1.25 : 1), reference: 780, from: 50_000 },
    { name: 'x1.25 with own noise of .4', pairs: 20_000, candidateFactor: times(1.25), ownNoise: 0.4, reference: 680 },
  ];

  it.each(regressions)('finds $name within twice the reference median', { timeout: 120_000 }, ({ reference, from = 0, ...world }) => {
    const found = repeat(61, 7000, (random) => runLatency(world, random) - from);
    expect(median(found)).toBeGreaterThan(0);
    expect(median(found)).toBeLessThanOrEqual(2 * reference);
  });
});

describe('sticky traffic with identical arms, the weight lowered and raised again', () => {
  const runs: StickyRun[] = [];
  beforeAll(() => {
    runs.push(...repeat(100, 3000, (random) => runSticky(60_000, random)));
  }, 120_000);
  const fired = (field: 'perRequest' | 'firstRequest' | 'firstEvent'): number => share(runs, (run) => run[field] >= Math.log(100));

  it('is rolled back far too often when every request counts', () => {
    expect(fired('perRequest')).toBeGreaterThan(bound(alpha, 100));
  });

  it('is rolled back in at most 1 % of runs by first requests and by first events', () => {
    expect(fired('firstRequest')).toBeLessThanOrEqual(bound(alpha, 100));
    expect(fired('firstEvent')).toBeLessThanOrEqual(bound(alpha, 100));
  });

  it('gives each counted request the arm with the stated probability', () => {
    const total = runs.reduce((sum, run) => ({ surplus: sum.surplus + run.surplus, variance: sum.variance + run.variance }), { surplus: 0, variance: 0 });
    expect(Math.abs(total.surplus) / Math.sqrt(total.variance)).toBeLessThan(4);
  });
});
