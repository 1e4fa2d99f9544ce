import { describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../../src/bundle/acceptance.ts';
import type { LatencyPairs } from '../../../src/checklist/evaluation/compare-latency.ts';
import { confirmedPairs, isLatency, judgeLatency } from '../../../src/checklist/evaluation/judge-latency.ts';

const [criterion] = acceptanceSchema
  .parse({
    apiVersion: 'handoff/v1',
    kind: 'Acceptance',
    criteria: [
      {
        name: 'latency',
        metric: { kind: 'latency', quantiles: [0.5, 0.99] },
        compareTo: 'baseline',
        margin: { relative: 0.1, atLeastMs: 1 },
        appliesTo: ['offline'],
      },
    ],
  })
  .criteria.filter(isLatency);
if (criterion === undefined) throw new Error('the criterion is no latency criterion');

const runs = 200;
/** Runs of 2 ms, of which the candidate's first take longer: the machine did something else, or the version is slower. */
const pairsWith = (slowRuns: number, slowMs: number): LatencyPairs => ({
  candidate: Array.from({ length: runs }, (_, index) => (index < slowRuns ? slowMs : 2)),
  baseline: Array.from({ length: runs }, () => 2),
  reference: Array.from({ length: runs }, () => 1),
});

/** Gives what is measured, time after time. */
const measuring = (...measured: readonly LatencyPairs[]) => {
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
