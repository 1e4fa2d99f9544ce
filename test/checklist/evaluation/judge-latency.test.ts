import { describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../../src/bundle/acceptance.ts';
import { confirmedPairs, isLatency, judgeLatency, type LatencyCriterion, type TimedPairs } from '../../../src/checklist/evaluation/judge-latency.ts';

const criterionWith = (limits: object): LatencyCriterion => {
  const [one] = acceptanceSchema
    .parse({
      apiVersion: 'handoff/v1',
      kind: 'Acceptance',
      criteria: [{ name: 'latency', metric: { kind: 'latency', quantiles: [0.5, 0.99] }, appliesTo: ['offline'], ...limits }],
    })
    .criteria.filter(isLatency);
  if (one === undefined) throw new Error('the criterion is no latency criterion');
  return one;
};

const margin = { compareTo: 'baseline', margin: { relative: 0.1, atLeastMs: 1 } };
const criterion = criterionWith(margin);

const runs = 200;
/** Runs of 2 ms, of which the candidate's first take longer: the machine did something else, or the version is slower. */
const pairsWith = (slowRuns: number, slowMs: number): TimedPairs => ({
  candidate: Array.from({ length: runs }, (_, index) => (index < slowRuns ? slowMs : 2)),
  baseline: Array.from({ length: runs }, () => 2),
  reference: Array.from({ length: runs }, () => 1),
  promisedReferenceMs: 1,
});
/** Both versions take so long in every run. */
const equalPairs = (ms: number): TimedPairs => ({ ...pairsWith(runs, ms), baseline: Array.from({ length: runs }, () => ms) });

/** Gives what is measured, time after time. */
const measuring = (...measured: readonly TimedPairs[]) => {
  const left = [...measured];
  return { left, measure: async () => left.shift() ?? pairsWith(0, 0) };
};

describe('judging latency', () => {
  it.each([
    ['equal versions meet it', pairsWith(0, 0), 'met'],
    ['a difference below the least that harms meets it', pairsWith(runs, 2.9), 'met'],
    ['a version that is slower throughout misses it', pairsWith(runs, 4), 'missed'],
    ['one whose slow runs are slower misses it at the high quantile', pairsWith(20, 30), 'missed'],
    ['a few slow runs do not show it', pairsWith(3, 30), 'met-not-shown'],
  ] as const)('%s', (_, pairs, verdict) => expect(judgeLatency(criterion, pairs).verdict).toBe(verdict));

  it.each<[string, object, TimedPairs, string]>([
    ['a version that keeps it, however much slower than the baseline', { p95Ms: 30 }, pairsWith(runs, 20), 'met'],
    ['a version that does not, however slow the baseline is', { p95Ms: 30 }, equalPairs(50), 'missed'],
    ['a version that breaks it at one of the quantiles', { p50Ms: 30, p99Ms: 40 }, pairsWith(20, 50), 'missed'],
    ['a few slow runs', { p99Ms: 20 }, pairsWith(3, 30), 'met-not-shown'],
    ['a machine that takes twice as long for the reference work', { p95Ms: 30 }, { ...equalPairs(50), promisedReferenceMs: 0.5 }, 'met'],
    ['a bundle that promises nothing about machines', { p95Ms: 30 }, { ...equalPairs(50), promisedReferenceMs: null }, 'missed'],
  ])('by a bound alone, judges by the bound: %s', (_, ...[bound, pairs, verdict]) => {
    expect(judgeLatency(criterionWith({ bound }), pairs)).toMatchObject({ verdict, baseline: null, effect: null });
  });

  it.each([
    ['both hold', pairsWith(0, 0), 'met', null],
    ['the bound is broken by both versions', equalPairs(50), 'missed', expect.stringMatching(/^the value itself is 50 /)],
    ['the margin is broken within the bound', pairsWith(runs, 4), 'missed', null],
  ] as const)('by a margin and a bound, judges by both: %s', (_, ...[pairs, verdict, why]) => {
    expect(judgeLatency(criterionWith({ ...margin, bound: { p95Ms: 30 } }), pairs)).toMatchObject({ verdict, why });
  });

  it.each([
    ['no case ran on both versions', []],
    ['one case did', [2]],
  ])('misses it when %s', (_, runMs) => {
    const few = { candidate: runMs, baseline: runMs, reference: runMs, promisedReferenceMs: 1 };
    expect(judgeLatency(criterion, few)).toMatchObject({
      verdict: 'missed',
      why: `cases that ran on both versions: ${runMs.length}, and an interval needs 4 or more`,
    });
  });

  it('compares nothing without a baseline, and holds the bound all the same', () => {
    const alone = { ...pairsWith(0, 0), baseline: Array.from({ length: runs }, () => Number.NaN) };
    expect(judgeLatency(criterion, alone).verdict).toBe('not-compared');
    expect(judgeLatency(criterionWith({ ...margin, bound: { p95Ms: 1 } }), alone).verdict).toBe('missed');
  });

  it('counts the second time alone when the first misses it', async () => {
    const [stalled, quiet, slow] = [pairsWith(20, 30), pairsWith(0, 0), pairsWith(runs, 4)];
    expect(await confirmedPairs(measuring(stalled, quiet).measure, [criterion])).toBe(quiet);
    expect(await confirmedPairs(measuring(stalled, slow).measure, [criterion])).toBe(slow);
  });

  it('measures once when the first time meets it', async () => {
    const { left, measure } = measuring(pairsWith(0, 0), pairsWith(runs, 4));
    await confirmedPairs(measure, [criterion]);
    expect(left).toHaveLength(1);
  });
});
