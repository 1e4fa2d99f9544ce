import { describe, expect, it } from 'vitest';
import { betFractions } from '../../../src/control-plane/analysis/bet-fractions.ts';
import { pairedGrid } from '../../../src/control-plane/analysis/bet-grid.ts';
import { coinFactors } from '../../../src/control-plane/analysis/coin-factors.ts';
import { coinLogs } from '../../../src/control-plane/analysis/coin-logs.ts';
import { coinScores } from '../../../src/control-plane/analysis/coin-scores.ts';
import { differenceInterval, ratioInterval } from '../../../src/control-plane/analysis/confidence-sequence.ts';
import { fold, lnValue, startEProcess } from '../../../src/control-plane/analysis/e-process.ts';
import { logMeanExp } from '../../../src/control-plane/analysis/log-sum-exp.ts';
import { rateEffect } from '../../../src/control-plane/analysis/point-estimate.ts';
import { assessSampleRatio } from '../../../src/control-plane/analysis/sample-ratio.ts';
import { valueIndexOf } from '../../../src/control-plane/analysis/strata.ts';
import { valueLogs } from '../../../src/control-plane/analysis/value-logs.ts';
import { coinBet, completed, lnCoin, relativeError, units } from './support.ts';

const absolute = coinBet({ delta: 0.002 });
const plain = coinBet();

describe('the kernel has the reference value', () => {
  it.each([
    { name: 'R1', bet: absolute, data: [completed(0.1, [30, 970, 90, 8910])], e: 487.149566023 },
    { name: 'R2', bet: absolute, data: [completed(0.1, [45, 955, 90, 8910])], e: 689458537.009 },
    { name: 'R3', bet: plain, data: [completed(0.01, [3, 97, 0, 9900])], e: 980.445565487 },
    { name: 'R4', bet: absolute, data: [completed(0.01, [2, 98, 100, 9800]), completed(0.1, [40, 1960, 180, 17820])], e: 10.0084650603 },
    { name: 'R5', bet: coinBet({ rho0: 1.2 }), data: [completed(0.1, [60, 940, 300, 8700])], e: 6.52942213347 },
    { name: 'R6', bet: coinBet({ c0: 0.05 }), data: [completed(0.5, [80, 920, 50, 950])], e: 7.09411610369 },
    { name: 'R7', bet: coinBet({ harm: -1 }), data: [completed(0.5, [40, 960, 80, 920])], e: 165.788401394 },
    { name: 'R8', bet: coinBet({ delta: 0.002 }, -1), data: [completed(0.5, [480, 49520, 500, 49500])], e: 130.804771321 },
    { name: 'R9', bet: coinBet({ delta: 0.05, c0: 0.5 }), data: [completed(0.1, [650, 350, 4500, 4500])], e: 7371259.98588 },
    { name: 'R11', bet: plain, data: [completed(0.1, [10, 990, 100, 8900]), completed(0.1, [25, 975, 90, 8910])], e: 5.02622230861 },
    { name: 'R13', bet: plain, data: [], e: 1 },
  ])('$name', ({ bet, data, e }) => {
    expect(relativeError(Math.exp(lnCoin(data, bet)), e)).toBeLessThan(1e-9);
  });

  it('R10, with restarts', () => {
    const logs = (stratum: ReturnType<typeof completed>) => coinLogs([stratum], plain, coinFactors);
    const sealed = fold(startEProcess({ betCount: 12, hazard: 0.01 }), logs(completed(0.1, [10, 990, 100, 8900])));
    const second = logs(completed(0.1, [25, 975, 90, 8910]));
    expect(relativeError(Math.exp(lnValue(sealed, [second])), 3.58303553712)).toBeLessThan(1e-9);
    const unsealed = lnValue(startEProcess({ betCount: 12, hazard: 0.01 }), [logs(completed(0.1, [10, 990, 100, 8900])), second]);
    expect(relativeError(Math.exp(unsealed), 3.58303553712)).toBeLessThan(1e-9);
  });

  it('R12, the sample ratio', () => {
    const ratio = assessSampleRatio([{ w: 0.5, candidate: 5200, baseline: 4800 }]);
    expect(relativeError(ratio.eUp, 256.609718731)).toBeLessThan(1e-9);
    expect(relativeError(ratio.eDown, 0.132714757483)).toBeLessThan(1e-9);
    expect(relativeError(ratio.e, 128.371216744)).toBeLessThan(1e-9);
    expect(ratio).toMatchObject({ expected: 5000, observed: 5200, ok: true });
  });
});

describe('inside the kernel', () => {
  it('the fractions at w = .1, delta = .002 are the reference ones', () => {
    const expected = [
      0.0011235955, 0.002244389, 0.0044776119, 0.0089108911, 0.017647059, 0.034615385, 0.066666667, 0.12413793, 0.21818182, 0.35121951, 0.50526316, 0.64719101,
    ];
    betFractions(0.1, absolute).forEach((fraction, k) => {
      expect(relativeError(fraction, expected[k] ?? 0)).toBeLessThan(1e-7);
    });
  });

  it('the log factors of bet 5 are the reference ones', () => {
    const factors = coinFactors(0.1, absolute)[5];
    expect(relativeError(factors?.candidateEvent ?? 0, 0.297200093574)).toBeLessThan(1e-9);
    expect(relativeError(factors?.candidateNone ?? 0, -6.92331657911e-5)).toBeLessThan(1e-9);
    expect(relativeError(factors?.baselineEvent ?? 0, -0.0392927157454)).toBeLessThan(1e-9);
    expect(relativeError(factors?.baselineNone ?? 0, -6.92331657911e-5)).toBeLessThan(1e-9);
  });

  it('a mean of values in [0, 1] has the reference value', () => {
    const bet = coinBet({ rho0: 1.02, c0: 0.6 });
    const counts = (values: readonly number[]): readonly number[] => {
      const perValue = new Array<number>(101).fill(0);
      for (const value of values) perValue[valueIndexOf(value)] = 1;
      return perValue;
    };
    const scores = coinScores(0.5, bet.hypothesis);
    expect(-scores.candidate(0)).toBeCloseTo(1.224, 12);
    expect(relativeError(betFractions(0.5, bet)[11] ?? 0, 0.454997867197)).toBeLessThan(1e-9);
    const logs = valueLogs([{ w: 0.5, candidate: counts([0.9, 0.7, 0.8]), baseline: counts([0.5, 0.4, 0.65]) }], bet);
    expect(relativeError(Math.exp(logMeanExp(logs)), 1.34767774823)).toBeLessThan(1e-9);
  });

  it('the paired grid ends where the cap of .95 begins', () => {
    expect(pairedGrid).toEqual({ first: 0.0125, count: 8 });
  });
});

describe('the confidence sequence has the reference ends', () => {
  const first = [units(0.1, [30, 970, 90, 8910])];
  const eighth = [units(0.5, [480, 49520, 500, 49500])];

  it.each([
    { name: 'difference of R1', interval: differenceInterval(first), ends: [0.0045009574, 0.044308314] },
    { name: 'risk ratio of R1', interval: ratioInterval(first), ends: [1.3973458, 5.9452268] },
    { name: 'difference of R8', interval: differenceInterval(eighth), ends: [-0.0025736491, 0.0017702196] },
  ])('$name', ({ interval, ends }) => {
    expect(Math.abs((interval?.[0] ?? 0) - (ends[0] ?? 0))).toBeLessThan(1e-6);
    expect(Math.abs((interval?.[1] ?? 0) - (ends[1] ?? 0))).toBeLessThan(1e-6);
  });

  it('around the point estimate', () => {
    expect(rateEffect(first)?.difference).toBeCloseTo(0.02, 12);
    expect(rateEffect(first)?.ratio).toBeCloseTo(3, 12);
  });
});
