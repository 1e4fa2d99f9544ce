import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { contractSchema } from '../../src/bundle/odcs.ts';
import { placeOf } from '../support/bundle-copy.ts';

const removed = Symbol('removed');

/**
 * Changes to the contract of card-fraud 2.0.0 (a path, and the value that is put there), with the verdict of the standard's
 * own JSON Schema (odcs-json-schema-v3.1.0.json, draft 2019-09).
 */
const changes: readonly (readonly [string, string, unknown, 'accepted' | 'refused'])[] = [
  ['the document as it is', '', null, 'accepted'],
  ['no version', 'version', removed, 'refused'],
  ['no apiVersion', 'apiVersion', removed, 'refused'],
  ['no kind', 'kind', removed, 'refused'],
  ['no id', 'id', removed, 'refused'],
  ['no status', 'status', removed, 'refused'],
  ['another kind', 'kind', 'Contract', 'refused'],
  ['an apiVersion that does not exist', 'apiVersion', 'v9.0.0', 'refused'],
  ['a version that is a number', 'version', 2, 'refused'],
  ['a status that is a list', 'status', ['active'], 'refused'],
  ['an unknown key at the top', 'owner', 'x', 'refused'],
  ['tags as text', 'tags', 'pii', 'refused'],
  ['a tag that is a number', 'tags', [1], 'refused'],
  ['a purpose that is a number', 'description.purpose', 5, 'refused'],
  ['a description that is text', 'description', 'text', 'refused'],
  ['an unknown key in the description', 'description.note', 'x', 'accepted'],
  ['a server without a type', 'servers.0.type', removed, 'refused'],
  ['a server without a name', 'servers.0.server', removed, 'refused'],
  ['a server of an unknown type', 'servers.0.type', 'rest', 'refused'],
  ['an API without a location', 'servers.0.location', removed, 'refused'],
  ['an unknown key in a server', 'servers.0.port', 80, 'refused'],
  ['a schema that is a map', 'schema', {}, 'refused'],
  ['an object without a name', 'schema.0.name', removed, 'refused'],
  ['an object of logicalType number', 'schema.0.logicalType', 'number', 'refused'],
  ['an unknown key in an object', 'schema.0.unit', 'EUR', 'refused'],
  ['properties as a map', 'schema.0.properties', {}, 'refused'],
  ['a property without a name', 'schema.0.properties.0.name', removed, 'refused'],
  ['an unknown logicalType', 'schema.0.properties.0.logicalType', 'float', 'refused'],
  ['a unit on a property', 'schema.0.properties.0.unit', 'EUR', 'refused'],
  ['required as text', 'schema.0.properties.0.required', 'true', 'refused'],
  ['a classification that is a number', 'schema.0.properties.0.classification', 3, 'refused'],
  ['a property id with a space', 'schema.0.properties.0.id', 'a b', 'refused'],
  ['a property id', 'schema.0.properties.0.id', 'amount-1', 'accepted'],
  ['a minimum that is text', 'schema.0.properties.0.logicalTypeOptions.minimum', '0', 'refused'],
  ['a multipleOf of 0', 'schema.0.properties.0.logicalTypeOptions.multipleOf', 0, 'refused'],
  ['an unknown option', 'schema.0.properties.0.logicalTypeOptions.min', 0, 'refused'],
  ['maxLength on a number', 'schema.0.properties.0.logicalTypeOptions.maxLength', 5, 'refused'],
  ['minItems on a number', 'schema.0.properties.0.logicalTypeOptions.minItems', 1, 'refused'],
  ['an unknown number format', 'schema.0.properties.0.logicalTypeOptions.format', 'float', 'refused'],
  ['the number format f32', 'schema.0.properties.0.logicalTypeOptions.format', 'f32', 'accepted'],
  ['an integer with the format f32', 'schema.0.properties.1.logicalTypeOptions.format', 'f32', 'refused'],
  ['an integer with the format i32', 'schema.0.properties.1.logicalTypeOptions.format', 'i32', 'accepted'],
  ['items on a number', 'schema.0.properties.0.items', { logicalType: 'number' }, 'refused'],
  ['examples that are no list', 'schema.0.properties.0.examples', 42.5, 'refused'],
  ['transformSourceObjects that hold a number', 'schema.0.properties.0.transformSourceObjects', [1], 'refused'],
  ['criticalDataElement as text', 'schema.0.properties.0.criticalDataElement', 'yes', 'refused'],
  ['text with a maximum', 'schema.0.properties.0', { name: 'amount', logicalType: 'string', required: true, logicalTypeOptions: { maximum: 5 } }, 'refused'],
  [
    'text with a minLength below 0',
    'schema.0.properties.0',
    { name: 'amount', logicalType: 'string', required: true, logicalTypeOptions: { minLength: -1 } },
    'refused',
  ],
  [
    'a minLength with a fraction',
    'schema.0.properties.0',
    { name: 'amount', logicalType: 'string', required: true, logicalTypeOptions: { minLength: 1.5 } },
    'refused',
  ],
  [
    'a boolean with a minimum',
    'schema.0.properties.0',
    { name: 'amount', logicalType: 'boolean', required: true, logicalTypeOptions: { minimum: 0 } },
    'accepted',
  ],
  [
    'an array with a pattern',
    'schema.2',
    {
      name: 'decision',
      logicalType: 'object',
      physicalType: 'derived',
      customProperties: [{ property: 'direction', value: 'output' }],
      properties: [{ name: 'top', logicalType: 'array', logicalTypeOptions: { pattern: 'x' } }],
    },
    'refused',
  ],
  [
    'an array whose items have an unknown key',
    'schema.2.properties.0',
    { name: 'flagged', logicalType: 'array', items: { logicalType: 'number', unit: 'EUR' } },
    'refused',
  ],
  [
    'an array whose items are text with a maximum',
    'schema.2.properties.0',
    { name: 'flagged', logicalType: 'array', items: { logicalType: 'string', logicalTypeOptions: { maximum: 1 } } },
    'refused',
  ],
  [
    'an array of objects whose property has no name',
    'schema.2.properties.0',
    { name: 'flagged', logicalType: 'array', items: { logicalType: 'object', properties: [{ logicalType: 'string' }] } },
    'refused',
  ],
  [
    'an array of objects',
    'schema.2.properties.0',
    { name: 'flagged', logicalType: 'array', items: { logicalType: 'object', properties: [{ name: 'label', logicalType: 'string' }] } },
    'accepted',
  ],
  ['a rule with an unknown metric', 'schema.0.properties.10.quality.0.metric', 'nulls', 'refused'],
  ['a rule without a comparison', 'schema.0.properties.10.quality.0.mustBeLessThan', removed, 'refused'],
  ['a rule with two comparisons', 'schema.0.properties.10.quality.0.mustBe', 0, 'refused'],
  ['a comparison with text', 'schema.0.properties.10.quality.0.mustBeLessThan', '5', 'refused'],
  ['a range of one number', 'schema.0.properties.10.quality.0', { metric: 'rowCount', mustBeBetween: [1] }, 'refused'],
  ['a range of two equal numbers', 'schema.0.properties.10.quality.0', { metric: 'rowCount', mustBeBetween: [1, 1] }, 'refused'],
  ['a range', 'schema.0.properties.10.quality.0', { metric: 'rowCount', mustBeBetween: [1, 2] }, 'accepted'],
  ['a rule of an unknown type', 'schema.0.properties.10.quality.0.type', 'soda', 'refused'],
  ['a rule with an unknown dimension', 'schema.0.properties.10.quality.0.dimension', 'speed', 'refused'],
  ['an unknown key in a rule', 'schema.0.properties.10.quality.0.field', 'x', 'refused'],
  ['a library rule without a metric', 'schema.0.properties.10.quality.0', { type: 'library', mustBe: 0 }, 'refused'],
  ['an SQL rule without a query', 'schema.0.properties.10.quality.0', { type: 'sql', mustBe: 0 }, 'refused'],
  ['an SQL rule', 'schema.0.properties.10.quality.0', { type: 'sql', query: 'SELECT 1', mustBe: 1 }, 'accepted'],
  ['a custom rule without an engine', 'schema.0.properties.10.quality.0', { type: 'custom', implementation: 'x' }, 'refused'],
  ['a custom rule', 'schema.0.properties.10.quality.0', { type: 'custom', engine: 'soda', implementation: 'x' }, 'accepted'],
  ['a text rule with a comparison', 'schema.0.properties.10.quality.0', { type: 'text', description: 'x', mustBe: 0 }, 'refused'],
  ['a text rule', 'schema.0.properties.10.quality.0', { type: 'text', description: 'x' }, 'accepted'],
  ['arguments without a metric', 'schema.0.properties.10.quality.0', { arguments: {} }, 'refused'],
  ['arguments that are a list', 'schema.0.properties.10.quality.0.arguments', [], 'refused'],
  ['a rule for valid values', 'schema.0.properties.10.quality.0', { metric: 'invalidValues', arguments: { validValues: [1, 2] }, mustBe: 0 }, 'accepted'],
  ['a custom property without a value', 'schema.0.properties.0.customProperties.0.value', removed, 'refused'],
  ['a custom property without a name', 'schema.0.properties.0.customProperties.0.property', removed, 'refused'],
  ['a custom property with an unknown key', 'schema.0.properties.0.customProperties.0.unit', 'x', 'refused'],
  ['a custom property of null', 'customProperties.0.value', null, 'accepted'],
  ['custom properties as a map', 'customProperties', { a: 1 }, 'refused'],
  ['a service level without a property', 'slaProperties.0.property', removed, 'refused'],
  ['a service level without a value', 'slaProperties.0.value', removed, 'refused'],
  ['a service level whose value is a list', 'slaProperties.0.value', [1], 'refused'],
  ['an unknown key in a service level', 'slaProperties.0.window', '30d', 'refused'],
  ['a team member without a username', 'team.members.0.username', removed, 'refused'],
  ['an unknown key in the team', 'team.lead', 'x', 'refused'],
  ['a team that is text', 'team', 'fraud-science', 'refused'],
  ['a team as a list', 'team', [{ username: 'a@example.com' }], 'accepted'],
  ['a team as a list without a username', 'team', [{ role: 'owner' }], 'refused'],
  ['a role without a name', 'roles', [{ access: 'read' }], 'refused'],
  ['a role', 'roles', [{ role: 'reader' }], 'accepted'],
  ['support without a channel', 'support', [{ url: 'https://example.com' }], 'refused'],
  ['support that is a map', 'support', { channel: 'x' }, 'refused'],
  ['a price that is text', 'price', { priceAmount: '9' }, 'refused'],
  ['an unknown key in the price', 'price', { amount: 9 }, 'refused'],
  ['a definition without a type', 'authoritativeDefinitions', [{ url: 'https://example.com' }], 'refused'],
  ['a definition', 'authoritativeDefinitions', [{ url: 'https://example.com', type: 'tutorial' }], 'accepted'],
  ['a contractCreatedTs that is a number', 'contractCreatedTs', 5, 'refused'],
  ['a domain that is a list', 'domain', ['a'], 'refused'],
];

/** What the standard accepts and the gateway would not enforce. */
const onlyOurs: ReadonlySet<string> = new Set(['a boolean with a minimum']);

const put = (target: unknown, [key = '', ...rest]: readonly string[], value: unknown): void => {
  if (typeof target !== 'object' || target === null) throw new Error(`no place for ${key}`);
  if (rest.length > 0) put(Reflect.get(target, key), rest, value);
  else if (value === removed) Reflect.deleteProperty(target, key);
  else Reflect.set(target, key, value);
};

const changed = (path: string, value: unknown): unknown => {
  const document: unknown = parse(readFileSync(join(placeOf('card-fraud', '2.0.0').folder, 'contract.odcs.yaml'), 'utf8'));
  if (path !== '') put(document, path.split('.'), value);
  return document;
};

const refusedByStandard = changes.filter(([, , , verdict]) => verdict === 'refused');
const acceptedByStandard = changes.filter(([, , , verdict]) => verdict === 'accepted');

describe('the contract schema', () => {
  it.each(refusedByStandard)('refuses, as the standard does, %s', (_, path, value) => {
    expect(contractSchema.safeParse(changed(path, value)).success).toBe(false);
  });

  it.each(acceptedByStandard)('accepts what the standard accepts, unless it could not enforce it: %s', (title, path, value) => {
    expect(contractSchema.safeParse(changed(path, value)).success).toBe(!onlyOurs.has(title));
  });

  it.each([
    ['a date', 'schema.0.properties.0', { name: 'amount', logicalType: 'date', required: true }],
    ['a server that is no API', 'servers.0', { server: 'events', type: 'kafka', host: 'events.example.com' }],
    ['a relationship', 'schema.0.properties.0.relationships', []],
    ['an object that is neither tensor, pass-through nor derived', 'schema.0.physicalType', 'table'],
    ['no schema', 'schema', removed],
    ['an empty schema', 'schema', []],
    ['an object without properties', 'schema.0.properties', []],
    ['a field that every object has of itself', 'schema.0.properties.0.name', 'constructor'],
    ['a tensor that every object has of itself', 'schema.0.physicalName', '__proto__'],
    ['a field of an odd class of data', 'schema.0.properties.0.classification', 'secret'],
  ])('refuses %s, which the gateway could not enforce', (_, path, value) => {
    expect(contractSchema.safeParse(changed(path, value)).success).toBe(false);
  });
});
