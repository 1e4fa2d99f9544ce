import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { betFractions } from '../../../src/control-plane/analysis/bet-fractions.ts';
import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import { coinScores } from '../../../src/control-plane/analysis/coin-scores.ts';
import { completePairs, completeStratum } from '../../../src/control-plane/analysis/complete-pessimistically.ts';
import { fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import type { Harm, Hypothesis, Side } from '../../../src/control-plane/analysis/hypothesis.ts';
import { finiteExp, logMeanExp } from '../../../src/control-plane/analysis/log-sum-exp.ts';
import { pairLogs } from '../../../src/control-plane/analysis/pair-logs.ts';
import { mergeUnits, type UnitStratum } from '../../../src/control-plane/analysis/strata.ts';
import { arm, coinBet, completed, hypothesis, lnCoin } from './support.ts';

const weight = fc.constantFrom(0.01, 0.05, 0.1, 0.25, 0.5, 0.9, 0.99);
const side = fc.constantFrom<Side>(1, -1);
const harm = fc.constantFrom<Harm>(1, -1);
const count = fc.nat(2000);
const cells = fc.tuple(count, count, count, count);
const margin: fc.Arbitrary<Partial<Hypothesis>> = fc.oneof(
  fc.record({ harm, delta: fc.constantFrom(0, 0.001, 0.002, 0.05), c0: fc.constantFrom(0, 0.05, 0.5) }),
  fc.record({ harm, rho0: fc.constantFrom(0.7, 0.95, 1, 1.02, 1.3), c0: fc.constantFrom(0, 0.05, 0.5) }),
);
const bet = fc.tuple(margin, side).map(([parts, direction]) => coinBet(parts, direction));
const stratum = fc.tuple(weight, cells).map(([w, four]) => completed(w, four));
const shareOfPending = fc.double({ min: 0, max: 1, noNaN: true });
const unitStratum: fc.Arbitrary<UnitStratum> = fc
  .tuple(weight, cells, fc.tuple(fc.nat(20), fc.nat(20)))
  .map(([w, [n11, n10, n01, n00], [p1, p0]]) => ({ w, candidate: arm(n11 + n10 + p1, n11, p1), baseline: arm(n01 + n00 + p0, n01, p0) }));

describe('every factor of the coin kernel', () => {
  it.each([0.01, 0.1, 0.5, 0.99])('has expectation 1 at the margin, w = %d', (w) => {
    fc.assert(
      fc.property(bet, fc.double({ min: 0.1, max: 0.6, noNaN: true }), ({ hypothesis: null0, side: direction, grid }, p0) => {
        const p1 = null0.rho0 * p0 + null0.harm * null0.delta;
        const { candidate, baseline } = coinScores(w, null0);
        for (const lam of betFractions(w, { hypothesis: null0, side: direction, grid })) {
          const factor = (x: number): number => 1 + direction * lam * x;
          const mean =
            w * (p1 * factor(candidate(1)) + (1 - p1) * factor(candidate(0))) + (1 - w) * (p0 * factor(baseline(1)) + (1 - p0) * factor(baseline(0)));
          expect(Math.abs(mean - 1)).toBeLessThan(1e-12);
        }
      }),
    );
  });

  it('is at least 0.05, for every outcome in [0, 1]', () => {
    fc.assert(
      fc.property(bet, weight, fc.double({ min: 0, max: 1, noNaN: true }), ({ hypothesis: null0, side: direction, grid }, w, y) => {
        const { candidate, baseline } = coinScores(w, null0);
        for (const lam of betFractions(w, { hypothesis: null0, side: direction, grid })) {
          expect(1 + direction * lam * candidate(y)).toBeGreaterThan(0.05 - 1e-9);
          expect(1 + direction * lam * baseline(y)).toBeGreaterThan(0.05 - 1e-9);
        }
      }),
    );
  });
});

describe('evidence', () => {
  it('does not depend on the order of the counts in a block', () => {
    fc.assert(
      fc.property(bet, fc.array(stratum, { maxLength: 8 }), (anyBet, strata) => {
        expect(lnCoin([...strata].reverse(), anyBet)).toBeCloseTo(lnCoin(strata, anyBet), 7);
      }),
    );
  });

  it('is the same from one process and from three that are merged', () => {
    const replicas = fc.array(fc.tuple(fc.nat(2), unitStratum), { maxLength: 12 });
    fc.assert(
      fc.property(bet, replicas, (anyBet, parts) => {
        const lnE = (strata: readonly UnitStratum[]): number =>
          lnCoin(
            strata.map((one) => completeStratum(one, anyBet.hypothesis.harm, anyBet.side)),
            anyBet,
          );
        const byReplica = [0, 1, 2].flatMap((replica) => mergeUnits(parts.flatMap(([owner, one]) => (owner === replica ? [one] : []))));
        const whole = mergeUnits(parts.map(([, one]) => one));
        const sorted = (strata: readonly UnitStratum[]) => [...strata].sort((a, b) => a.w - b.w);
        expect(sorted(mergeUnits(byReplica))).toEqual(sorted(whole));
        expect(Math.abs(lnE(mergeUnits(byReplica)) - lnE(whole))).toBeLessThanOrEqual(1e-9 * Math.max(1, Math.abs(lnE(whole))));
      }),
    );
  });

  it('completed pessimistically is never above that of any completion', () => {
    fc.assert(
      fc.property(bet, unitStratum, fc.tuple(shareOfPending, shareOfPending), (anyBet, one, [a, b]) => {
        const candidateEvents = one.candidate.events + Math.round(a * one.candidate.pending);
        const baselineEvents = one.baseline.events + Math.round(b * one.baseline.pending);
        const truth: UnitStratum = { w: one.w, candidate: arm(one.candidate.n, candidateEvents), baseline: arm(one.baseline.n, baselineEvents) };
        const lnE = (data: UnitStratum): number => lnCoin([completeStratum(data, anyBet.hypothesis.harm, anyBet.side)], anyBet);
        expect(lnE(one)).toBeLessThanOrEqual(lnE(truth) + 1e-7);
      }),
    );
  });

  it('of pairs completed pessimistically is never above that of any completion', () => {
    const pending = fc.tuple(fc.nat(10), fc.nat(10), fc.nat(10), fc.nat(10));
    fc.assert(
      fc.property(side, cells, pending, (direction, [both, candidateOnly, baselineOnly, neither], [b, c, o, n]) => {
        const pairBet = { rho0: 1, delta: 0.002, side: direction, grid: { first: 0.0125, count: 8 } };
        const begun = { both, candidateOnly, baselineOnly, neither, pending: b + c + o + n };
        const truth = { both: both + b, candidateOnly: candidateOnly + c, baselineOnly: baselineOnly + o, neither: neither + n, pending: 0 };
        const lnE = (pairs: typeof truth): number => logMeanExp(pairLogs(pairs, pairBet));
        expect(lnE(completePairs(begun, direction))).toBeLessThanOrEqual(lnE(truth) + 1e-7);
      }),
    );
  });

  it('is not changed by data at w = 0 or w = 1', () => {
    fc.assert(
      fc.property(bet, stratum, cells, (anyBet, one, four) => {
        expect(lnCoin([completed(0, four), one, completed(1, four)], anyBet)).toBe(lnCoin([one], anyBet));
      }),
    );
  });

  it('at a fixed bet falls with the margin, and with a candidate success swapped for a baseline failure where w > c0', () => {
    fc.assert(
      fc.property(weight, fc.constantFrom(0, 0.05, 0.4), cells, (w, c0, four) => {
        const lam = 0.5 * Math.min(...betFractions(w, coinBet({ delta: 0.1, c0 })));
        const lnL = (delta: number, [n11, n10, n01, n00]: readonly [number, number, number, number]): number => {
          const { candidate, baseline } = coinScores(w, hypothesis({ delta, c0 }));
          const log = (x: number): number => Math.log1p(lam * x);
          return n11 * log(candidate(1)) + n10 * log(candidate(0)) + n01 * log(baseline(1)) + n00 * log(baseline(0));
        };
        expect(lnL(0.05, four)).toBeLessThanOrEqual(lnL(0.002, four));
        fc.pre(w > c0);
        const [n11, n10, n01, n00] = four;
        expect(lnL(0.002, [n11, n10, n01 + 1, n00])).toBeLessThan(lnL(0.002, [n11, n10 + 1, n01, n00]));
      }),
    );
  });

  it('beyond 1e308 is decided by its logarithm, and shown as a finite number', () => {
    const logs = coinLogs([completed(0.5, [1e9, 0, 0, 1e9])], coinBet({ delta: 0.002 }), coinFactors);
    const lnE = lnValue(fold(startEProcess({ betCount: 12, hazard: 0.01 }), logs), [logs]);
    expect(lnE).toBeGreaterThan(1e8);
    expect(Number.isFinite(lnE)).toBe(true);
    expect(finiteExp(lnE)).toBe(Number.MAX_VALUE);
    const against = coinLogs([completed(0.5, [0, 1e9, 1e9, 0])], coinBet({ delta: 0.002 }), coinFactors);
    const lowest = lnValue(fold(startEProcess({ betCount: 12, hazard: 0 }), against), [against]);
    expect(Number.isFinite(lowest)).toBe(true);
    expect(finiteExp(lowest)).toBe(0);
  });
});

describe('the restart mixture', () => {
  const logs = fc.array(fc.double({ min: -30, max: 30, noNaN: true }), { minLength: 12, maxLength: 12 });

  it('keeps its whole mass when no block has data', () => {
    fc.assert(
      fc.property(fc.nat(500), fc.double({ min: 0, max: 0.5, noNaN: true }), (blocks, hazard) => {
        let state = startEProcess({ betCount: 12, hazard });
        for (let block = 0; block < blocks; block += 1) state = fold(state, []);
        expect(lnValue(state)).toBeCloseTo(0, 9);
        expect(state.block).toBe(blocks + 1);
      }),
    );
  });

  it('gives the same value whether blocks are folded or still open, and after JSON', () => {
    fc.assert(
      fc.property(fc.array(logs, { minLength: 1, maxLength: 6 }), (blocks) => {
        const start = startEProcess({ betCount: 12, hazard: 0.01 });
        const folded = blocks.slice(0, -1).reduce(fold, start);
        const stored = JSON.parse(JSON.stringify(folded));
        expect(lnValue(stored, blocks.slice(-1))).toBe(lnValue(start, blocks));
      }),
    );
  });
});
