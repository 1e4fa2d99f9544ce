import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { convertUnit, countCharacters, hasCharacters } from '../../src/bundle/contract.ts';

describe('convertUnit', () => {
  it.each([
    [35, 0.01, 0.35],
    [0.29, 100, 29],
    [1.1, 1.1, 1.21],
    [Number.MAX_SAFE_INTEGER, 1, Number.MAX_SAFE_INTEGER],
    [0.1 + 0.2, 1, 0.1 + 0.2],
    [4_503_599_627_370_495, 2, 9_007_199_254_740_990],
    [Number.POSITIVE_INFINITY, 2, Number.POSITIVE_INFINITY],
    [Number.NEGATIVE_INFINITY, 0.01, Number.NEGATIVE_INFINITY],
  ])('makes of %d times %d what a person would write: %d', (value, factor, expected) => {
    expect(convertUnit(value, factor)).toBe(expected);
  });

  it('keeps every whole number that a whole factor makes exact', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => convertUnit(value, 1) === value),
      { seed: 1 },
    );
  });
});

describe('countCharacters', () => {
  it.each([
    ['', 0],
    ['abc', 3],
    ['é', 1],
    ['😀', 1],
    ['a😀b', 3],
    ['\ud83d', 1],
    ['\ude00\ud83d', 2],
    ['\ud83d\ud83d\ude00', 2],
  ])('of %j is %i', (text, expected) => {
    expect(countCharacters(text)).toBe(expected);
  });

  it('is the number of code points of any text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => countCharacters(text) === [...text].length),
      { seed: 1 },
    );
  });

  it('decides about lengths as counting does', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.nat(8), fc.nat(8), (text, least, most) => {
        const characters = [...text].length;
        return hasCharacters(text, least, most) === (characters >= least && characters <= most);
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });
});
