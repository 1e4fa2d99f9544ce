/** The pure parts of the comparison, as tables. */
import { describe, expect, test } from 'vitest';
import type { Field } from '../../../src/bundle/contract.ts';
import type { Ran } from '../../../src/data-plane/comparison/comparison-protocol.ts';
import { createCpuBudget } from '../../../src/data-plane/comparison/cpu-budget.ts';
import { firstDifferingRow } from '../../../src/data-plane/comparison/differ.ts';
import { pairOutcome } from '../../../src/data-plane/comparison/pair-outcome.ts';
import { redact } from '../../../src/data-plane/comparison/redact.ts';
import { bucketOf, topBucket } from '../../../src/latency-bucket.ts';

const ran = (changes: Partial<Ran> = {}): Ran => ({ result: 'ok', us: 1_000, why: null, cpuMs: 1, ...changes });
const compared = { differ: [true, false], example: null };
const deadlineMs = 100;

describe('the outcome of a pair', () => {
  test('is two buckets and the differences when both answered', () => {
    const fine = { bucket: bucketOf(1_000), error: false, breach: false };
    expect(pairOutcome({ baseline: ran(), candidate: ran() }, { compared, deadlineMs })).toEqual({ baseline: fine, candidate: fine, differ: [true, false] });
  });

  test.each([
    ['lost with its process', 'lost' as const, { bucket: topBucket, error: true, breach: false }],
    ['over the deadline', ran({ us: 100_000 }), { bucket: topBucket, error: true, breach: false }],
    ['rejected over the deadline', ran({ us: 100_000, result: 'breach' }), { bucket: topBucket, error: true, breach: false }],
    ['thrown', ran({ result: 'error', us: 500 }), { bucket: bucketOf(500), error: true, breach: false }],
    ['rejected', ran({ result: 'breach', us: 500 }), { bucket: bucketOf(500), error: false, breach: true }],
    ['unreadable for it alone', ran({ result: 'unreadable', us: 500 }), { bucket: bucketOf(500), error: true, breach: false }],
  ])('counts a run that was %s for its version alone, on either side', (_, run, expected) => {
    const fine = { bucket: bucketOf(1_000), error: false, breach: false };
    expect(pairOutcome({ baseline: ran(), candidate: run }, { compared, deadlineMs })).toEqual({ baseline: fine, candidate: expected, differ: null });
    expect(pairOutcome({ baseline: run, candidate: ran() }, { compared, deadlineMs })).toEqual({ baseline: expected, candidate: fine, differ: null });
  });

  test('is no evidence when neither version can read the request', () => {
    const unreadable = ran({ result: 'unreadable' });
    expect(pairOutcome({ baseline: unreadable, candidate: unreadable }, { compared: null, deadlineMs })).toBeNull();
  });
});

describe('a difference of outputs', () => {
  const rule = { output: null, tolerance: 0.01 };
  test.each([
    { what: 'numbers within the tolerance', baseline: { p: 0.5 }, candidate: { p: 0.509 }, differs: false },
    { what: 'numbers beyond it', baseline: { p: 0.5 }, candidate: { p: 0.52 }, differs: true },
    { what: 'a number that is missing', baseline: { p: 0.5 }, candidate: {}, differs: true },
    { what: 'an output that is new', baseline: { p: 0.5 }, candidate: { p: 0.5, why: 'x' }, differs: false },
    { what: 'a flag', baseline: { flagged: true }, candidate: { flagged: false }, differs: true },
    {
      what: 'the order of classes',
      baseline: { top: [{ label: 'cat' }, { label: 'dog' }] },
      candidate: { top: [{ label: 'dog' }, { label: 'cat' }] },
      differs: true,
    },
    { what: 'close confidences', baseline: { top: [{ label: 'cat', p: 0.9 }] }, candidate: { top: [{ label: 'cat', p: 0.905 }] }, differs: false },
    { what: 'lists of other lengths', baseline: { top: [1] }, candidate: { top: [1, 2] }, differs: true },
  ])('is seen in $what: $differs', ({ baseline, candidate, differs }) => {
    expect(firstDifferingRow(rule, { baseline: [baseline], candidate: [candidate] })).toBe(differs ? 0 : -1);
  });

  test('is sought in the named output alone, row by row', () => {
    const rows = {
      baseline: [
        { p: 1, q: 1 },
        { p: 2, q: 1 },
      ],
      candidate: [
        { p: 1, q: 9 },
        { p: 3, q: 1 },
      ],
    };
    expect(firstDifferingRow({ output: 'p', tolerance: 0 }, rows)).toBe(1);
    expect(firstDifferingRow({ output: 'q', tolerance: 0 }, rows)).toBe(0);
  });
});

describe('the CPU budget', () => {
  test('is spent as measured and earned by the clock, and saves up a second at most', () => {
    let nowMs = 0;
    const budget = createCpuBudget({ maxPercent: 10, monotonicMs: () => nowMs });
    expect(budget.opensInMs()).toBe(0);
    budget.spend(150);
    expect(budget.opensInMs()).toBeCloseTo(501, 6);
    nowMs += 501;
    expect(budget.opensInMs()).toBe(0);
    nowMs += 3_600_000;
    budget.spend(99);
    expect(budget.opensInMs()).toBe(0);
    budget.spend(2);
    expect(budget.opensInMs()).toBeGreaterThan(0);
  });

  test('holds the share over a long time, however dear a pair is', () => {
    let nowMs = 0;
    let spentMs = 0;
    const budget = createCpuBudget({ maxPercent: 10, monotonicMs: () => nowMs });
    while (nowMs < 600_000) {
      const inMs = budget.opensInMs();
      nowMs += Math.max(inMs, 40);
      if (inMs > 0) continue;
      budget.spend(40);
      spentMs += 40;
    }
    expect(spentMs / nowMs).toBeGreaterThan(0.095);
    expect(spentMs / nowMs).toBeLessThan(0.101);
  });
});

describe('a redacted row', () => {
  const field = (name: string, classification: Field['classification'], kind: Field['kind'] = 'number'): Field => ({
    name,
    kind,
    classification,
    required: true,
    acceptedUnits: {},
  });

  test('keeps public and internal values, and a word in place of every other', () => {
    const fields = [
      field('hour', 'public'),
      field('channel', 'internal'),
      field('amount', 'confidential'),
      field('card', 'restricted'),
      field('photo', 'internal', 'image'),
    ];
    const row = { hour: 3, channel: 'web', amount: 42, card: '4111', photo: 'aGk=', extra: 'anything' };
    expect(redact(row, fields)).toEqual({
      hour: 3,
      channel: 'web',
      amount: '(confidential)',
      card: '(restricted)',
      photo: '(image)',
      extra: '(undeclared)',
    });
  });
});
