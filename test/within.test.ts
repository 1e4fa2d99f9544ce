import { expect, test } from 'vitest';
import { LateError, within } from '../src/within.ts';

test('a work that is in time gives its result, or its fault', async () => {
  expect(await within(Promise.resolve('done'), 1_000, 'too late')).toBe('done');
  await expect(within(Promise.reject(new Error('no')), 1_000, 'too late')).rejects.toThrow('no');
});

test("a work that is late goes on, and its fault is nobody's", async () => {
  const work = Promise.withResolvers<string>();
  const error = await within(work.promise, 1, 'too late').catch((fault: unknown) => fault);
  expect(error).toBeInstanceOf(LateError);
  expect(error).toMatchObject({ message: 'too late' });
  work.reject(new Error('after all'));
  await expect(work.promise).rejects.toThrow('after all');
});
