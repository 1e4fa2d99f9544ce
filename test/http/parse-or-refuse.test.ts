import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { parseOrRefuse, parseQuery, violationsIn } from '../../src/http/parse-or-refuse.ts';
import { ProblemError } from '../../src/problem.ts';

const schema = z.strictObject({ value: z.number('a number'), inner: z.strictObject({ flag: z.boolean('true or false') }, 'an object with flag').optional() });

const problemOf = (body: unknown): ProblemError | null => {
  try {
    parseOrRefuse(schema, body);
    return null;
  } catch (error) {
    return ProblemError.from(error);
  }
};

const deepList: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
const deepObject: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`);
const manyNames = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, index]));

describe('parseOrRefuse', () => {
  it('gives what the schema makes of a body', () => {
    expect(parseOrRefuse(schema, { value: 5, inner: { flag: true } })).toEqual({ value: 5, inner: { flag: true } });
  });

  it.each<[string, unknown, string]>([
    ['nothing', undefined, 'nothing'],
    ['null', null, 'null'],
    ['text', 'five', '"five"'],
    ['long text', 'x'.repeat(500), `"${'x'.repeat(116)}...`],
    ['half a surrogate pair', '\ud800', '"\\ud800"'],
    ['a list', [5, 6], 'a list of 2'],
    ['an object', { a: 5 }, 'an object of 1 fields'],
    ['a list that is deeper than can be written', deepList, 'a list of 1'],
    ['an object that is deeper than can be written', deepObject, 'an object of 1 fields'],
  ])('says that it got %s', (_, value, got) => {
    const detail = value === undefined ? 'is missing' : 'is wrong';
    expect(problemOf({ value })).toMatchObject({ type: 'malformed-request', errors: [{ pointer: '#/value', detail, got, expected: 'a number' }] });
  });

  it.each([
    ['a/b', '#/a~1b'],
    ['a~b', '#/a~0b'],
    ['naïve', '#/na%C3%AFve'],
    ['\ud800', '#/%EF%BF%BD'],
    ['', '#/'],
  ])('refuses the unknown field %j, by its pointer', (name, pointer) => {
    expect(problemOf({ value: 5, [name]: deepList })?.errors).toEqual([{ pointer, detail: 'is not known', got: 'a list of 1', expected: 'no such field' }]);
  });

  it('finds everything at once, at any depth', () => {
    expect(problemOf({ value: 'x', inner: { flag: 1, more: 2 }, other: 3 })?.errors.map(({ pointer, got }) => `${pointer} ${got}`)).toEqual([
      '#/value "x"',
      '#/inner/flag 1',
      '#/inner/more 2',
      '#/other 3',
    ]);
  });

  it('lists no more than a thousand violations', () => {
    const { errors = [] } = problemOf({ value: 'x', ...manyNames }) ?? {};
    expect(errors).toHaveLength(1_000);
    expect(errors.at(-1)).toEqual({ pointer: '#/f998', detail: 'is not known', got: '998', expected: 'no such field' });
  });
});

describe('violationsIn', () => {
  it('finds every fault of a part, by its place in the whole', () => {
    const part = { value: 'x', inner: { flag: 1 }, ...manyNames };
    const { error = new z.ZodError([]) } = schema.safeParse(part);
    const violations = violationsIn(part, error, ['list', 3]);
    expect(violations).toHaveLength(5_002);
    expect(violations.map(({ pointer }) => pointer)).toEqual(
      expect.arrayContaining(['#/list/3/value', '#/list/3/inner/flag', '#/list/3/f0', '#/list/3/f4999']),
    );
  });
});

describe('parseQuery', () => {
  it.each([
    [{}, 'nothing'],
    [{ key: '' }, '""'],
    [{ key: ['a', 'b'] }, 'a list of 2'],
  ])('refuses %j with what it got', (query, got) => {
    const message = `The query cannot be used. key: got ${got}, expected one key.`;
    expect(() => parseQuery(z.object({ key: z.string('one key').min(1, 'one key') }), query)).toThrow(
      expect.objectContaining({ type: 'malformed-request', message }),
    );
  });
});
