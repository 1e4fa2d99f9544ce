import { describe, expect, it } from 'vitest';
import { readContract } from '../../src/bundle/read-contract.ts';
import { contractDocument } from '../support/contract-document.ts';

type Place = Parameters<typeof contractDocument>[1];

const faultsOf = (field: object, place?: Place) =>
  readContract('c', contractDocument(field, place)).faults.map(({ field: at, got, expected }) => [at.replace('schema.object.field.', ''), got, expected]);

const numbers = { logicalType: 'array', items: { logicalType: 'number' } };
const triple: Place = { shape: [-1, 3] };
const passed: Place = { physicalType: 'passThrough' };
const given: Place = { direction: 'output' };
const texts: Place = { datatype: 'BYTES' };
const custom = (entries: object) => ({ customProperties: Object.entries(entries).map(([property, value]) => ({ property, value })) });
const cents = custom({ unit: 'EUR', acceptedUnits: { cent: 0.01 } });
const hour = custom({ timeZone: 'UTC', timePart: 'hour' });

describe('a rule that nothing would hold', () => {
  it.each<[string, object, Place, readonly (readonly string[])[]]>([
    [
      'a list that is never long enough',
      { ...numbers, logicalTypeOptions: { minItems: 4 } },
      triple,
      [['logicalTypeOptions.minItems', '4', "at most 3, the tensor's width"]],
    ],
    [
      'a list that is always too long',
      { ...numbers, logicalTypeOptions: { maxItems: 2 } },
      { ...triple, ...given },
      [['logicalTypeOptions.maxItems', '2', "at least 3, the tensor's width"]],
    ],
    ['a list that passes through', numbers, passed, [['logicalType', 'array', 'number, integer, boolean or string: one value a field']]],
    ['an object that passes through', { logicalType: 'object' }, passed, [['logicalType', 'object', 'number, integer, boolean or string: one value a field']]],
    ['an object as an output', { logicalType: 'object' }, given, [['logicalType', 'object', 'number, integer, boolean or string: one value a field']]],
    [
      'a list of lists as an output',
      { logicalType: 'array', items: { logicalType: 'array' } },
      { ...triple, ...given },
      [['items.logicalType', 'array', 'number, integer, boolean or string: a list is flat']],
    ],
    [
      'other units of a list',
      { ...numbers, ...cents },
      triple,
      [['customProperties.acceptedUnits', 'cent', 'none, since the items of a list are plain numbers or texts']],
    ],
    [
      'a time of a list',
      { ...numbers, ...hour },
      triple,
      ['timePart', 'timeZone'].map((name) => [
        `customProperties.${name}`,
        name === 'timePart' ? 'hour' : 'UTC',
        'none, since the items of a list are plain numbers or texts',
      ]),
    ],
    [
      'other units of items',
      { logicalType: 'array', items: { logicalType: 'number', ...cents } },
      triple,
      [['items.customProperties.acceptedUnits', 'acceptedUnits', 'none, since items are not converted']],
    ],
    ['other units of a text', { logicalType: 'string', ...cents }, texts, [['customProperties.acceptedUnits', 'cent', 'none, since the field is text']]],
    [
      'other units of what passes through',
      { logicalType: 'number', ...cents },
      passed,
      [['customProperties.acceptedUnits', 'cent', 'none, since the value comes back as it was sent']],
    ],
    [
      'a stand-in for what passes through',
      { logicalType: 'number', required: false, ...custom({ imputeValue: 0 }) },
      passed,
      [['customProperties.imputeValue', '0', 'none, since the value comes back as it was sent']],
    ],
    [
      'other units of an output',
      { logicalType: 'number', ...cents },
      given,
      [['customProperties.acceptedUnits', 'cent', 'none, since answers are given as the contract says']],
    ],
    [
      'a text that may be null',
      { logicalType: 'string', required: false, ...custom({ imputeValue: 0 }) },
      texts,
      [['required', 'false', 'true, since no number stands in for a text']],
    ],
    [
      'a format of a text',
      { logicalType: 'string', logicalTypeOptions: { format: 'email' } },
      texts,
      [['logicalTypeOptions.format', 'email', 'no format: a pattern says which texts are taken']],
    ],
    [
      'a format that the bounds go beyond',
      { logicalType: 'integer', logicalTypeOptions: { format: 'i8', minimum: -128, maximum: 128 } },
      {},
      [['logicalTypeOptions.format', 'i8', 'a minimum and a maximum within -128 to 127, or no format']],
    ],
    [
      'a format that the tensor goes beyond',
      { logicalType: 'integer', logicalTypeOptions: { format: 'u64' } },
      { datatype: 'INT64' },
      [['logicalTypeOptions.format', 'u64', 'a minimum and a maximum within 0 to 18446744073709552000, or no format']],
    ],
    [
      'a format of items that the tensor goes beyond',
      { logicalType: 'array', items: { logicalType: 'integer', logicalTypeOptions: { format: 'i64' } } },
      { datatype: 'UINT64' },
      [['items.logicalTypeOptions.format', 'i64', 'a minimum and a maximum within -9223372036854776000 to 9223372036854776000, or no format']],
    ],
    [
      'a format of what passes through',
      { logicalType: 'number', logicalTypeOptions: { format: 'f32' } },
      passed,
      [['logicalTypeOptions.format', 'f32', 'a minimum and a maximum within -3.4028234663852886e+38 to 3.4028234663852886e+38, or no format']],
    ],
  ])('is a fault: %s', (...[, field, place, expected]) => {
    expect(faultsOf(field, place)).toEqual(expected);
  });
});

describe('a rule that is held where it stands', () => {
  it.each<[string, object, Place]>([
    ["a list of the tensor's width", { ...numbers, logicalTypeOptions: { minItems: 3, maxItems: 3 } }, triple],
    ['a list of at least as many', { ...numbers, logicalTypeOptions: { minItems: 1, maxItems: 5, uniqueItems: true } }, triple],
    ['the unit of a list, which is a word', { ...numbers, ...custom({ unit: 'EUR' }) }, triple],
    ['other units of a number', { logicalType: 'number', ...cents }, {}],
    ['a time of an integer', { logicalType: 'integer', ...hour }, {}],
    ['a format within the bounds', { logicalType: 'integer', logicalTypeOptions: { format: 'u8', minimum: 0, maximum: 23 } }, {}],
    ['a format of the tensor', { logicalType: 'integer', logicalTypeOptions: { format: 'i32' } }, { datatype: 'INT32' }],
    ['a format that every whole number of JSON has', { logicalType: 'integer', logicalTypeOptions: { format: 'i64' } }, { datatype: 'FP64' }],
    ['a format of the float', { logicalType: 'number', logicalTypeOptions: { format: 'f32' } }, { datatype: 'FP16' }],
    [
      'a format of 64 bits of a list',
      { logicalType: 'array', items: { logicalType: 'integer', logicalTypeOptions: { format: 'i64' } } },
      { datatype: 'INT64' },
    ],
    ['a list that the manifest derives', { logicalType: 'array', logicalTypeOptions: { maxItems: 3 } }, { physicalType: 'derived', direction: 'output' }],
  ])('is no fault: %s', (_, field, place) => {
    expect(faultsOf(field, place)).toEqual([]);
  });
});
