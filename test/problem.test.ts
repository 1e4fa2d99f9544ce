import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProblemError, pointerToken, problems } from '../src/problem.ts';

describe('the table of problems', () => {
  it.each(Object.entries(problems))(
    '%s has a client or server status, a title, and may be retried only if nothing was wrong with the request',
    (type, { status, title, retryable }) => {
      expect(type).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(status).toBeGreaterThanOrEqual(400);
      expect(status).toBeLessThan(600);
      expect(title).not.toBe('');
      expect(retryable).toBe(status === 429 || status === 503);
    },
  );
});

describe('ProblemError', () => {
  it('carries its type, detail, violations and headers', () => {
    const violation = { pointer: '#/a', detail: 'is missing', got: 'nothing', expected: 'text' };
    const problem = new ProblemError('method-not-allowed', 'no', { errors: [violation], headers: { allow: 'GET' } });
    expect(problem).toMatchObject({ name: 'ProblemError', type: 'method-not-allowed', message: 'no', errors: [violation], headers: { allow: 'GET' } });
  });

  it('is kept as it is', () => {
    const problem = new ProblemError('overloaded', 'full');
    expect(ProblemError.from(problem)).toBe(problem);
  });

  it.each([new Error('password=hunter2'), 'hunter2', null, undefined, 5, { message: 'hunter2' }])(
    'shows nothing of another thrown value, and keeps it as the cause',
    (thrown) => {
      const problem = ProblemError.from(thrown);
      expect(problem).toMatchObject({ type: 'internal', message: 'An unexpected fault; the log has its cause.', cause: thrown });
      expect(problem.message).not.toContain('hunter2');
    },
  );
});

describe('pointerToken', () => {
  it.each([
    ['amount', 'amount'],
    ['a/b', 'a~1b'],
    ['a~b', 'a~0b'],
    ['~1', '~01'],
    ['a b', 'a%20b'],
    ['é', '%C3%A9'],
    ['%', '%25'],
    ['#', '%23'],
    ['', ''],
    ['\ud800', '%EF%BF%BD'],
  ])('of %j is %s', (name, token) => {
    expect(pointerToken(name)).toBe(token);
  });

  it('leads back to any well-formed name, and never throws', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'binary' }),
        (name) => decodeURIComponent(pointerToken(name)).replaceAll('~1', '/').replaceAll('~0', '~') === name.toWellFormed(),
      ),
      { seed: 1, numRuns: 500 },
    );
  });
});
