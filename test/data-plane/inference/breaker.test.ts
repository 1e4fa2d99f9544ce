import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Breaker } from '../../../src/data-plane/inference/breaker.ts';
import { createBreaker } from '../../../src/data-plane/inference/breaker.ts';
import type { FailureReason } from '../../../src/data-plane/inference/inference-failure.ts';
import { InferenceFailure } from '../../../src/data-plane/inference/inference-failure.ts';

const restMs = 5_000;
const opensAfter = 10;

let breaker: Breaker;
let changes: boolean[];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'] });
  changes = [];
  breaker = createBreaker((open) => changes.push(open));
});
afterEach(() => {
  breaker.close();
  vi.useRealTimers();
});

const fail = (reason: FailureReason = 'error'): Promise<unknown> =>
  breaker
    .fire(async () => {
      throw new InferenceFailure(reason, 'as asked');
    })
    .catch((error: unknown) => (error as InferenceFailure).reason);
const succeed = (): Promise<unknown> => breaker.fire(async () => 'answer').catch((error: unknown) => (error as InferenceFailure).reason);
const failOften = async (times: number, reason?: FailureReason): Promise<void> => {
  for (let time = 0; time < times; time += 1) await fail(reason);
};

describe('breaker', () => {
  test('passes on what the action gives and throws', async () => {
    expect(await succeed()).toBe('answer');
    expect(await fail('breach')).toBe('breach');
  });

  test('stays closed below ten failures and opens with the tenth', async () => {
    await failOften(opensAfter - 1);
    expect(breaker.isOpen()).toBe(false);
    await fail();
    expect(breaker.isOpen()).toBe(true);
    expect(changes).toEqual([true]);
  });

  test('runs nothing while it is open', async () => {
    await failOften(opensAfter);
    const action = vi.fn(async () => 'answer');
    await expect(breaker.fire(action)).rejects.toMatchObject({ reason: 'circuit-open' });
    expect(action).not.toHaveBeenCalled();
  });

  test("is not opened by the caller's faults", async () => {
    await failOften(5 * opensAfter, 'invalid-input');
    expect(breaker.isOpen()).toBe(false);
  });

  test('is not opened by callers that leave a version no time', async () => {
    const hurried = (): Promise<unknown> => Promise.reject(new InferenceFailure('timeout', 'as asked', { isHurried: true }));
    for (let time = 0; time < 5 * opensAfter; time += 1) await expect(breaker.fire(hurried)).rejects.toMatchObject({ reason: 'timeout' });
    expect(breaker.isOpen()).toBe(false);
    await failOften(6 * opensAfter, 'timeout');
    expect(breaker.isOpen()).toBe(true);
  });

  test('stays closed while no more than half of the batches fail', async () => {
    for (let pair = 0; pair < opensAfter; pair += 1) {
      await succeed();
      await fail();
    }
    expect(breaker.isOpen()).toBe(false);
  });

  test('forgets failures after ten seconds', async () => {
    await failOften(opensAfter - 1);
    vi.advanceTimersByTime(11_000);
    await fail();
    expect(breaker.isOpen()).toBe(false);
  });

  test('closes after its rest when the trial succeeds', async () => {
    await failOften(opensAfter);
    vi.advanceTimersByTime(restMs);
    expect(await succeed()).toBe('answer');
    expect(changes).toEqual([true, false]);
    expect(await succeed()).toBe('answer');
  });

  test('opens again when the trial fails', async () => {
    await failOften(opensAfter);
    vi.advanceTimersByTime(restMs);
    expect(await fail()).toBe('error');
    expect(breaker.isOpen()).toBe(true);
    expect(await succeed()).toBe('circuit-open');
    vi.advanceTimersByTime(restMs);
    expect(await succeed()).toBe('answer');
  });

  test('lets one trial through and turns the others away as an open circuit', async () => {
    await failOften(opensAfter);
    vi.advanceTimersByTime(restMs);
    const trial = Promise.withResolvers<string>();
    const first = breaker.fire(() => trial.promise);
    expect(await succeed()).toBe('circuit-open');
    trial.resolve('answer');
    expect(await first).toBe('answer');
    expect(await succeed()).toBe('answer');
  });

  test('leaves no timer behind when it is closed', async () => {
    await failOften(opensAfter);
    breaker.close();
    expect(vi.getTimerCount()).toBe(0);
  });
});
