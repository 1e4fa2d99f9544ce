import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../../src/bundle/contract.ts';
import { compileField, compilePassThrough } from '../../../src/data-plane/contract/compile-field.ts';
import { fieldWith } from '../../support/contract-fields.ts';

const float32Maximum = 3.4028234663852886e38;
const refused = Number.NaN;

const numbers = [
  ['a number in a 32-bit float', fieldWith(), 'FP32', [0, -0, 1.5, -1e-45, float32Maximum, -float32Maximum], [1e39, -1e39, 3.4028235e38]],
  ['a number in a 64-bit float', fieldWith(), 'FP64', [1e39, Number.MAX_VALUE, -Number.MAX_VALUE], [Number.POSITIVE_INFINITY]],
  ['an integer', fieldWith({ kind: 'integer' }), 'FP32', [0, -5, 1e3, 2 ** 53 - 1, 1 - 2 ** 53], [1.5, 1e-9, 2 ** 53, -(2 ** 53), 1e30]],
  ['an integer in 64 bits', fieldWith({ kind: 'integer' }), 'INT64', [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER], [2 ** 53, 2 ** 63, 0.5]],
  ['an integer in 32 bits', fieldWith({ kind: 'integer' }), 'INT32', [2 ** 31 - 1, -(2 ** 31)], [2 ** 31, -(2 ** 31) - 1, 0.5]],
  ['a number in an integer tensor', fieldWith(), 'INT64', [3], [3.5]],
  ['a closed range', fieldWith({ minimum: 0, maximum: 1 }), 'FP32', [0, 0.5, 1], [-1e-9, 1.000_000_1]],
  ['an open range', fieldWith({ exclusiveMinimum: 0, exclusiveMaximum: 1 }), 'FP32', [1e-9, 0.999], [0, 1, -1, 2]],
  [
    'steps of 0.01',
    fieldWith({ multipleOf: 0.01 }),
    'FP64',
    [0, 0.01, 0.07, 19.99, 50_000.01, 10_000_000.02, 123_456_789.01, 9_999_999_999.99],
    [0.005, 19.999, 123_456_789.015],
  ],
  ['steps of 5', fieldWith({ multipleOf: 5 }), 'FP32', [0, -10, 1e9], [1, 12.5, 1e9 + 1]],
  ['a closed domain', fieldWith({ validValues: [1, 2, 4] }), 'FP32', [1, 2, 4], [0, 3, 1.5]],
  ['a domain of text', fieldWith({ validValues: ['1'] }), 'FP32', [], [1]],
  ['zero or one', fieldWith({ kind: 'integer' }), 'BOOL', [0, 1], [2, -1]],
] as const;

describe('a numeric field', () => {
  it.each(numbers.flatMap(([name, field, datatype, held]) => held.map((value) => ({ name, field, datatype, value }))))(
    '$name takes $value',
    ({ field, datatype, value }) => {
      const compiled = compileField(field, datatype);
      expect(compiled.read(value)).toBe(value);
      expect(compiled.holds(value)).toBe(true);
    },
  );

  it.each(numbers.flatMap(([name, field, datatype, , broken]) => broken.map((value) => ({ name, field, datatype, value }))))(
    '$name refuses $value',
    ({ field, datatype, value }) => {
      const compiled = compileField(field, datatype);
      expect(compiled.read(value)).toBe(refused);
      expect(compiled.holds(value)).toBe(false);
    },
  );

  it.each([
    ['NaN', Number.NaN],
    ['Infinity', JSON.parse('1e999')],
    ['-Infinity', JSON.parse('-1e999')],
    ['NaN as text', 'NaN'],
    ['Infinity as text', 'Infinity'],
    ['a number as text', '42.5'],
    ['empty text', ''],
    ['true', true],
    ['false', false],
    ['null', null],
    ['nothing', undefined],
    ['a list', [42.5]],
    ['an empty list', []],
    ['an object', {}],
    ['an object with a value', { value: 42.5 }],
    ['a timestamp', '2026-03-20T23:30:00Z'],
    ['a nested object', { amount: { amount: 42.5 } }],
    ['a large integer', 10n ** 20n],
  ])('refuses %s', (_, value) => {
    for (const datatype of ['FP32', 'FP64', 'INT32', 'INT64'] as const) expect(compileField(fieldWith(), datatype).holds(value)).toBe(false);
  });

  it('never lets anything into a tensor that is not finite, whatever the value', () => {
    const fields = numbers.map(([, field, datatype]) => compileField(field, datatype));
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.oneof(fc.anything(), fc.double()), (field, value) => {
        const number = field.read(value);
        return field.holds(value) ? Number.isFinite(number) && Number.isFinite(field.field.kind === 'number' ? Math.fround(0) : number) : Number.isNaN(number);
      }),
      { seed: 1 },
    );
  });

  it('stays finite as a 32-bit float', () => {
    const field = compileField(fieldWith(), 'FP32');
    fc.assert(
      fc.property(fc.double(), (value) => !field.holds(value) || Number.isFinite(Math.fround(field.read(value)))),
      { seed: 1, numRuns: 2_000 },
    );
  });
});

describe('a boolean field', () => {
  const field = compileField(fieldWith({ kind: 'boolean' }), 'BOOL');

  it.each([
    [true, 1],
    [false, 0],
  ])('takes %s as %i', (value, expected) => {
    expect(field.read(value)).toBe(expected);
  });

  it.each([0, 1, 'true', '', null, undefined, [], {}])('refuses %j', (value) => {
    expect(field.holds(value)).toBe(false);
  });
});

describe('units', () => {
  const euros = compileField(fieldWith({ unit: 'EUR', acceptedUnits: { cent: 0.01 }, minimum: 0.01, maximum: 50_000 }), 'FP32');

  it.each([
    [{ value: 9_319, unit: 'cent' }, 93.19],
    [{ value: 93.19, unit: 'EUR' }, 93.19],
    [{ unit: 'cent', value: 1 }, 0.01],
    [{ value: 5_000_000, unit: 'cent' }, 50_000],
    [93.19, 93.19],
  ])('%j is %d EUR', (value, expected) => {
    expect(euros.read(value)).toBe(expected);
  });

  it.each([
    { value: 0, unit: 'cent' },
    { value: 5_000_001, unit: 'cent' },
    { value: 1, unit: 'USD' },
    { value: 1, unit: 'Cent' },
    { value: 1, unit: '' },
    { value: 1, unit: null },
    { value: 1, unit: 'constructor' },
    { value: 1, unit: '__proto__' },
    { value: '1', unit: 'cent' },
    { value: null, unit: 'cent' },
    { value: true, unit: 'cent' },
    { value: { value: 1, unit: 'cent' }, unit: 'cent' },
    { value: Number.POSITIVE_INFINITY, unit: 'cent' },
    { value: 1 },
    { unit: 'cent' },
    { value: 1, unit: 'cent', currency: 'EUR' },
    [1, 'cent'],
  ])('%j is refused', (value) => {
    expect(euros.holds(value)).toBe(false);
  });

  it('are held against the limits after the conversion', () => {
    const atMost = compileField(fieldWith({ unit: 'EUR', acceptedUnits: { cent: 0.01 }, maximum: 0.35 }), 'FP64');
    expect([atMost.read({ value: 35, unit: 'cent' }), atMost.read({ value: 36, unit: 'cent' })]).toEqual([0.35, refused]);
  });

  it("keep a number in the field's own unit as it is, to the last whole number that JSON has", () => {
    const count = compileField(fieldWith({ kind: 'integer', unit: 'event' }), 'INT64');
    expect(count.read({ value: Number.MAX_SAFE_INTEGER, unit: 'event' })).toBe(Number.MAX_SAFE_INTEGER);
  });

  it('give the decimal that a person would write, for every whole cent', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5_000_000 }), (cents) => euros.read({ value: cents, unit: 'cent' }) === cents / 100),
      { seed: 1, numRuns: 5_000 },
    );
  });

  it('are not taken by a field that declares none', () => {
    expect(compileField(fieldWith({ unit: 'EUR' }), 'FP32').holds({ value: 1, unit: 'cent' })).toBe(false);
    expect(compileField(fieldWith(), 'FP32').holds({ value: 1, unit: 'EUR' })).toBe(false);
  });
});

describe('a time field', () => {
  const hour = compileField(fieldWith({ name: 'hour', kind: 'integer', minimum: 0, maximum: 23, timePart: 'hour', timeZone: 'Europe/Brussels' }), 'FP32');

  it.each([
    [13, 13],
    ['2026-03-20T23:30:00Z', 0],
    ['2026-07-15T12:00:00+02:00', 12],
  ])('reads %s as hour %i', (value, expected) => {
    expect(hour.read(value)).toBe(expected);
  });

  it.each([24, -1, 1.5, '13', '2026-03-20T23:30:00', 'NaN', true, { value: 13, unit: 'h' }])('refuses %j', (value) => {
    expect(hour.holds(value)).toBe(false);
  });
});

describe('imputation', () => {
  const field = compileField(fieldWith({ required: false, imputeValue: 50, minimum: 0 }), 'FP32');

  it.each([null, undefined])('stands in for %s', (value) => {
    expect(field.read(value)).toBe(50);
    expect(field.holds(value)).toBe(true);
  });

  it('does not stand in for a wrong value', () => {
    for (const value of [-1, 'NaN', '', false, {}, Number.NaN]) expect(field.holds(value)).toBe(false);
  });

  it('may lie outside the range of the values, so that the model can tell it apart', () => {
    expect(compileField(fieldWith({ required: false, imputeValue: -1, minimum: 0 }), 'FP32').read(null)).toBe(-1);
  });
});

describe('a field of categories', () => {
  const field = compileField(fieldWith({ kind: 'string' }), 'FP32', ['chip', 'online', 'é']);

  it.each([
    ['chip', 0],
    ['online', 1],
    ['é', 2],
  ])('reads %s as %i', (value, expected) => {
    expect(field.read(value)).toBe(expected);
  });

  it.each(['Chip', '', 'e\u0301', 'constructor', '__proto__', 0, null, undefined, true, ['chip'], {}])('refuses %j', (value) => {
    expect(field.holds(value)).toBe(false);
  });

  it('imputes null', () => {
    expect(compileField(fieldWith({ kind: 'string', required: false, imputeValue: 1 }), 'INT64', ['a', 'b']).read(null)).toBe(1);
  });
});

describe('a text field', () => {
  const id = compileField(fieldWith({ name: 'query_id', kind: 'string', minLength: 1, maxLength: 5, pattern: '^[a-zé-]+$' }), 'BYTES');

  it.each(['a', 'abcde', 'é-é'])('takes %j', (value) => {
    expect(id.holds(value)).toBe(true);
  });

  it.each(['', 'abcdef', 'A', 'a b', 5, null, undefined, true, ['a'], {}])('refuses %j', (value) => {
    expect(id.holds(value)).toBe(false);
  });

  it('is as long as it has characters, not units of a string', () => {
    const pair = compileField(fieldWith({ kind: 'string', minLength: 2, maxLength: 2 }), 'BYTES');
    expect(['😀', '😀😀', '😀😀😀', 'a😀', 'ab'].map(pair.holds)).toEqual([false, true, false, true, true]);
  });

  it('enters no numeric tensor', () => {
    expect([id.numeric, id.read('a')]).toEqual([false, refused]);
  });

  it('holds a closed domain', () => {
    const field = compileField(fieldWith({ kind: 'string', validValues: ['a', 'b'] }), 'BYTES');
    expect(['a', 'b', 'c', ''].map(field.holds)).toEqual([true, true, false, false]);
  });

  it('may be null when it is not required', () => {
    const field = compileField(fieldWith({ kind: 'string', required: false }), 'BYTES');
    expect([null, undefined, '', 5].map(field.holds)).toEqual([true, true, true, false]);
  });
});

describe('an image field', () => {
  const field = compileField(fieldWith({ name: 'image', kind: 'image', minLength: 4, maxLength: 8 }), 'FP32');

  it('is text of its length; what it shows is decided when it is decoded', () => {
    expect(['AAAA', 'AAAAAAAA', 'AAA', 'AAAAAAAAA', '', null, 5].map(field.holds)).toEqual([true, true, false, false, false, false, false]);
  });

  it('is never empty', () => {
    expect(compileField(fieldWith({ kind: 'image' }), 'FP32').holds('')).toBe(false);
  });
});

describe('a whole number of 64 bits that no JSON number holds', () => {
  const beyond = 2n ** 53n + 1n;

  it.each<[string, Parameters<typeof compileField>, readonly bigint[], readonly bigint[]]>([
    ['a signed integer', [fieldWith({ kind: 'integer' }), 'INT64'], [beyond, -beyond, -(2n ** 63n), 2n ** 63n - 1n, 5n], [2n ** 63n, -(2n ** 63n) - 1n]],
    ['an unsigned integer', [fieldWith({ kind: 'integer' }), 'UINT64'], [0n, 2n ** 64n - 1n], [-1n, 2n ** 64n]],
    ['a number of a whole datatype', [fieldWith(), 'INT64'], [beyond], []],
    [
      'a closed range',
      [fieldWith({ kind: 'integer', minimum: 2 ** 53, maximum: 2 ** 54 }), 'INT64'],
      [2n ** 53n, beyond, 2n ** 54n],
      [2n ** 53n - 1n, 2n ** 54n + 1n],
    ],
    ['an open range', [fieldWith({ kind: 'integer', exclusiveMinimum: 2 ** 53 }), 'INT64'], [beyond], [2n ** 53n]],
    ['a step', [fieldWith({ kind: 'integer', multipleOf: 10 }), 'INT64'], [10n ** 18n, -(10n ** 18n)], [10n ** 18n + 5n]],
    ['a step that is a half', [fieldWith({ kind: 'integer', multipleOf: 0.5 }), 'INT64'], [beyond], []],
    ['a domain', [fieldWith({ kind: 'integer', validValues: [5, 2 ** 60, 0.5] }), 'INT64'], [5n, 2n ** 60n], [2n ** 60n + 1n]],
    ['32 bits', [fieldWith({ kind: 'integer' }), 'INT32'], [], [5n, beyond]],
    ['a float', [fieldWith(), 'FP64'], [], [5n, beyond]],
    ['true or false', [fieldWith({ kind: 'boolean' }), 'INT64'], [], [1n]],
  ])('is held to %s exactly', (_, call, ...[held, broken]) => {
    const { holds, read } = compileField(...call);
    expect([held.map(holds), broken.map(holds)]).toEqual([held.map(() => true), broken.map(() => false)]);
    expect(held.map(read)).toEqual(held.map(Number));
  });
});

describe('what is expected, in words', () => {
  it.each([
    [compileField(fieldWith(), 'FP32'), 'a finite number that fits the tensor'],
    [compileField(fieldWith({ kind: 'integer', minimum: 0, maximum: 23 }), 'FP32'), 'an integer from 0 to 23'],
    [compileField(fieldWith({ minimum: 0 }), 'FP32'), 'a finite number of at least 0'],
    [compileField(fieldWith({ maximum: 9 }), 'FP32'), 'a finite number of at most 9'],
    [
      compileField(fieldWith({ exclusiveMinimum: 0, exclusiveMaximum: 1, multipleOf: 0.1 }), 'FP32'),
      'a finite number that fits the tensor above 0 below 1 in steps of 0.1',
    ],
    [compileField(fieldWith({ validValues: [1, 2] }), 'FP32'), 'a finite number that fits the tensor of 1, 2'],
    [compileField(fieldWith({ kind: 'integer' }), 'INT64'), 'an integer from -9007199254740991 to 9007199254740991; send larger ones as binary tensors of /v2'],
    [compileField(fieldWith({ kind: 'integer', minimum: -5 }), 'UINT64'), 'an integer from 0 to 9007199254740991; send larger ones as binary tensors of /v2'],
    [compileField(fieldWith({ kind: 'integer', minimum: -5, maximum: 5 }), 'INT64'), 'an integer from -5 to 5'],
    [compileField(fieldWith({ kind: 'boolean' }), 'INT64'), 'true or false'],
    [compilePassThrough(fieldWith({ kind: 'integer' })), 'an integer from -9007199254740991 to 9007199254740991; send larger ones as binary tensors of /v2'],
    [compilePassThrough(fieldWith()), 'a finite number that fits the tensor'],
    [compileField(fieldWith({ kind: 'boolean' }), 'BOOL'), 'true or false'],
    [
      compileField(fieldWith({ minimum: 0.01, maximum: 5, unit: 'EUR', acceptedUnits: { cent: 0.01 } }), 'FP32'),
      'a finite number from 0.01 to 5 (or {"value", "unit"} with unit cent)',
    ],
    [
      compileField(fieldWith({ kind: 'integer', minimum: 0, maximum: 23, timePart: 'hour', timeZone: 'Europe/Brussels' }), 'FP32'),
      'an integer from 0 to 23 (or an RFC 3339 timestamp with an offset, read as hour in Europe/Brussels)',
    ],
    [compileField(fieldWith({ required: false, imputeValue: 0, minimum: 0 }), 'FP32'), 'a finite number of at least 0 or null'],
    [compileField(fieldWith({ kind: 'string' }), 'FP32', ['a', 'b']), 'one of a, b'],
    [compileField(fieldWith({ kind: 'string', required: false, imputeValue: 0 }), 'FP32', ['a']), 'one of a or null'],
    [compileField(fieldWith({ kind: 'string', minLength: 1, maxLength: 64, pattern: '^q' }), 'BYTES'), 'text of 1 to 64 characters matching ^q'],
    [compileField(fieldWith({ kind: 'string', minLength: 1 }), 'BYTES'), 'text of at least 1 characters'],
    [compileField(fieldWith({ kind: 'string', validValues: ['a'], required: false }), 'BYTES'), 'text of a or null'],
    [compileField(fieldWith({ kind: 'image' }), 'FP32'), 'a base64-encoded image'],
  ])('%#: names kind, limits, units and nulls', (field, expected) => {
    expect(field.expected).toBe(expected);
  });
});

describe('a pass-through field', () => {
  const id = (changes: Partial<Field>) => compilePassThrough(fieldWith({ name: 'id', ...changes }));

  it.each<[NonNullable<Field['kind']>, readonly unknown[], readonly unknown[]]>([
    ['integer', [5, 0, -1, Number.MAX_SAFE_INTEGER, 5n, -(2n ** 63n)], ['5', 5.5, 2 ** 53, 2n ** 63n, true, [5], {}]],
    ['number', [5, 5.5, -1e300], ['5.5', Number.NaN, Number.POSITIVE_INFINITY, true, {}]],
    ['boolean', [true, false], ['true', 0, 1, {}]],
    ['string', ['5', '', 'a b'], [5, true, 'zero\0byte', {}]],
  ])('of kind %s takes values of its kind', (kind, held, refusals) => {
    const { holds } = id({ kind });
    expect([held.map(holds), refusals.map(holds)]).toEqual([held.map(() => true), refusals.map(() => false)]);
  });

  it.each(['integer', 'number', 'boolean', 'string'] as const)('of kind %s may be null or absent unless it is required', (kind) => {
    const [required, optional] = [id({ kind }), id({ kind, required: false })];
    expect([null, undefined].map(required.holds)).toEqual([false, false]);
    expect([null, undefined].map(optional.holds)).toEqual([true, true]);
    expect(optional.expected).toMatch(/or null($|;)/);
  });

  it('is held to its bounds and its domain', () => {
    expect([0, 1, 2].map(id({ kind: 'integer', minimum: 1 }).holds)).toEqual([false, true, true]);
    expect([0, 1, 2].map(id({ validValues: [1] }).holds)).toEqual([false, true, false]);
  });

  it('takes nothing that would come back in another form than it was read in', () => {
    const price = id({ unit: 'EUR', acceptedUnits: { cent: 0.01 } });
    const hour = id({ kind: 'integer', timePart: 'hour', timeZone: 'UTC' });
    expect(
      [
        { value: 5, unit: 'cent' },
        { value: 5, unit: 'EUR' },
      ].map(price.holds),
    ).toEqual([false, false]);
    expect(hour.holds('2026-03-20T23:30:00Z')).toBe(false);
    expect([price.expected, hour.expected].join()).not.toMatch(/unit|timestamp/);
  });
});
