import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assessSignal, type SignalLook, type SignalRule, type SignalStatus } from '../../../src/control-plane/signals/assess-signal.ts';

const rule: SignalRule = { name: 'feature-lag', unit: 's', holdAbove: 300, clearBelow: 120, pageAfterMs: 900_000, staleAfterMs: 120_000, whenMissing: 'hold' };
const clear: SignalStatus = { holds: false };
const holding: SignalStatus = { holds: true, cause: 'above', sinceMs: 1_000 };
const nowMs = 500_000;

const look = (changes: Partial<SignalLook>): SignalLook => ({ rule, before: clear, reading: null, watchedSinceMs: nowMs, nowMs, ...changes });
const pushed = (value: number, ageMs = 1_000) => ({ value, atMs: nowMs - ageMs });

describe('a signal', () => {
  it.each([
    { title: 'stays clear below the limit', before: clear, value: 12.5, holds: false },
    { title: 'stays clear at the limit', before: clear, value: 300, holds: false },
    { title: 'holds above the limit', before: clear, value: 300.001, holds: true },
    { title: 'stays clear between the limits', before: clear, value: 200, holds: false },
    { title: 'goes on holding between the limits', before: holding, value: 200, holds: true },
    { title: 'goes on holding at the lower limit', before: holding, value: 120, holds: true },
    { title: 'is clear again below the lower limit', before: holding, value: 119.999, holds: false },
  ])('$title', ({ before, value, holds }) => {
    expect(assessSignal(look({ before, reading: pushed(value) })).holds).toBe(holds);
  });

  it.each([
    {
      title: 'holds when its value is too old and that is declared',
      whenMissing: 'hold',
      before: clear,
      ageMs: 120_001,
      expected: { holds: true, cause: 'stale' },
    },
    { title: 'counts to the end of its time', whenMissing: 'hold', before: clear, ageMs: 120_000, expected: { holds: false } },
    { title: 'is ignored when its value is too old and that is declared', whenMissing: 'ignore', before: holding, ageMs: 120_001, expected: { holds: false } },
  ] as const)('$title', ({ whenMissing, before, ageMs, expected }) => {
    expect(assessSignal(look({ rule: { ...rule, whenMissing }, before, reading: pushed(1, ageMs) }))).toMatchObject(expected);
  });

  it.each([
    { title: 'is as it was until a first value is due', whenMissing: 'hold', before: clear, waitedMs: 120_000, expected: clear },
    { title: 'goes on holding until a first value is due', whenMissing: 'ignore', before: holding, waitedMs: 120_000, expected: holding },
    {
      title: 'is missing once a first value was due',
      whenMissing: 'hold',
      before: clear,
      waitedMs: 120_001,
      expected: { holds: true, cause: 'missing', sinceMs: nowMs },
    },
    { title: 'is ignored once a first value was due, if that is declared', whenMissing: 'ignore', before: holding, waitedMs: 120_001, expected: clear },
  ] as const)('never pushed $title', ({ whenMissing, before, waitedMs, expected }) => {
    expect(assessSignal(look({ rule: { ...rule, whenMissing }, before, watchedSinceMs: nowMs - waitedMs }))).toEqual(expected);
  });

  it('comes back from missing only below the lower limit', () => {
    const missing: SignalStatus = { holds: true, cause: 'missing', sinceMs: 7 };
    expect(assessSignal(look({ before: missing, reading: pushed(200) }))).toEqual({ holds: true, cause: 'above', sinceMs: 7 });
    expect(assessSignal(look({ before: missing, reading: pushed(100) }))).toEqual(clear);
  });

  it('keeps the beginning of a hold, whatever its cause becomes', () => {
    expect(assessSignal(look({ before: holding, reading: pushed(1, 200_000) }))).toEqual({ holds: true, cause: 'stale', sinceMs: 1_000 });
  });

  it('never begins or ends to hold between the limits', () => {
    fc.assert(
      fc.property(fc.double({ min: 120, max: 300, noNaN: true }), fc.boolean(), (value, holds) => {
        expect(assessSignal(look({ before: holds ? holding : clear, reading: pushed(value) })).holds).toBe(holds);
      }),
    );
  });
});
