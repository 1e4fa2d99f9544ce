import { describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { createPlayedOutcomes, type PlayedRequest, unlabelledCriteria } from '../../src/rehearsal/played-outcomes.ts';

const hourMs = 3_600_000;
const criterion = (name: string, metric: object) => ({ name, metric, compareTo: 'baseline', margin: { relative: 0.05 }, appliesTo: ['live'] });
const acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    criterion('caught', { kind: 'outcomeRate', outcome: 'fraud', harm: 'lower', window: '7d', ofLabels: { kind: 'flaggedPositive', output: 'flagged' } }),
    criterion('kept', { kind: 'outcomeRate', outcome: 'label_kept', harm: 'lower', window: '2d', ofLabels: { kind: 'accuracy' } }),
    criterion('ranking', { kind: 'outcomeMean', outcome: 'ndcg', harm: 'lower', window: '24h', ofLabels: { kind: 'ndcg', k: 2 } }),
    criterion('complaints', { kind: 'outcomeRate', outcome: 'complaint', harm: 'higher', window: '2d' }),
  ],
});
const groups = new Map([['cat', new Set(['tabby'])]]);

const request = (given: Partial<PlayedRequest>): PlayedRequest => ({
  evaluation: { id: 'a', inputs: [{}], labels: [1] },
  answer: { rows: [{ score: 0.9, flagged: true }], abstained: 0 },
  arm: 'candidate',
  w: 0.1,
  weightInForce: 0.1,
  key: 'k1',
  assignedAtMs: 5 * hourMs,
  ...given,
});

const countsOf = async (requests: readonly Partial<PlayedRequest>[], outcome: string, [from, to] = [0, 10]) => {
  const outcomes = createPlayedOutcomes(acceptance, groups);
  for (const one of requests) outcomes.play(request(one));
  return outcomes.counts({ rollout: 'r', outcome, from: from ?? 0, to: to ?? 0 });
};

describe('played outcomes', () => {
  it('are events where a positive is flagged, by bucket, probability and arm', async () => {
    const missed = { rows: [{ score: 0.1, flagged: false }], abstained: 0 };
    const { units } = await countsOf([{}, { key: 'k2' }, { key: 'k3', answer: missed }, { key: 'k4', answer: null, arm: 'baseline' }], 'fraud');
    expect(units).toEqual([
      { bucket: 5, w: 0.1, arm: 'candidate', value: 100, count: 2 },
      { bucket: 5, w: 0.1, arm: 'candidate', value: 0, count: 1 },
      { bucket: 5, w: 0.1, arm: 'baseline', value: 0, count: 1 },
    ]);
  });

  it('count the first event of a key once, with the weight in force, also of a later request', async () => {
    const { units, firstEvents } = await countsOf([{ w: null, weightInForce: 0.25 }, { w: null }, { key: null }], 'fraud');
    expect(firstEvents).toEqual([{ bucket: 5, w: 0.25, arm: 'candidate', count: 1 }]);
    expect(units.map(({ count }) => count)).toEqual([1]);
  });

  it('keep the label when the first class is it, or one of its group', async () => {
    const answer = (label: string) => ({ rows: [{ classes: [{ label, score: 1 }] }], abstained: 0 }) as never;
    const cat = { id: 'c', inputs: [{}], labels: ['cat'] };
    const { units } = await countsOf(
      [
        { evaluation: cat, answer: answer('tabby') },
        { evaluation: cat, answer: answer('dog') },
      ],
      'label_kept',
    );
    expect(units.map(({ value }) => value)).toEqual([100, 0]);
  });

  it('are means in hundredths, without first events', async () => {
    const evaluation = { id: 'q', inputs: [{}, {}], labels: [0, 1] };
    const answer = { rows: [{ score: 0.9 }, { score: 0.1 }], abstained: 0 };
    const { units, firstEvents } = await countsOf([{ evaluation, answer }], 'ndcg');
    // The one relevant document is second: 1 / log2(3).
    expect(units).toEqual([{ bucket: 5, w: 0.1, arm: 'candidate', value: 63, count: 1 }]);
    expect(firstEvents).toEqual([]);
  });

  it('are asked for by buckets, both ends included', async () => {
    const { units } = await countsOf([{}, { assignedAtMs: 6 * hourMs }, { assignedAtMs: 7 * hourMs }], 'fraud', [5, 6]);
    expect(units.map(({ bucket }) => bucket)).toEqual([5, 6]);
  });

  it('are none where the labels say nothing, and the criterion is named', async () => {
    expect(await countsOf([{}], 'complaint')).toEqual({ units: [], firstEvents: [] });
    expect(unlabelledCriteria(acceptance)).toEqual(['complaints']);
  });
});
