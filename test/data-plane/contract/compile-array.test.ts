import { describe, expect, it } from 'vitest';
import type { Field } from '../../../src/bundle/contract.ts';
import type { Datatype } from '../../../src/bundle/datatype.ts';
import { type ArrayValue, compileArray, writeArray } from '../../../src/data-plane/contract/compile-array.ts';
import { allocate } from '../../../src/data-plane/contract/tensor.ts';
import { fieldWith } from '../../support/contract-fields.ts';

const listOf = (changes: Partial<Field> = {}): Field => fieldWith({ name: 'embedding', kind: 'array', itemKind: 'integer', ...changes });

const wide = (...items: readonly bigint[]): BigInt64Array => BigInt64Array.from(items);
const unsigned = (...items: readonly bigint[]): BigUint64Array => BigUint64Array.from(items);

describe('64-bit integers of a tensor that was sent', () => {
  it.each<[Datatype, ArrayValue]>([
    ['INT64', wide(-(2n ** 63n), 2n ** 63n - 1n)],
    ['INT64', unsigned(0n, 2n ** 63n - 1n)],
    ['UINT64', unsigned(0n, 2n ** 64n - 1n)],
    ['UINT64', wide(0n, 2n ** 63n - 1n)],
    ['INT32', wide(-(2n ** 31n), 2n ** 31n - 1n)],
    ['UINT8', unsigned(0n, 255n)],
    ['BOOL', wide(0n, 1n)],
    ['FP64', wide(-(2n ** 63n), 2n ** 63n - 1n)],
    ['FP16', wide(-65_504n, 65_504n)],
  ])('enter %s as what they are: %s', (datatype, value) => {
    const data = allocate(datatype, 2);
    expect(compileArray(listOf(), datatype, 2).holds(value)).toBe(true);
    writeArray(data, 0, value);
    expect([...data].map(Number)).toEqual([...value].map(Number));
  });

  it.each<[Datatype, ArrayValue]>([
    ['INT64', unsigned(2n ** 63n, 0n)],
    ['UINT64', wide(-1n, 0n)],
    ['INT32', wide(2n ** 40n + 5n, 3n)],
    ['INT32', wide(-(2n ** 31n) - 1n, 3n)],
    ['UINT32', unsigned(2n ** 32n, 3n)],
    ['INT8', unsigned(128n, 0n)],
    ['BOOL', wide(2n, 0n)],
    ['FP16', wide(65_505n, 0n)],
  ])('are refused by %s when they would wrap: %s', (datatype, value) => {
    const { holds, got } = compileArray(listOf(), datatype, 2);
    expect(holds(value)).toBe(false);
    expect(got?.(value)).toBe(`${value[0]} at place 0`);
  });

  it.each<[string, Partial<Field>, bigint, boolean]>([
    ['the minimum', { minimum: 5 }, 5n, true],
    ['less than the minimum', { minimum: 5 }, 4n, false],
    ['a minimum below all that the tensor holds', { minimum: -1e30 }, -(2n ** 63n), true],
    ['the maximum', { maximum: 5 }, 5n, true],
    ['more than the maximum', { maximum: 5.5 }, 6n, false],
    ['a maximum above all that the tensor holds', { maximum: 1e30 }, 2n ** 63n - 1n, true],
    ['the excluded minimum', { exclusiveMinimum: 5 }, 5n, false],
    ['more than the excluded minimum', { exclusiveMinimum: 5 }, 6n, true],
    ['the excluded maximum', { exclusiveMaximum: 5 }, 5n, false],
    ['less than the excluded maximum', { exclusiveMaximum: 5 }, 4n, true],
  ])("are held to the field's own bounds too: %s", (...[, bounds, item, held]) => {
    expect(compileArray(listOf(bounds), 'INT64', 1).holds(wide(item))).toBe(held);
  });

  it('hold where the same numbers hold as JSON, and only there', () => {
    for (const item of [2 ** 40, -1, 0, 255, 256, 2 ** 31])
      for (const datatype of ['BOOL', 'UINT8', 'INT16', 'INT32', 'UINT32', 'UINT64', 'INT64', 'FP32'] as const) {
        const { holds } = compileArray(listOf(), datatype, 1);
        expect([datatype, item, holds(wide(BigInt(item)))]).toEqual([datatype, item, holds([item])]);
      }
  });
});

describe('limits of a single value', () => {
  it.each<[string, Partial<Field>, Datatype, ArrayValue, ArrayValue, string]>([
    ['a domain of numbers', { validValues: [1, 3] }, 'FP32', [1, 3], [1, 2], '2 at place 1'],
    ['a domain, for 64 bits', { validValues: [1, 3] }, 'INT64', wide(1n, 3n), wide(2n, 3n), '2 at place 0'],
    ['a step', { multipleOf: 5 }, 'INT64', [5, 10], [5, 7], '7 at place 1'],
    ['a domain of texts', { itemKind: 'string', validValues: ['a', 'b'] }, 'BYTES', ['a', 'b'], ['a', 'c'], 'a string at place 1'],
    ['a length', { itemKind: 'string', minLength: 1, maxLength: 2 }, 'BYTES', ['a', 'ab'], ['a', ''], 'a string at place 1'],
    ['a pattern', { itemKind: 'string', pattern: '^[A-Z]+$' }, 'BYTES', ['A', 'AB'], ['A', 'b'], 'a string at place 1'],
  ])('hold for each item of a list: %s', (...[, limits, datatype, good, bad, got]) => {
    const field = compileArray(listOf(limits), datatype, 2);
    expect(field.holds(good)).toBe(true);
    expect(field.holds(bad)).toBe(false);
    expect(field.got?.(bad)).toBe(got);
  });

  it('are said', () => {
    const texts = compileArray(listOf({ itemKind: 'string', validValues: ['a', 'b'], maxLength: 2 }), 'BYTES', 3);
    expect(texts.expected).toBe('a flat list of 3, each text of 0 to 2 characters of a, b');
    expect(compileArray(listOf({ itemKind: 'string' }), 'BYTES', 3).expected).toBe('a flat list of 3, each text without NUL');
  });
});

describe('a limit that floats round', () => {
  const held = (changes: Partial<Field>, datatype: Datatype, value: ArrayValue) =>
    compileArray(listOf({ itemKind: 'number', ...changes }), datatype, value.length).holds(value);

  it.each<[string, Partial<Field>, number]>([
    ['a maximum', { maximum: 0.99 }, 0.99],
    ['a minimum', { minimum: 0.01 }, 0.01],
    ['a domain', { validValues: [0.1, 0.2] }, 0.1],
    ['a step', { multipleOf: 0.01 }, 0.07],
    ['a step, of many digits', { multipleOf: 0.01 }, 12_345.67],
    ['a maximum of more digits than a float has', { maximum: 0.99999999 }, 0.99999999],
  ])('is kept by the same number of a tensor of 32 or 16 bits: %s', (_, limit, value) => {
    expect(held(limit, 'FP32', Float32Array.of(value))).toBe(true);
    expect(held(limit, 'FP32', [value])).toBe(true);
    expect(held(limit, 'FP16', Float16Array.of(value))).toBe(true);
  });

  it.each<[string, Partial<Field>, number]>([
    ['a maximum', { maximum: 0.99 }, 0.9900001],
    ['a minimum', { minimum: 0.01 }, 0.0099999],
    ['a bound that it must not reach', { exclusiveMaximum: 0.7 }, 0.7],
    ['a bound that it must not reach, from above', { exclusiveMinimum: 0.1 }, 0.1],
    ['a domain', { validValues: [0.1, 0.2] }, 0.1000001],
    ['a step', { multipleOf: 0.01 }, 0.075],
  ])('is broken by the next number all the same: %s', (_, limit, value) => {
    expect(held(limit, 'FP32', Float32Array.of(value))).toBe(false);
    expect(held(limit, 'FP32', [value])).toBe(false);
  });

  it('is exact for JSON and for 64 bits', () => {
    const sent = Math.fround(0.99);
    expect([[sent], Float64Array.of(sent)].map((value) => held({ maximum: 0.99 }, 'FP32', value))).toEqual([false, false]);
  });

  it('still lets nothing in that is no number', () => {
    const tests = [Number.NaN, Number.POSITIVE_INFINITY].map((value) => held({ maximum: 1e39 }, 'FP32', Float32Array.of(value)));
    expect(tests).toEqual([false, false]);
  });
});

describe('a list whose items are all different', () => {
  const unique = (changes: Partial<Field>, datatype: Datatype) => compileArray(listOf({ uniqueItems: true, ...changes }), datatype, 3);

  it.each<[string, Partial<Field>, Datatype, ArrayValue, ArrayValue]>([
    ['numbers', { itemKind: 'number' }, 'FP32', [1, 2, 3], [1, 2, 1]],
    ['numbers of a tensor', { itemKind: 'number' }, 'FP32', Float32Array.of(1, 2, 3), Float32Array.of(1, 2, 1)],
    ['64-bit integers', {}, 'INT64', wide(1n, 2n, 3n), wide(1n, 2n, 1n)],
    ['texts', { itemKind: 'string' }, 'BYTES', ['a', 'b', 'c'], ['a', 'b', 'a']],
  ])('of %s takes no item twice', (...[, changes, datatype, good, bad]) => {
    const { holds, got, expected } = unique(changes, datatype);
    expect([holds(good), holds(bad)]).toEqual([true, false]);
    expect([got?.(bad), expected]).toEqual(['a list with an item twice', expect.stringMatching(/, no two alike$/)]);
  });

  it('takes true and 1 for the same item', () => {
    expect(compileArray(listOf({ uniqueItems: true, itemKind: 'boolean' }), 'BOOL', 2).holds([true, 1])).toBe(false);
  });

  it('is said to have another fault where it has one', () => {
    const { got } = unique({ itemKind: 'number', maximum: 2 }, 'FP32');
    expect([got?.([3, 3, 1]), got?.([1, 1])]).toEqual(['3 at place 0', 'a list of 2']);
  });
});

describe('writing', () => {
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a number', 1],
    ['text', 'abc'],
    ['an object', { 0: 1, length: 1 }],
  ])('%s is no list: it throws and leaves no zeros to compute on', (_, value) => {
    expect(() => writeArray(new Float32Array(3), 0, value)).toThrow(/array field is no list/);
  });
});
