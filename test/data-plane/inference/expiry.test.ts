import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createExpiry } from '../../../src/data-plane/inference/expiry.ts';

const nowMs = (): number => performance.now();

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
});
afterEach(() => {
  vi.useRealTimers();
});

describe('expiry', () => {
  test('ends each at its own deadline, the nearer one first', () => {
    const expiry = createExpiry(nowMs);
    const ended: string[] = [];
    const start = nowMs();
    for (const [name, ms] of [
      ['late', 300],
      ['early', 100],
      ['middle', 200],
    ] as const)
      expiry.watch(start + ms, () => ended.push(`${name} at ${nowMs() - start}`));
    vi.advanceTimersByTime(1_000);
    expect(ended).toEqual(['early at 100', 'middle at 200', 'late at 300']);
  });

  test('leaves alone what was taken back', () => {
    const expiry = createExpiry(nowMs);
    const expire = vi.fn();
    const forget = expiry.watch(nowMs() + 100, expire);
    forget();
    vi.advanceTimersByTime(1_000);
    expect(expire).not.toHaveBeenCalled();
  });

  test('keeps one timer for all, and none once the last has ended', () => {
    const expiry = createExpiry(nowMs);
    for (let index = 0; index < 100; index += 1) expiry.watch(nowMs() + 100 + index, () => undefined);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(1_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('ends at once what has expired already', () => {
    const expiry = createExpiry(nowMs);
    const expire = vi.fn();
    expiry.watch(nowMs() - 5, expire);
    vi.advanceTimersByTime(1);
    expect(expire).toHaveBeenCalledTimes(1);
  });

  test('takes what is added while others end', () => {
    const expiry = createExpiry(nowMs);
    const second = vi.fn();
    expiry.watch(nowMs() + 10, () => expiry.watch(nowMs() + 10, second));
    vi.advanceTimersByTime(25);
    expect(second).toHaveBeenCalledTimes(1);
  });

  test('ends nothing after it is closed', () => {
    const expiry = createExpiry(nowMs);
    const expire = vi.fn();
    expiry.watch(nowMs() + 10, expire);
    expiry.close();
    vi.advanceTimersByTime(1_000);
    expect(expire).not.toHaveBeenCalled();
  });

  test('keeps nothing of what was taken back, however far away its deadline is', async () => {
    const { setFlagsFromString } = await import('node:v8');
    const { runInNewContext } = await import('node:vm');
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const expiry = createExpiry(nowMs);
    const watchOnce = (): WeakRef<object> => {
      const rows = { image: 'x'.repeat(1_000) };
      expiry.watch(nowMs() + 600_000, () => rows.image.length)();
      return new WeakRef(rows);
    };
    const rows = watchOnce();
    // A WeakRef holds its target until the turn ends.
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(rows.deref()).toBeUndefined();
    expiry.close();
  });
});
