import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { differencesFrom, type GoldenCase, goldenCaseSchema } from '../../src/bundle/golden-case.ts';

const golden = (outputs: Record<string, unknown>[], absolute = 1e-5): GoldenCase => ({
  request: { inputs: [{}] },
  expected: { outputs },
  tolerance: { absolute },
  source: 'by hand',
});

describe('differencesFrom', () => {
  it.each<[string, unknown[], Record<string, unknown>[]]>([
    ['equal rows', [{ p: 0.5, flagged: true, label: 'a' }], [{ p: 0.5, flagged: true, label: 'a' }]],
    ['a number within the tolerance', [{ p: 0.500_009 }], [{ p: 0.5 }]],
    ['null', [{ p: null }], [{ p: null }]],
    ['lists of objects', [{ top: [{ label: 'cat', confidence: 0.900_001 }] }], [{ top: [{ label: 'cat', confidence: 0.9 }] }]],
    ['keys in another order', [{ b: 1, a: 2 }], [{ a: 2, b: 1 }]],
  ])('finds none in %s', (_, outputs, expected) => {
    expect(differencesFrom(golden(expected), outputs)).toEqual([]);
  });

  it.each<[string, unknown[], Record<string, unknown>[], string, string, string]>([
    ['a number beyond the tolerance', [{ p: 0.500_02 }], [{ p: 0.5 }], '#/outputs/0/p', '0.50002', '0.5'],
    ['NaN, which agrees with nothing', [{ p: Number.NaN }], [{ p: 0.5 }], '#/outputs/0/p', 'NaN', '0.5'],
    ['Infinity', [{ p: Number.POSITIVE_INFINITY }], [{ p: 0.5 }], '#/outputs/0/p', 'Infinity', '0.5'],
    ['a flag', [{ p: 0.5, flagged: true }], [{ p: 0.5, flagged: false }], '#/outputs/0/flagged', 'true', 'false'],
    ['a label at the same confidence', [{ top: [{ label: 'dog' }] }], [{ top: [{ label: 'cat' }] }], '#/outputs/0/top/0/label', '"dog"', '"cat"'],
    ['a number as text', [{ p: '0.5' }], [{ p: 0.5 }], '#/outputs/0/p', '"0.5"', '0.5'],
    ['a missing key', [{}], [{ p: 0.5 }], '#/outputs/0/p', 'nothing', '0.5'],
    ['a key too many', [{ p: 0.5, q: 1 }], [{ p: 0.5 }], '#/outputs/0/q', '1', 'nothing'],
    ['a row too few', [], [{ p: 0.5 }], '#/outputs', '[]', '[{"p":0.5}]'],
    ['a list that is shorter', [{ top: [] }], [{ top: [1] }], '#/outputs/0/top', '[]', '[1]'],
    ['null for a number', [{ p: null }], [{ p: 0 }], '#/outputs/0/p', 'null', '0'],
    ['a list for an object', [[]], [{}], '#/outputs/0', '[]', '{}'],
  ])('finds %s', (_, ...[outputs, expected, pointer, got, wanted]) => {
    expect(differencesFrom(golden(expected), outputs)).toEqual([{ pointer, got, expected: wanted }]);
  });

  it('finds every difference, in every row', () => {
    const found = differencesFrom(golden([{ p: 0.1, q: 1 }, { p: 0.2 }]), [{ p: 0.3, q: 2 }, { p: 0.4 }]);
    expect(found.map(({ pointer }) => pointer)).toEqual(['#/outputs/0/p', '#/outputs/0/q', '#/outputs/1/p']);
  });

  it('finds none between any JSON and itself', () => {
    fc.assert(
      fc.property(
        fc.array(fc.dictionary(fc.string(), fc.jsonValue())),
        (outputs) => differencesFrom(golden(outputs as Record<string, unknown>[], 0), outputs).length === 0,
      ),
      { seed: 1 },
    );
  });
});

describe('a relative tolerance', () => {
  const large: GoldenCase = { ...golden([{ total: 1_000_000, p: 0.5 }]), tolerance: { absolute: 1e-5, relative: 1e-5 } };

  it.each([
    ['a large number within its own share', { total: 1_000_009, p: 0.5 }, []],
    ['a large number beyond it', { total: 1_000_011, p: 0.5 }, ['#/outputs/0/total']],
    ['a small number within the absolute part', { total: 1_000_000, p: 0.500_009 }, []],
    ['a small number that only a large one would excuse', { total: 1_000_000, p: 0.500_1 }, ['#/outputs/0/p']],
    ['a number of the other sign', { total: -1_000_000, p: 0.5 }, ['#/outputs/0/total']],
  ])('goes by each expected number: %s', (_, outputs, pointers) => {
    expect(differencesFrom(large, [outputs]).map(({ pointer }) => pointer)).toEqual(pointers);
  });
});

describe('goldenCaseSchema', () => {
  const whole = golden([{ p: 1 }]);

  it('holds a whole case', () => {
    expect(goldenCaseSchema.parse(whole)).toEqual(whole);
  });

  it('holds a case with a relative tolerance', () => {
    const tolerance = { absolute: 0, relative: 1e-6 };
    expect(goldenCaseSchema.parse({ ...whole, tolerance }).tolerance).toEqual(tolerance);
  });

  it.each([
    ['a negative relative tolerance', { ...whole, tolerance: { absolute: 0, relative: -1 } }],
    ['a relative tolerance alone', { ...whole, tolerance: { relative: 1e-6 } }],
    ['a negative tolerance', { ...whole, tolerance: { absolute: -1 } }],
    ['no rows', { ...whole, request: { inputs: [] } }],
    ['no expected rows', { ...whole, expected: { outputs: [] } }],
    ['rows that are lists', { ...whole, request: { inputs: [[1]] } }],
    ['no source', { ...whole, source: '' }],
    ['an unknown key', { ...whole, note: 'x' }],
  ])('refuses %s', (_, document) => {
    expect(goldenCaseSchema.safeParse(document).success).toBe(false);
  });
});
