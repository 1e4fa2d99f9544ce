import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/bundle/contract.ts';
import { compileContract } from '../../src/data-plane/contract/compile-contract.ts';
import { columnReader } from '../../src/open-inference/column-reader.ts';
import { inOlderUnit } from '../../src/open-inference/in-older-unit.ts';
import { contractWith, fieldWith, inputRules, tensorOf } from '../support/contract-fields.ts';

const fieldOf = (changes: Partial<Field>, factor?: number) => {
  const migration = [{ field: 'cents', from: 'euros', ...(factor === undefined ? {} : { factor }) }];
  const [field] = compileContract(contractWith({ inputs: [tensorOf([fieldWith({ name: 'cents', ...changes })])] }), inputRules([], migration)).fields;
  if (field === undefined) throw new Error('the contract has a field');
  return field;
};

const read = (changes: Partial<Field>, value: number): unknown => columnReader(inOlderUnit(fieldOf(changes, 100)), 'FP32')?.(Math.fround(value));

describe('a field in the unit of an older version', () => {
  it.each<[string, Partial<Field>, number, unknown]>([
    ['whole numbers', { kind: 'integer' }, 0.1, 0.1],
    ['a bound', { maximum: 1_234.5 }, 12.345, 12.345],
    ['a bound that is kept all the same', { maximum: 5_000 }, 12.345, Math.fround(12.345)],
    ['a bound that no decimal keeps', { maximum: 1_000 }, 12.345, Math.fround(12.345)],
    ['a closed domain', { validValues: [10, 20] }, 0.1, 0.1],
    ['an imputed value', { minimum: 100, required: false, imputeValue: 50 }, 0.5, null],
    ['a value that is imputed in the newer unit only', { minimum: 100, required: false, imputeValue: 50 }, 50, 50],
  ])('is held to %s after the conversion', (...[, changes, value, expected]) => {
    expect(read(changes, value)).toBe(expected);
  });

  it('is imputed by the decimal that older clients know, in a double too', () => {
    const field = inOlderUnit(fieldOf({ minimum: 1, required: false, imputeValue: 0.7 }, 100));
    expect(columnReader(field, 'FP64')?.(0.007)).toBeNull();
  });

  it('is the field itself where nothing is converted', () => {
    const field = fieldOf({});
    expect(inOlderUnit(field)).toBe(field);
  });
});
