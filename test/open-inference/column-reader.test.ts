import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/bundle/contract.ts';
import type { Datatype } from '../../src/bundle/datatype.ts';
import { compileField } from '../../src/data-plane/contract/compile-field.ts';
import { columnReader } from '../../src/open-inference/column-reader.ts';
import { fieldWith } from '../support/contract-fields.ts';

const readAs = (changes: Partial<Field>, datatype: Datatype = 'FP32', categories?: readonly string[]) => {
  const read = columnReader(compileField(fieldWith(changes), datatype, categories), datatype);
  return (value: number): unknown => (read === null ? value : read(value));
};

const optional = { required: false, imputeValue: -1 } as const;
const channels = ['web', 'shop'];

describe('a number of a tensor', () => {
  it.each<[string, (value: number) => unknown, readonly (readonly [number, unknown])[]]>([
    [
      'a boolean',
      readAs({ kind: 'boolean' }),
      [
        [1, true],
        [0, false],
        [0.5, 0.5],
        [-1, -1],
        [Number.NaN, Number.NaN],
      ],
    ],
    [
      'a nullable boolean',
      readAs({ kind: 'boolean', ...optional }),
      [
        [1, true],
        [0, false],
        [0.5, 0.5],
        [-1, null],
        [Number.NaN, null],
      ],
    ],
    [
      'a nullable boolean that is imputed by one of its values',
      readAs({ kind: 'boolean', required: false, imputeValue: 1 }),
      [
        [1, true],
        [0, false],
      ],
    ],
    [
      'a category',
      readAs({ kind: 'string' }, 'FP32', channels),
      [
        [1, 'shop'],
        [2, 2],
        [Number.NaN, Number.NaN],
      ],
    ],
    [
      'a nullable category',
      readAs({ kind: 'string', ...optional }, 'FP32', channels),
      [
        [1, 'shop'],
        [2, 2],
        [-1, null],
        [Number.NaN, null],
      ],
    ],
    [
      'a number',
      readAs({ minimum: 0 }),
      [
        [1, 1],
        [-1, -1],
        [Number.NaN, Number.NaN],
      ],
    ],
    [
      'a nullable number',
      readAs({ minimum: 0, ...optional }),
      [
        [1, 1],
        [-1, null],
        [-2, -2],
        [Number.NaN, null],
      ],
    ],
    [
      'a nullable number that may be what is imputed',
      readAs(optional),
      [
        [-1, -1],
        [Number.NaN, null],
      ],
    ],
    [
      'a number in steps',
      readAs({ multipleOf: 0.01 }),
      [
        [Math.fround(0.07), 0.07],
        [Math.fround(0.075), Math.fround(0.075)],
      ],
    ],
    [
      'a limit of more digits than a float has',
      readAs({ maximum: 0.99999999 }),
      [
        [1, 0.99999999],
        [Math.fround(1.0000002), Math.fround(1.0000002)],
      ],
    ],
    [
      'a whole limit that no float is',
      readAs({ maximum: 2 ** 24 + 3 }),
      [
        [2 ** 24 + 4, 2 ** 24 + 3],
        [2 ** 24 + 6, 2 ** 24 + 6],
      ],
    ],
    [
      'a bound that it must not reach, and rounding has moved it below',
      readAs({ exclusiveMaximum: 0.7 }),
      [
        [Math.fround(0.7), 0.7],
        [Math.fround(0.69), Math.fround(0.69)],
      ],
    ],
    [
      'a value of the domain',
      readAs({ validValues: [0.123456789] }),
      [
        [Math.fround(0.123456789), 0.123456789],
        [Math.fround(0.2), Math.fround(0.2)],
      ],
    ],
    [
      'a nullable number in steps',
      readAs({ multipleOf: 0.01, minimum: 0, ...optional }),
      [
        [Math.fround(0.07), 0.07],
        [-1, null],
      ],
    ],
    [
      'a nullable number whose imputed value a 32-bit float rounds',
      readAs({ required: false, minimum: 0, imputeValue: -0.1 }),
      [
        [Math.fround(-0.1), null],
        [Math.fround(-0.2), Math.fround(-0.2)],
      ],
    ],
    [
      'a nullable number whose imputed value a 16-bit float rounds',
      readAs({ required: false, minimum: 0, imputeValue: -0.1 }, 'FP16'),
      [
        [Math.f16round(-0.1), null],
        [Math.f16round(-0.2), Math.f16round(-0.2)],
      ],
    ],
    [
      'a nullable double beside the imputed value',
      readAs({ required: false, minimum: 0, imputeValue: -1 }, 'FP64'),
      [
        [-1, null],
        [-1.000_000_01, -1.000_000_01],
      ],
    ],
    [
      'a nullable integer beside the imputed value',
      readAs({ kind: 'integer', required: false, minimum: 0, imputeValue: -(2 ** 31) }, 'INT64'),
      [
        [-(2 ** 31), null],
        [-(2 ** 31) - 1, -(2 ** 31) - 1],
      ],
    ],
  ])('is read as %s', (_, read, cases) => {
    expect(cases.map(([value]) => read(value))).toEqual(cases.map(([, expected]) => expected));
  });

  it.each(['FP32', 'FP64', 'INT64'] as const)('of %s stays what it is where nothing can be wrong with it', (datatype) => {
    expect(columnReader(compileField(fieldWith({ minimum: 0 }), datatype), datatype)).toBeNull();
  });
});
