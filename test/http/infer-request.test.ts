import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseInferRequest } from '../../src/http/infer-request.ts';
import { ProblemError } from '../../src/problem.ts';

const problemOf = (body: unknown): ProblemError | null => {
  try {
    parseInferRequest(body);
    return null;
  } catch (error) {
    return ProblemError.from(error);
  }
};

const least = { model: 'card-fraud', inputs: [] };

describe('parseInferRequest', () => {
  it.each([
    ['the least', least, { request: { model: 'card-fraud', version: null, inputs: [] }, id: null }],
    [
      'everything',
      { ...least, version: '2.0.0', id: 'r-1', inputs: [{ a: 1 }, 5] },
      { request: { model: 'card-fraud', version: '2.0.0', inputs: [{ a: 1 }, 5] }, id: 'r-1' },
    ],
    ['an empty id', { ...least, id: '' }, { request: { model: 'card-fraud', version: null, inputs: [] }, id: '' }],
    ['an id of 128 characters', { ...least, id: 'i'.repeat(128) }, { request: { model: 'card-fraud', version: null, inputs: [] }, id: 'i'.repeat(128) }],
  ])('reads %s', (_, body, expected) => {
    expect(parseInferRequest(body)).toEqual(expected);
  });

  it.each([null, undefined, 5, 'text', true, [], [least]])('refuses the body %j', (body) => {
    expect(problemOf(body)).toMatchObject({ type: 'malformed-request', message: 'The body must be an object with model and inputs.' });
  });

  it.each<[string, unknown, object]>([
    ['no model', { inputs: [] }, { pointer: '#/model', detail: 'is missing', got: 'nothing', expected: 'the name of a model' }],
    ['a model that is a number', { ...least, model: 5 }, { pointer: '#/model', detail: 'is wrong', got: 'number', expected: 'the name of a model' }],
    ['a model that is null', { ...least, model: null }, { pointer: '#/model', detail: 'is wrong', got: 'null', expected: 'the name of a model' }],
    ['no inputs', { model: 'm' }, { pointer: '#/inputs', detail: 'is missing', got: 'nothing', expected: 'a list of rows' }],
    ['inputs that are an object', { ...least, inputs: { 0: {} } }, { pointer: '#/inputs', detail: 'is wrong', got: 'object', expected: 'a list of rows' }],
    ['a version that is null', { ...least, version: null }, { pointer: '#/version', detail: 'is wrong', got: 'null', expected: 'a version, or nothing' }],
    [
      'a version that is a list',
      { ...least, version: ['1.0.0'] },
      { pointer: '#/version', detail: 'is wrong', got: 'a list', expected: 'a version, or nothing' },
    ],
    [
      'an id of 129 characters',
      { ...least, id: 'i'.repeat(129) },
      { pointer: '#/id', detail: 'is wrong', got: 'string', expected: 'text of at most 128 characters, or nothing' },
    ],
    ['an unknown field', { ...least, input: 1 }, { pointer: '#/input', detail: 'is wrong', got: 'number', expected: 'no such field' }],
    ['a field with a slash in its name', { ...least, 'a/b': 1 }, { pointer: '#/a~1b', detail: 'is wrong', got: 'number', expected: 'no such field' }],
    [
      'a field named by half a surrogate pair',
      { ...least, '\ud800': 1 },
      { pointer: '#/%EF%BF%BD', detail: 'is wrong', got: 'number', expected: 'no such field' },
    ],
    [
      '__proto__',
      JSON.parse('{"model":"m","inputs":[],"__proto__":{}}'),
      { pointer: '#/__proto__', detail: 'is wrong', got: 'object', expected: 'no such field' },
    ],
    ['constructor', { ...least, constructor: 1 }, { pointer: '#/constructor', detail: 'is wrong', got: 'number', expected: 'no such field' }],
  ])('refuses %s', (_, body, violation) => {
    const problem = problemOf(body);
    expect(problem?.type).toBe('malformed-request');
    expect(problem?.errors).toEqual([violation]);
  });

  it('finds everything at once', () => {
    expect(problemOf({ version: 1, id: 2, extra: 3, more: 4 })?.errors.map(({ pointer }) => pointer)).toEqual([
      '#/model',
      '#/version',
      '#/id',
      '#/inputs',
      '#/extra',
      '#/more',
    ]);
  });

  it('lists no more than a thousand violations', () => {
    const body = Object.fromEntries(Array.from({ length: 5_000 }, (_, index) => [`f${index}`, 1]));
    expect(problemOf(body)?.errors).toHaveLength(1_000);
  });

  it('reads or refuses any JSON, with a violation for each field that it refuses', () => {
    const key = fc.oneof(fc.constantFrom('model', 'version', 'id', 'inputs'), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(fc.oneof(fc.dictionary(key, fc.jsonValue()), fc.jsonValue()), (body) => {
        const problem = problemOf(JSON.parse(JSON.stringify(body)));
        return problem === null || problem.type === 'malformed-request';
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});
