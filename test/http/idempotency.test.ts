import { describe, expect, it } from 'vitest';
import { createIdempotency, type Idempotency } from '../../src/http/idempotency.ts';
import { ProblemError } from '../../src/problem.ts';

/** A write that counts its runs. */
const counted = () => {
  let runs = 0;
  return {
    runs: () => runs,
    run: async () => {
      runs += 1;
      return runs;
    },
  };
};

const write = (changes: Partial<Parameters<Idempotency<number>['once']>[0]> = {}) => ({ key: '"k1"', actor: 'olga', fingerprint: 'start', ...changes });

const problemOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'none',
    (error: unknown) => ProblemError.from(error).type,
  );

describe('a write with a key', () => {
  it('is made once and answered alike', async () => {
    const { once } = createIdempotency<number>({ capacity: 10 });
    const { run, runs } = counted();
    expect([await once(write(), run), await once(write(), run), await once(write({ key: ' "k1" ' }), run)]).toEqual([1, 1, 1]);
    expect(runs()).toBe(1);
  });

  it('is made each time without a key, under another key, and by another caller', async () => {
    const { once } = createIdempotency<number>({ capacity: 10 });
    const { run } = counted();
    const answers = [await once(write({ key: undefined }), run), await once(write({ key: undefined }), run), await once(write(), run)];
    expect([...answers, await once(write({ key: '"k2"' }), run), await once(write({ actor: 'paul' }), run)]).toEqual([1, 2, 3, 4, 5]);
  });

  it('is refused with another payload', async () => {
    const { once } = createIdempotency<number>({ capacity: 10 });
    const { run, runs } = counted();
    await once(write(), run);
    expect(await problemOf(once(write({ fingerprint: 'rollback' }), run))).toBe('idempotency-mismatch');
    expect(runs()).toBe(1);
  });

  it('is refused while the first is under way', async () => {
    const { once } = createIdempotency<number>({ capacity: 10 });
    const { promise, resolve } = Promise.withResolvers<number>();
    const running = once(write(), () => promise);
    expect(await problemOf(once(write(), () => promise))).toBe('rollout-conflict');
    resolve(7);
    expect(await running).toBe(7);
    expect(await once(write(), () => promise)).toBe(7);
  });

  it('is forgotten when it fails', async () => {
    const { once } = createIdempotency<number>({ capacity: 10 });
    const { run } = counted();
    expect(await problemOf(once(write(), () => Promise.reject(new ProblemError('rollout-conflict', 'x'))))).toBe('rollout-conflict');
    expect(await once(write(), run)).toBe(1);
  });

  it('is forgotten when enough others came after it', async () => {
    const { once } = createIdempotency<number>({ capacity: 2 });
    const { run, runs } = counted();
    for (const key of ['"a"', '"b"', '"c"']) await once(write({ key }), run);
    await once(write({ key: '"c"' }), run);
    expect(runs()).toBe(3);
    await once(write({ key: '"a"' }), run);
    expect(runs()).toBe(4);
  });
});

describe('a key', () => {
  it.each(['k1', '"k1', '""', '"a"b"', '"a\\x"', '"ä"', `"${'x'.repeat(256)}"`, ''])('is not %j', async (key) => {
    expect(await problemOf(createIdempotency<number>({ capacity: 10 }).once(write({ key }), counted().run))).toBe('malformed-request');
  });

  it.each(['"8e03978e-40d5-43dd-bc93-6894a57f9324"', '"a\\"b\\\\"', '"a b"'])('may be %j', async (key) => {
    expect(await createIdempotency<number>({ capacity: 10 }).once(write({ key }), counted().run)).toBe(1);
  });
});
