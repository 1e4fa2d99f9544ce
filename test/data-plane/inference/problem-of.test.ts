import { describe, expect, test } from 'vitest';
import { InferenceFailure } from '../../../src/data-plane/inference/inference-failure.ts';
import { problemOf } from '../../../src/data-plane/inference/problem-of.ts';
import { ProblemError, problems } from '../../../src/problem.ts';

describe('problemOf', () => {
  test.each([
    ['error', 'inference-failed', 500],
    ['timeout', 'deadline-exceeded', 504],
    ['circuit-open', 'circuit-open', 503],
    ['queue-full', 'overloaded', 503],
    ['breach', 'output-rejected', 502],
    ['lost-worker', 'model-not-ready', 503],
  ] as const)('turns %s into %s (%i)', (reason, type, status) => {
    const failure = new InferenceFailure(reason, 'internal words');
    const problem = problemOf(failure);
    expect(problem.type).toBe(type);
    expect(problems[problem.type].status).toBe(status);
    expect(problem.cause).toBe(failure);
    expect(problem.message).not.toContain('internal words');
  });

  test('tells the caller what a failure has for the caller', () => {
    const failure = new InferenceFailure('breach', 'internal words', { detail: 'It is too large for JSON.' });
    expect(problemOf(failure)).toMatchObject({ type: 'output-rejected', message: 'It is too large for JSON.', cause: failure });
  });

  test('points at the row and field of an unreadable input', () => {
    const invalid = { row: 3, field: 'image', got: 'a dog', expected: 'a cat' };
    const problem = problemOf(new InferenceFailure('invalid-input', 'unreadable', { invalid }));
    expect(problem.type).toBe('contract-violation');
    expect(problem.errors).toEqual([{ pointer: '#/inputs/3/image', detail: 'cannot be read', got: 'a dog', expected: 'a cat' }]);
  });

  test('keeps a problem as it is', () => {
    const problem = new ProblemError('model-not-found', 'No such model.');
    expect(problemOf(problem)).toBe(problem);
  });

  test('shows nothing of an unknown error', () => {
    const problem = problemOf(new Error('secret'));
    expect(problem.type).toBe('inference-failed');
    expect(problem.message).not.toContain('secret');
  });
});

describe('InferenceFailure', () => {
  test('keeps a failure as it is', () => {
    const failure = new InferenceFailure('timeout', 'late');
    expect(InferenceFailure.from(failure)).toBe(failure);
  });

  test.each([
    ['an Error', new Error('Gather out of range'), 'Gather out of range'],
    ['another value', 'text', 'text'],
  ])('takes %s as the reason error, with its cause', (_, thrown, message) => {
    expect(InferenceFailure.from(thrown)).toMatchObject({ reason: 'error', message, cause: thrown, invalid: null });
  });
});
