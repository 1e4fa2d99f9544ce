import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type BoundAlarm, nextAlarm, noAlarm } from '../../../src/data-plane/observe/bound-alarm.ts';
import { createRandom } from '../../support/random.ts';

const random = createRandom(7);

/** A minute of requests of which each has the event with probability `rate`. */
const minute = (requests: number, rate: number) => {
  let events = 0;
  for (let request = 0; request < requests; request += 1) if (random.u32() < rate * 2 ** 32) events += 1;
  return { requests, events };
};

interface Traffic {
  readonly requests: number;
  readonly rate: number;
  readonly limit: number;
}

/** Minutes until the alarm changes; null when it does not within `most`. */
const minutesUntilChange = (from: BoundAlarm, { requests, rate, limit }: Traffic, most: number): number | null => {
  let alarm = from;
  for (let passed = 1; passed <= most; passed += 1) {
    alarm = nextAlarm(alarm, minute(requests, rate), limit);
    if (alarm.broken !== from.broken) return passed;
  }
  return null;
};

const broken: BoundAlarm = { ...noAlarm, broken: true };

describe('the alarm of a limit', () => {
  test('is not raised by one failure of a hundred where one of two hundred is allowed', () => {
    expect(nextAlarm(noAlarm, { requests: 100, events: 1 }, 0.005).broken).toBe(false);
  });

  test('is raised within a minute when every request fails, at any traffic above a few a minute', () => {
    for (const requests of [5, 100, 60_000]) expect(nextAlarm(noAlarm, { requests, events: requests }, 0.005).broken).toBe(true);
  });

  test.each([
    { requests: 600, rate: 0.01, limit: 0.005, most: 30 },
    { requests: 600, rate: 0.02, limit: 0.005, most: 6 },
    { requests: 60, rate: 0.1, limit: 0.05, most: 30 },
    { requests: 60_000, rate: 0.055, limit: 0.05, most: 3 },
  ])('is raised soon at $rate with $requests requests a minute where $limit is allowed', ({ most, ...traffic }) => {
    expect(minutesUntilChange(noAlarm, traffic, most)).not.toBeNull();
  });

  test('is never raised in a month at half the limit, whatever the traffic', () => {
    for (const requests of [5, 100, 600])
      for (const limit of [0.005, 0.05]) expect(minutesUntilChange(noAlarm, { requests, rate: limit / 2, limit }, 43_200 / requests)).toBeNull();
  });

  test('comes at exactly the limit once in 1,000 minutes at most, on average', () => {
    const waits = Array.from({ length: 60 }, () => minutesUntilChange(noAlarm, { requests: 60, rate: 0.05, limit: 0.05 }, 5_000) ?? 5_000);
    expect(waits.reduce((sum, wait) => sum + wait, 0) / waits.length).toBeGreaterThan(1_000);
  });

  test('does not hide a bad hour behind a good year', () => {
    let alarm = noAlarm;
    for (let good = 0; good < 10_000; good += 1) alarm = nextAlarm(alarm, { requests: 600, events: 0 }, 0.005);
    expect(minutesUntilChange(alarm, { requests: 600, rate: 0.02, limit: 0.005 }, 6)).not.toBeNull();
  });

  test('ends when enough requests show the share within the limit, however long it lasted', () => {
    expect(minutesUntilChange(broken, { requests: 1_000, rate: 0, limit: 0.005 }, 1)).toBe(1);
    expect(minutesUntilChange(broken, { requests: 5, rate: 0, limit: 0.005 }, 300)).toBe(200);
    expect(minutesUntilChange(broken, { requests: 600, rate: 0.02, limit: 0.005 }, 200)).toBeNull();
  });

  test('stays as it is in a minute without requests, and where all may have the event', () => {
    for (const alarm of [noAlarm, broken]) {
      expect(nextAlarm(alarm, { requests: 0, events: 0 }, 0.05)).toBe(alarm);
      expect(nextAlarm(alarm, { requests: 1_000, events: 1_000 }, 1)).toBe(alarm);
    }
  });

  test('is raised by the first event where none is allowed, and no number makes it anything but a number', () => {
    expect(nextAlarm(noAlarm, { requests: 100, events: 1 }, 0).broken).toBe(true);
    const anything = fc.record({
      requests: fc.nat(100_000),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      limit: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(anything, ({ requests, share, limit }) => {
        const { lnCapital } = nextAlarm(noAlarm, { requests, events: Math.round(share * requests) }, limit);
        expect(lnCapital.some(Number.isNaN)).toBe(false);
      }),
    );
  });
});
