import { expect, it } from 'vitest';
import { createInTurn } from '../src/in-turn.ts';

it('runs tasks of one key in order, also after one that fails', async () => {
  const inTurn = createInTurn();
  const seen: string[] = [];
  const gate = Promise.withResolvers<void>();
  const first = inTurn('a', async () => {
    await gate.promise;
    seen.push('first');
    throw new Error('broken');
  });
  const second = inTurn('a', async () => seen.push('second'));
  await inTurn('b', async () => seen.push('of another key'));
  gate.resolve();
  await expect(first).rejects.toThrow('broken');
  await second;
  expect(seen).toEqual(['of another key', 'first', 'second']);
});
