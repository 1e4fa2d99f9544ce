import { describe, expect, it } from 'vitest';
import { noStrike, strikeOf, tamperingOf } from '../../src/rehearsal/inject-fault.ts';

const outputs = {
  score: { datatype: 'FP32' as const, shape: [2, 1], data: Float32Array.of(0.1, 0.9) },
  label: { datatype: 'INT64' as const, shape: [2], data: BigInt64Array.of(1n, 2n) },
  name: { datatype: 'BYTES' as const, shape: [2], data: ['a', 'b'] },
};

describe('a declared fault', () => {
  it('fills every number of an output, keeps what is no number, and leaves the original alone', () => {
    const set = tamperingOf({ name: 'flags', output: { set: 1 }, share: 0.05 })?.outputs(outputs);
    expect([...(set?.score?.data ?? [])]).toEqual([1, 1]);
    expect([...(set?.label?.data ?? [])]).toEqual([1n, 1n]);
    expect(set?.name?.data).toEqual(['a', 'b']);
    expect(outputs.score.data[0]).toBeCloseTo(0.1, 6);
    const nan = tamperingOf({ name: 'nan', output: 'nan', share: 0.01 })?.outputs(outputs);
    expect([...(nan?.score?.data ?? [])]).toEqual([Number.NaN, Number.NaN]);
    expect([...(nan?.label?.data ?? [])]).toEqual([1n, 2n]);
  });

  it('swaps two fields of every row', () => {
    const tampering = tamperingOf({ name: 'swapped', swap: ['a', 'b'] });
    expect(tampering?.rows([{ a: 1, b: 2, c: 3 }])).toEqual([{ a: 2, b: 1, c: 3 }]);
    expect(tampering?.outputs(outputs)).toBe(outputs);
  });

  it.each([
    [
      { name: 'slower', latency: { addMs: 5 } },
      { ...noStrike, addMs: 5 },
    ],
    [
      { name: 'failing', errorRate: 0.02 },
      { ...noStrike, errorRate: 0.02 },
    ],
    [
      { name: 'nan', output: 'nan' as const, share: 0.01 },
      { ...noStrike, share: 0.01 },
    ],
    [
      { name: 'swapped', swap: ['a', 'b'] as [string, string] },
      { ...noStrike, share: 1 },
    ],
  ])('strikes as it says: %j', (fault, strike) => {
    expect(strikeOf(fault)).toEqual(strike);
  });

  it('that slows or fails runs changes none', () => {
    expect(tamperingOf({ name: 'slower', latency: { addMs: 5 } })).toBeNull();
    expect(tamperingOf({ name: 'failing', errorRate: 0.02 })).toBeNull();
  });
});
