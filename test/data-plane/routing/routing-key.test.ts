import { describe, expect, it } from 'vitest';
import { isMatched, routingKeyOf } from '../../../src/data-plane/routing/routing-key.ts';
import { ProblemError } from '../../../src/problem.ts';

const headers = (given: Record<string, string>) => (name: string) => given[name];
const from = (given: Record<string, string>, routingKey: string | null = null) => ({ header: headers(given), routingKey });
const none = from({});
const byField = { field: 'query_id' };

const problemOf = (attempt: () => unknown): ProblemError => {
  try {
    attempt();
  } catch (error) {
    if (error instanceof ProblemError) return error;
  }
  throw new Error('no problem was thrown');
};

describe('routingKeyOf', () => {
  it.each<[string, Parameters<typeof routingKeyOf>, string | null]>([
    ['nothing without a rule', [null, [{ query_id: 'q' }], from({ 'x-key': 'k' })], null],
    ['a header', [{ header: 'x-key' }, [], from({ 'x-key': 'customer-é' })], 'customer-é'],
    ['nothing without the header', [{ header: 'x-key' }, [], none], null],
    ['nothing for an empty header', [{ header: 'x-key' }, [], from({ 'x-key': '' })], null],
    ['the field that all rows share', [byField, [{ query_id: 'q1' }, { query_id: 'q1' }], none], 'q1'],
    ['a number as its text', [byField, [{ query_id: 42 }], none], '42'],
    ['a number of 64 bits as its text', [byField, [{ query_id: 2n ** 53n + 1n }, { query_id: 2n ** 53n + 1n }], none], '9007199254740993'],
    ['nothing when no row has the field', [byField, [{}, {}], none], null],
    ['nothing when the field is null in every row', [byField, [{ query_id: null }, {}], none], null],
    ['nothing without rows', [byField, [], none], null],
    ['the key that the request names, without the header', [{ header: 'x-key' }, [], from({}, 'named')], 'named'],
    ['the header before the key that the request names', [{ header: 'x-key' }, [], from({ 'x-key': 'k' }, 'named')], 'k'],
    ['the key that the request names, without the field', [byField, [{}, {}], from({}, 'named')], 'named'],
    ['the field before the key that the request names', [byField, [{ query_id: 'q1' }], from({}, 'named')], 'q1'],
    ['no key that the request names, without a rule', [null, [], from({}, 'named')], null],
    ['a key of 256 characters', [{ header: 'x-key' }, [], from({ 'x-key': 'k'.repeat(256) })], 'k'.repeat(256)],
  ])('gives %s', (_, call, expected) => {
    expect(routingKeyOf(...call)).toBe(expected);
  });

  it.each([
    ['another value', [{ query_id: 'q1' }, { query_id: 'q1' }, { query_id: 'q2' }], 2],
    ['no value', [{ query_id: 'q1' }, {}], 1],
    ['a value that the first row has not', [{}, { query_id: 'q1' }], 1],
  ])('refuses a row with %s', (_, rows, row) => {
    const problem = problemOf(() => routingKeyOf(byField, rows, none));
    expect(problem.type).toBe('contract-violation');
    expect(problem.errors).toEqual([
      expect.objectContaining({ pointer: `#/inputs/${row}/query_id`, expected: expect.stringContaining('the same query_id in every row') }),
    ]);
  });

  it('points to a field by its escaped name', () => {
    const problem = problemOf(() => routingKeyOf({ field: 'a/b ~' }, [{ 'a/b ~': 1 }, { 'a/b ~': 2 }], none));
    expect(problem.errors[0]?.pointer).toBe('#/inputs/1/a~1b%20~0');
  });

  it('refuses a key that names no person or query', () => {
    const problem = problemOf(() => routingKeyOf({ header: 'x-key' }, [], from({ 'x-key': 'k'.repeat(257) })));
    expect(problem.type).toBe('malformed-request');
    expect(problem.message).toBe('The routing key has 257 characters, at most 256 are expected.');
  });
});

describe('isMatched', () => {
  const rules = [
    { header: 'x-cohort', equals: 'internal' },
    { header: 'x-tester', equals: 'yes' },
  ];

  it.each<[Record<string, string>, boolean]>([
    [{}, false],
    [{ 'x-cohort': 'internal' }, true],
    [{ 'x-cohort': 'Internal' }, false],
    [{ 'x-cohort': 'internal ' }, false],
    [{ 'x-tester': 'yes' }, true],
    [{ 'x-cohort': 'external', 'x-tester': 'no' }, false],
  ])('of %j is %s', (given, expected) => {
    expect(isMatched(rules, headers(given))).toBe(expected);
  });

  it('is false without rules', () => {
    expect(isMatched([], headers({ 'x-cohort': 'internal' }))).toBe(false);
  });
});
