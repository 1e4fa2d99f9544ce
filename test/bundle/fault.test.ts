import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { checkDocument, faultText } from '../../src/bundle/fault.ts';

const faultsFor = (schema: z.ZodType, value: unknown) => checkDocument(schema, 'a.yaml', value).faults;

const step = z.union([
  z.strictObject({ weight: z.number().max(100) }),
  z.strictObject({ pause: z.strictObject({ minutes: z.int(), by: z.string() }) }),
  z.strictObject({ check: z.strictObject({ of: z.array(z.string()) }) }),
]);
const schema = z.strictObject({
  name: z.string().regex(/^[a-z]+$/, 'expected lower-case letters'),
  steps: z.array(step).optional(),
  mode: z.enum(['on', 'off']).optional(),
});

describe('checkDocument', () => {
  it.each([
    ['a wrong type', { name: 5 }, 'name', '5', 'string'],
    ['a missing key', {}, 'name', 'nothing', 'string'],
    ['null', { name: null }, 'name', 'null', 'string'],
    ['an own message', { name: 'A' }, 'name', 'A', 'lower-case letters'],
    ['a closed list', { name: 'a', mode: 'of' }, 'mode', 'of', 'one of "on"|"off"'],
    ['an unknown key', { name: 'a', nam: 'b' }, 'nam', 'an unknown key', 'no such key'],
    ['another document', [], '(whole file)', '[]', 'object'],
    ['a limit inside a union', { name: 'a', steps: [{ weight: 101 }] }, 'steps.0.weight', '101', 'number to be <=100'],
    ['a type inside a union', { name: 'a', steps: [{ weight: '10' }] }, 'steps.0.weight', '10', 'number'],
    ['a missing key deep in a union', { name: 'a', steps: [{ pause: { minutes: 5 } }] }, 'steps.0.pause.by', 'nothing', 'string'],
    ['an unknown key beside a known one in a union', { name: 'a', steps: [{ weight: 5, wait: 1 }] }, 'steps.0.wait', 'an unknown key', 'no such key'],
    ['no branch of a union', { name: 'a', steps: [{ wieght: 5 }] }, 'steps.0', '{"wieght":5}', 'weight or pause or check'],
    ['another type than any branch of a union', { name: 'a', steps: [5] }, 'steps.0', '5', 'object'],
  ])('names file, field, got and expected of %s', (_, ...[value, field, got, expected]) => {
    expect(faultsFor(schema, value)).toEqual([{ file: 'a.yaml', field, got, expected }]);
  });

  it('finds every fault, each with its own place', () => {
    const faults = faultsFor(schema, { name: 'A', mode: 'x', extra: 1, more: 2, steps: [{ weight: 500 }, { pause: { minutes: 1.5, by: 5 } }] });
    expect(faults.map(({ field }) => field).sort()).toEqual(['extra', 'mode', 'more', 'name', 'steps.0.weight', 'steps.1.pause.by', 'steps.1.pause.minutes']);
  });

  it('cuts what is too long to show', () => {
    const [fault] = faultsFor(schema, { name: 'X'.repeat(500) });
    expect(fault?.got).toBe(`${'X'.repeat(117)}...`);
  });

  it('shows numbers that JSON cannot write', () => {
    expect(faultsFor(z.strictObject({ at: z.number() }), parse('at: .nan'))).toEqual([{ file: 'a.yaml', field: 'at', got: 'NaN', expected: 'number' }]);
  });

  it('survives a value that holds itself', () => {
    expect(faultsFor(schema, { name: parse('&a [*a]') })).toEqual([{ file: 'a.yaml', field: 'name', got: 'a value that holds itself', expected: 'string' }]);
  });

  it('gives at least one fault for any value that the schema refuses', () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        const parsed = schema.safeParse(value);
        fc.pre(!parsed.success);
        const faults = faultsFor(schema, value);
        return faults.length > 0 && faults.every(({ got, expected }) => got !== '' && expected !== '');
      }),
      { seed: 1 },
    );
  });
});

describe('faultText', () => {
  it('says a fault in one line', () => {
    expect(faultText({ file: 'a.yaml', field: 'name', got: '5', expected: 'text' })).toBe('a.yaml: name: got 5, expected text');
  });
});
