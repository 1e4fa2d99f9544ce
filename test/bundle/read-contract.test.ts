import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { requestFields } from '../../src/bundle/contract.ts';
import { readContract } from '../../src/bundle/read-contract.ts';
import { exampleBundles, placeOf } from '../support/bundle-copy.ts';

// biome-ignore lint/suspicious/noExplicitAny: a parsed contract, to be broken at will
type Document = any;

const file = 'contract.odcs.yaml';
const documentOf = (model: string, version: string): Document => parse(readFileSync(join(placeOf(model, version).folder, file), 'utf8'));

const faultsAfter = (change: (document: Document) => void, [model, version] = ['card-fraud', '2.0.0']) => {
  const document = documentOf(model ?? '', version ?? '');
  change(document);
  return readContract(file, document).faults;
};

/** Sets a custom property, or removes it. */
const setCustom = (entry: Document, property: string, value: unknown): void => {
  entry.customProperties = entry.customProperties.filter((custom: Document) => custom.property !== property);
  if (value !== undefined) entry.customProperties.push({ property, value });
};

describe('readContract', () => {
  it.each(exampleBundles)('reads the contract of %s %s', (model, version) => {
    const { contract, faults } = readContract(file, documentOf(model, version));
    expect(faults).toEqual([]);
    expect(contract?.version).toBe(version);
  });

  it('reads types, limits, units, time zone and imputation of every field', () => {
    const { contract } = readContract(file, documentOf('card-fraud', '2.0.0'));
    const fields = new Map(contract?.inputs[0]?.fields.map((field) => [field.name, field]));
    expect(fields.get('amount')).toEqual({
      name: 'amount',
      kind: 'number',
      required: true,
      minimum: 0.01,
      maximum: 50_000,
      unit: 'EUR',
      acceptedUnits: { cent: 0.01 },
      classification: 'confidential',
    });
    expect(fields.get('hour')).toMatchObject({ kind: 'integer', timePart: 'hour', timeZone: 'Europe/Brussels' });
    expect(fields.get('cust_mean_30d_5m')).toMatchObject({ required: false, imputeValue: 50 });
    expect(contract?.inputs[0]).toMatchObject({ name: 'features', datatype: 'FP32', shape: [-1, 17] });
    expect(contract?.derived.map(({ name }) => name)).toEqual(['flagged']);
  });

  it('reads pass-through fields, which a request row carries too', () => {
    const { contract } = readContract(file, documentOf('search-ranker', '1.3.2'));
    expect(contract?.passThrough.map(({ name }) => name)).toEqual(['query_id', 'doc_id']);
    expect(contract === undefined ? [] : requestFields(contract).map(({ name }) => name)).toEqual(expect.arrayContaining(['ctr_7d', 'query_id', 'doc_id']));
  });

  it('reads a base64 image as an image', () => {
    const { contract } = readContract(file, documentOf('photo-classifier', '1.0.0'));
    expect(contract?.inputs[0]?.fields).toEqual([expect.objectContaining({ name: 'image', kind: 'image', minLength: 16 })]);
  });

  it('reads the limits of an array from its items', () => {
    const { contract } = readContract(file, documentOf('photo-classifier', '1.0.0'));
    expect(contract?.outputs[0]?.fields).toEqual([expect.objectContaining({ kind: 'array', minimum: 0, maximum: 1 })]);
  });

  it('reads all of them: steps and domain too', () => {
    const document = documentOf('photo-classifier', '1.0.0');
    const [classes] = document.schema.find((entry: Document) => entry.physicalType === 'tensor' && entry.properties[0].logicalType === 'array').properties;
    classes.items.logicalTypeOptions = { multipleOf: 0.5 };
    classes.items.quality = [{ metric: 'invalidValues', arguments: { validValues: [0, 0.5, 1] }, mustBe: 0 }];
    expect(readContract(file, document).contract?.outputs[0]?.fields[0]).toMatchObject({ multipleOf: 0.5, validValues: [0, 0.5, 1] });
  });

  it('reads a closed domain from the rule invalidValues', () => {
    const document = documentOf('card-fraud', '2.0.0');
    document.schema[0].properties[1].quality = [{ metric: 'invalidValues', arguments: { validValues: [1, 2] }, mustBe: 0 }];
    expect(readContract(file, document).contract?.inputs[0]?.fields[1]?.validValues).toEqual([1, 2]);
  });

  it.each<[string, (document: Document) => void, string, string, string]>([
    [
      'no shape',
      (d) => setCustom(d.schema[0], 'oipShape', undefined),
      'schema.features.customProperties',
      '{"oipDatatype":"FP32"}',
      'oipDatatype of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES and oipShape as a list of integers',
    ],
    [
      'an unknown datatype',
      (d) => setCustom(d.schema[0], 'oipDatatype', 'FP8'),
      'schema.features.customProperties',
      '{"oipDatatype":"FP8","oipShape":[-1,17]}',
      'oipDatatype of BOOL, UINT8, UINT16, UINT32, UINT64, INT8, INT16, INT32, INT64, FP16, FP32, FP64, BYTES and oipShape as a list of integers',
    ],
    [
      'an unknown time zone',
      (d) => setCustom(d.schema[0].properties[1], 'timeZone', 'Europe/Brusels'),
      'schema.features.hour.customProperties.timeZone',
      'Europe/Brusels',
      'an IANA time zone',
    ],
    [
      'a time part without a zone',
      (d) => setCustom(d.schema[0].properties[1], 'timeZone', undefined),
      'schema.features.hour.customProperties',
      'only one of them',
      'timeZone and timePart together',
    ],
    [
      'a factor of 0',
      (d) => setCustom(d.schema[0].properties[0], 'acceptedUnits', { cent: 0 }),
      'schema.features.amount.customProperties.acceptedUnits.cent',
      '0',
      'number to be >0',
    ],
    [
      'a pattern that is no regular expression',
      (d) => Object.assign(d.schema[0].properties[0], { logicalType: 'string', logicalTypeOptions: { pattern: '(' }, customProperties: [] }),
      'schema.features.amount.logicalTypeOptions.pattern',
      '(',
      'a regular expression',
    ],
    [
      'a nullable field without imputation',
      (d) => setCustom(d.schema[0].properties[10], 'imputeValue', undefined),
      'schema.features.cust_mean_30d_5m.required',
      'false without imputeValue',
      'an imputeValue, or required: true',
    ],
    [
      'imputation of a required field',
      (d) => setCustom(d.schema[0].properties[0], 'imputeValue', 1),
      'schema.features.amount.imputeValue',
      '1',
      'none, since the field is required',
    ],
    [
      'an imputation that the tensor cannot hold',
      (d) => setCustom(d.schema[0].properties[10], 'imputeValue', 1e39),
      'schema.features.cust_mean_30d_5m.imputeValue',
      '1e+39',
      'a value that FP32 can hold',
    ],
    [
      'an input field of many values',
      (d) => Object.assign(d.schema[0].properties[0], { logicalType: 'array', logicalTypeOptions: {}, customProperties: [] }),
      'schema.features.amount.logicalType',
      'array',
      'number, integer, boolean or string: one value a field; or an array with items of one of them',
    ],
    ['no input', (d) => d.schema.shift(), 'schema', 'no input tensor', 'at least one object with physicalType tensor and direction input'],
    ['no output', (d) => d.schema.splice(1, 1), 'schema', 'no output tensor', 'at least one object with physicalType tensor and direction output'],
    ['a name that stands twice', (d) => Object.assign(d.schema[0].properties[4], { name: 'amount' }), 'schema', 'amount twice', 'each name once'],
  ])('refuses %s', (_, ...[change, field, got, expected]) => {
    expect(faultsAfter(change)).toEqual([{ file, field, got, expected }]);
  });

  it.each([
    ['INT32', 1.5],
    ['INT32', 2 ** 31],
    ['INT64', 0.5],
    ['BOOL', 2],
  ])('refuses for %s the imputation %d', (datatype, imputeValue) => {
    const faults = faultsAfter((document) => {
      setCustom(document.schema[0], 'oipDatatype', datatype);
      setCustom(document.schema[0].properties[10], 'imputeValue', imputeValue);
      setCustom(document.schema[0].properties[11], 'imputeValue', 1);
    });
    expect(faults).toEqual([expect.objectContaining({ field: 'schema.features.cust_mean_30d_5m.imputeValue', expected: `a value that ${datatype} can hold` })]);
  });

  it('refuses a direction that is neither input nor output', () => {
    const faults = faultsAfter((document) => setCustom(document.schema[0], 'direction', 'sideways'));
    expect(faults).toContainEqual({ file, field: 'schema.features.customProperties.direction', got: 'sideways', expected: 'input or output' });
  });

  it('refuses numbers in a tensor of text', () => {
    const faults = faultsAfter((document) => setCustom(document.schema[0], 'oipDatatype', 'BYTES'));
    expect(faults).toContainEqual({ file, field: 'schema.features.amount.logicalType', got: 'number', expected: 'string, since the tensor is BYTES' });
    expect(faults).toHaveLength(17);
  });

  it('finds all faults at once', () => {
    const faults = faultsAfter((document) => {
      setCustom(document.schema[0].properties[0], 'imputeValue', 1);
      setCustom(document.schema[0].properties[1], 'timeZone', 'Mars/Olympus');
      setCustom(document.schema[1], 'direction', undefined);
      document.schema[0].properties[5].name = 'hour';
    });
    expect(faults.map(({ field }) => field)).toEqual([
      'schema.features.hour.customProperties.timeZone',
      'schema.features.amount.imputeValue',
      'schema.scores.customProperties.direction',
      'schema',
      'schema',
    ]);
  });

  it.each([null, undefined, 5, 'text', [], {}])('refuses %j, which is no contract', (document) => {
    const { contract, faults } = readContract(file, document);
    expect(contract).toBeUndefined();
    expect(faults.length).toBeGreaterThan(0);
  });
});
