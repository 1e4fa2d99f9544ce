import { describe, expect, it } from 'vitest';
import { readContract } from '../../src/bundle/read-contract.ts';
import { contractDocument, validRule } from '../support/contract-document.ts';

const texts = { datatype: 'BYTES' };
const text = (more: object) => ({ logicalType: 'string', ...more });
const list = (items: object, more: object = {}) => ({ logicalType: 'array', items, ...more });

const domainOf = (field: object, place: object = texts) => {
  const { contract, faults } = readContract('c', contractDocument(field, place));
  expect(faults).toEqual([]);
  const { validValues, pattern } = contract?.inputs.find(({ name }) => name === 'object')?.fields[0] ?? {};
  return { validValues, pattern };
};

const faultsOf = (field: object, place: object = texts) =>
  readContract('c', contractDocument(field, place)).faults.map(({ field: at, got, expected }) => [at.replace('schema.object.field.', ''), got, expected]);

describe('the domain of a field', () => {
  it.each<[string, object, object]>([
    ['a pattern', text({ quality: [validRule({ pattern: '^a' })] }), { pattern: '^a' }],
    ['a pattern of the items', list(text({ quality: [validRule({ pattern: '^a' })] })), { pattern: '^a' }],
    ['the same pattern twice', text({ logicalTypeOptions: { pattern: '^a' }, quality: [validRule({ pattern: '^a' })] }), { pattern: '^a' }],
    ['values and a pattern', text({ quality: [validRule({ validValues: ['a'], pattern: '^a' })] }), { validValues: ['a'], pattern: '^a' }],
    [
      'what two rules leave',
      text({ quality: [validRule({ validValues: ['a', 'b', 'c'] }), validRule({ validValues: ['c', 'b'] })] }),
      { validValues: ['b', 'c'] },
    ],
    [
      'what a rule of the list and one of its items leave',
      list(text({ quality: [validRule({ validValues: ['a', 'b'] })] }), { quality: [validRule({ validValues: ['b'] })] }),
      { validValues: ['b'] },
    ],
    ['no more than none', text({ quality: [validRule({ validValues: ['a'] }, { mustBeLessOrEqualTo: 0 })] }), { validValues: ['a'] }],
  ])('is %s', (_, field, expected) => {
    expect(domainOf(field)).toEqual({ validValues: undefined, pattern: undefined, ...expected });
  });

  it('of a number is what two rules leave, too', () => {
    const rules = [validRule({ validValues: [1, 2] }), validRule({ validValues: [2, 3] })];
    expect(domainOf({ logicalType: 'integer', quality: rules }, {})).toEqual({ validValues: [2], pattern: undefined });
  });

  const enforced = 'validValues or a pattern, which each value is held to';

  it.each<[string, object, readonly (readonly string[])[]]>([
    [
      'a second pattern',
      text({ logicalTypeOptions: { pattern: '^a' }, quality: [validRule({ pattern: 'z$' })] }),
      [['quality.0.arguments.pattern', 'z$', 'one pattern a field; ^a is there already']],
    ],
    ['a pattern that is none', text({ quality: [validRule({ pattern: '(' })] }), [['quality.0.arguments.pattern', '(', 'a regular expression']]],
    [
      'rules that leave nothing',
      text({ quality: [validRule({ validValues: ['a'] }), validRule({ validValues: ['b'] })] }),
      [['quality', 'validValues that leave no value', 'at least one value that all of them have']],
    ],
    [
      'a rule that says nothing',
      text({ quality: [{ metric: 'invalidValues', mustBe: 0 }] }),
      [['quality.0.arguments', 'neither validValues nor a pattern', enforced]],
    ],
    [
      'an argument that nothing reads',
      text({ quality: [validRule({ validValues: ['a'], caseSensitive: false })] }),
      [['quality.0.arguments.caseSensitive', 'false', enforced]],
    ],
    [
      'a share of values that may be invalid',
      text({ quality: [validRule({ validValues: ['a'] }, { mustBeLessThan: 5, unit: 'percent' })] }),
      [['quality.0', 'invalidValues of which some may be', 'mustBe: 0, since each value is held to it']],
    ],
    [
      'a value that the pattern refuses',
      text({ logicalTypeOptions: { pattern: '^a' }, quality: [validRule({ validValues: ['a', 'b'] })] }),
      [['quality', 'the valid value b', 'one that its pattern and lengths allow']],
    ],
    [
      'a value of too many characters',
      text({ logicalTypeOptions: { maxLength: 2 }, quality: [validRule({ validValues: ['😀😀', 'abc'] })] }),
      [['quality', 'the valid value abc', 'one that its pattern and lengths allow']],
    ],
  ])('is not %s', (_, field, expected) => {
    expect(faultsOf(field)).toEqual(expected);
  });

  it('has no pattern where values are numbers', () => {
    const expected = [['quality.0.arguments.pattern', 'a pattern for number', 'a pattern for text only']];
    expect(faultsOf({ logicalType: 'number', quality: [validRule({ pattern: '^1' })] }, {})).toEqual(expected);
  });

  it('stands at the field, not at the object', () => {
    const { faults } = readContract('c', contractDocument({ logicalType: 'number' }, { quality: [validRule({ validValues: [1] })] }));
    expect(faults).toEqual([
      { file: 'c', field: 'schema.object.quality.0', got: 'invalidValues of a whole object', expected: 'the rule at the field that it is about' },
    ]);
  });

  it('is apart from rules about many rows, which describe', () => {
    const rules = [
      { metric: 'nullValues', mustBeLessThan: 5, unit: 'percent' },
      { metric: 'duplicateValues', mustBe: 0 },
      { type: 'text', description: 'x' },
    ];
    expect(domainOf(text({ quality: rules }))).toEqual({ validValues: undefined, pattern: undefined });
  });
});
