import { describe, expect, it } from 'vitest';
import { assessGuards } from '../../src/control-plane/analysis/assess-guards.ts';
import { buildGuards } from '../../src/control-plane/analysis/build-guards.ts';
import { startEvidence } from '../../src/control-plane/analysis/evidence.ts';
import { addCounts, type GuardCounts } from '../../src/control-plane/analysis/guard-counts.ts';
import type { GuardCriterion } from '../../src/control-plane/analysis/guard-criterion.ts';
import type { Guard } from '../../src/control-plane/analysis/guard-test.ts';
import { etaRequests } from '../../src/control-plane/eta-requests.ts';
import { arm, type Cells, units } from './analysis/support.ts';

const risk = { falseRollback: 0.01, falsePromotion: 0.05 };

const guardOf = (criterion: GuardCriterion): Guard =>
  buildGuards({
    criteria: [criterion],
    keyed: false,
    compared: criterion.kind === 'latency' || criterion.kind === 'disagreement',
    plannedBlocks: 100,
  })[0] as Guard;

const errors = guardOf({ name: 'errors', kind: 'errorRate', margin: { absolute: 0.002 } });
const flagged = guardOf({ name: 'flagged', kind: 'outputRate', margin: { relative: 0.3 } });

const etaOf = (guard: Guard, counts: GuardCounts, { w = 0.5, unmeasured = {} }: { readonly w?: number; readonly unmeasured?: Record<string, string> } = {}) => {
  const evidence = startEvidence([guard]);
  const open = [{ [guard.name]: counts }];
  const judged = assessGuards({ guards: [guard], evidence, prefixes: [open], risk: { alpha: risk.falseRollback, beta: risk.falsePromotion }, unmeasured });
  const [assessed] = judged.guards;
  return assessed && etaRequests(guard, assessed, { measurements: { evidence, open, risk }, counts: addCounts({}, counts), w });
};

const counted = (cells: Cells): GuardCounts => ({ units: [units(0.5, cells)] });

describe('how many more candidate requests a guard needs', () => {
  it('is half of the units at weight 50 that a candidate beyond the margin still goes until its rollback', () => {
    const needed = (Math.log(12 / (0.01 * 0.5)) * 2 * (0.04 + 0.02)) / 0.008 ** 2 / 2;
    const eta = etaOf(errors, counted([2, 98, 1, 99])) ?? 0;
    expect(eta).toBeGreaterThan(needed * 0.8);
    expect(eta).toBeLessThan(needed * 1.05);
  });

  it('falls as the evidence grows', () => {
    const etas = [1, 4, 8].map((times) => etaOf(errors, counted([20 * times, 980 * times, 10 * times, 990 * times])) ?? Number.NaN);
    expect(etas).toEqual(etas.toSorted((a, b) => b - a));
    expect(new Set(etas).size).toBe(3);
  });

  it('is until it is within the margin for a candidate like the baseline', () => {
    const needed = (Math.log(12 / 0.05) * 2 * 0.04) / 0.002 ** 2 / 2;
    const eta = etaOf(errors, counted([10, 990, 10, 990])) ?? 0;
    expect(eta).toBeGreaterThan(needed * 0.8);
    expect(eta).toBeLessThan(needed * 1.05);
  });

  it('is that of the slower direction where both are watched', () => {
    const both = etaOf(flagged, counted([100, 900, 100, 900])) ?? 0;
    const higher = etaOf(guardOf({ name: 'flagged', kind: 'outputRate', margin: { relative: 0.3 }, harm: 'higher' }), counted([100, 900, 100, 900])) ?? 0;
    expect(both).toBeGreaterThanOrEqual(higher);
  });

  it('is none when the verdict is there', () => {
    expect(etaOf(errors, counted([400, 600, 10, 990]))).toBe(0);
    expect(etaOf(errors, counted([1000, 199_000, 1000, 199_000]))).toBe(0);
  });

  it.each([
    { name: 'without requests', counts: {}, options: {} },
    { name: 'with requests of one arm', counts: { units: [{ w: 0.5, candidate: arm(0, 0), baseline: arm(100, 1) }] }, options: {} },
    { name: 'at weight 0', counts: counted([20, 980, 10, 990]), options: { w: 0 } },
    { name: 'at weight 100', counts: counted([20, 980, 10, 990]), options: { w: 1 } },
    { name: 'when it is not measured', counts: counted([20, 980, 10, 990]), options: { unmeasured: { errors: 'no counters' } } },
    { name: 'exactly at the margin', counts: counted([3, 997, 1, 999]), options: {} },
  ])('cannot be said $name', ({ counts, options }) => {
    expect(etaOf(errors, counts, options)).toBeNull();
  });

  it('is counted in pairs for latency, whose thresholds need some first', () => {
    const latency = guardOf({ name: 'latency', kind: 'latency', margin: { relative: 0.1 } });
    expect(etaOf(latency, {})).toBeNull();
    const slot = { both: 400, candidateOnly: 90, baselineOnly: 10, neither: 500, pending: 0 };
    const fast = { both: 5, candidateOnly: 0, baselineOnly: 5, neither: 990, pending: 0 };
    const one = guardOf({ name: 'latency', kind: 'latency', margin: { relative: 0.1 }, quantiles: [0.5] });
    expect(etaOf(one, { pairs: [{ ...slot, both: 4, candidateOnly: 1, baselineOnly: 0, neither: 5 }] }, { w: 0 })).toBeGreaterThan(50);
    expect(etaOf(latency, { pairs: [fast, fast, fast, fast] }, { w: 0 })).toBeGreaterThan(100);
  });

  it('is counted in pairs for outputs that differ', () => {
    const differs = guardOf({ name: 'differs', kind: 'disagreement', margin: { absolute: 0.02 } });
    // Four fifths of the compared requests are run by the candidate; the largest bet, 0.95 of a loss of 5.02, binds.
    const lam = 0.95 / 5.02;
    const needed = (0.8 * Math.log(8 / (0.01 * 0.5))) / (lam * 0.08 - (lam ** 2 * (0.1 / 0.8)) / 2);
    const eta = etaOf(differs, { differences: [units(0.8, [4, 36, 0, 10])] }, { w: 0 }) ?? 0;
    expect(eta).toBeGreaterThan(needed * 0.5);
    expect(eta).toBeLessThan(needed * 1.05);
    expect(etaOf(differs, {}, { w: 0 })).toBeNull();
  });

  it('is counted in labelled requests for a mean', () => {
    const ndcg = guardOf({ name: 'ndcg', kind: 'outcomeMean', margin: { absolute: 0.02 }, harm: 'lower', historicalMean: 0.6 });
    const values = (at: readonly number[]) => Array.from({ length: 101 }, (_, value) => (at.includes(value) ? 50 : 0));
    const eta = etaOf(ndcg, { values: [{ w: 0.5, candidate: values([40, 70]), baseline: values([50, 80]) }] }) ?? 0;
    expect(eta).toBeGreaterThan(0);
    expect(Number.isInteger(eta)).toBe(true);
  });
});
