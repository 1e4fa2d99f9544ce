import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { everySecond } from '../../src/composition/every-second.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a task that fails is told, and done again a second later', async () => {
  const faults: unknown[] = [];
  let rounds = 0;
  const repeating = everySecond(
    async () => {
      rounds += 1;
      if (rounds === 1) throw new Error('this once');
    },
    { error: (fields: object) => void faults.push(fields) },
  );
  await vi.advanceTimersByTimeAsync(3_000);
  expect(rounds).toBe(3);
  expect(faults).toEqual([{ err: new Error('this once') }]);
  await repeating.stop();
});

test('a round that takes longer takes the place of those that would begin meanwhile, and the stop waits for it', async () => {
  const round = Promise.withResolvers<void>();
  let rounds = 0;
  const repeating = everySecond(
    () => {
      rounds += 1;
      return round.promise;
    },
    { error: () => undefined },
  );
  await vi.advanceTimersByTimeAsync(5_000);
  let stopped = false;
  const stopping = repeating.stop().then(() => {
    stopped = true;
  });
  await vi.advanceTimersByTimeAsync(0);
  expect({ rounds, stopped }).toEqual({ rounds: 1, stopped: false });
  round.resolve();
  await stopping;
});
