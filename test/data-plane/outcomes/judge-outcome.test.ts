import { describe, expect, test } from 'vitest';
import type { PredictionFacts } from '../../../src/data-plane/observe/prediction-id.ts';
import { type JudgeContext, judgeOutcome, type OutcomePost, type OutcomeSubject } from '../../../src/data-plane/outcomes/judge-outcome.ts';
import { drawOf, thresholdOf } from '../../../src/data-plane/routing/assign.ts';
import type { KeptEpoch } from '../../../src/store/outcome-store.ts';
import { declaredForTests } from '../../support/card-fraud-outcomes.ts';

const hourMs = 3_600_000;
const nowMs = 490_000 * hourMs;
const model = 'card-fraud';
const rollout = 'r1';
const w = thresholdOf(1_000) / 2 ** 32;

const epochs: readonly KeptEpoch[] = [
  { epoch: 1, rollout, weightHundredths: 0, keyed: true, fromMs: nowMs - 40 * hourMs },
  { epoch: 2, rollout, weightHundredths: 1_000, keyed: true, fromMs: nowMs - 30 * hourMs },
  { epoch: 3, rollout: null, weightHundredths: 0, keyed: true, fromMs: nowMs - 20 * hourMs },
  { epoch: 4, rollout: 'r2', weightHundredths: 1_000, keyed: false, fromMs: nowMs - 10 * hourMs },
];

const context: JudgeContext = { nowMs, epochsOf: () => epochs, declaredOf: () => declaredForTests };

const claims: PredictionFacts = {
  model,
  version: '2.0.0',
  rollout,
  arm: 'candidate',
  evidence: 'unit',
  epoch: 2,
  assignedAtMs: nowMs - 25 * hourMs,
  probability: 0.05,
  routingKeyHash: 'aabbccddeeff0011',
  score: null,
};

const byPrediction = (changes: Partial<PredictionFacts> = {}, outcome = 'caught', value = 1) => {
  const post: OutcomePost = { predictionId: 'id', outcome, value, observedAtMs: nowMs - 24 * hourMs };
  const subject: OutcomeSubject = { by: 'prediction', claims: { ...claims, ...changes } };
  return judgeOutcome(post, subject, context);
};

const byKey = (routingKey: string, hoursAgo: number, outcome = 'caught') => {
  const predictedAtMs = nowMs - hoursAgo * hourMs;
  const post: OutcomePost = { model, routingKey, predictedAtMs, outcome, value: 1, observedAtMs: predictedAtMs };
  return judgeOutcome(post, { by: 'key', model, routingKey, keyHash: `hash of ${routingKey}`, predictedAtMs }, context);
};

const firstEvent = { bucket: 490_000 - 25, w, arm: 'candidate', keyHash: 'aabbccddeeff0011', assignedAtMs: nowMs - 25 * hourMs };

describe('an outcome by prediction id', () => {
  test('counts for the arm, the hour and the recorded probability of its id, and as an event of its key at the weight in force', () => {
    expect(byPrediction()).toMatchObject({
      accepted: true,
      arm: 'candidate',
      kept: { rollout, count: { bucket: 490_000 - 25, w: 0.05, arm: 'candidate', source: 'unit', value: 100 }, firstEvent },
    });
  });

  test('of a later request of a key is no unit, but may be its first event, under either kind of margin', () => {
    for (const outcome of ['caught', 'complaint']) {
      expect(byPrediction({ evidence: 'later', probability: w }, outcome)).toMatchObject({ kept: { count: { source: 'later' }, firstEvent } });
    }
  });

  test.each([
    { title: 'a zero', made: () => byPrediction({}, 'caught', 0) },
    { title: 'a mean', made: () => byPrediction({ assignedAtMs: nowMs - 24 * hourMs }, 'ndcg', 1) },
    { title: 'a request without a key', made: () => byPrediction({ routingKeyHash: null }) },
    { title: 'a weight of 0', made: () => byPrediction({ epoch: 1 }) },
    { title: 'an epoch that is not known', made: () => byPrediction({ epoch: 9 }) },
  ])('is no first event with $title', ({ made }) => {
    expect(made()).toMatchObject({ accepted: true, kept: { firstEvent: null } });
  });

  test.each([
    { title: 'a pinned request', change: { arm: null } },
    { title: 'a request that is no evidence', change: { evidence: 'none' } },
    { title: 'a request without a rollout', change: { rollout: null } },
  ] as const)('is kept and counts for nothing with $title', ({ change }) => {
    expect(byPrediction(change)).toMatchObject({ accepted: true, kept: { count: null, firstEvent: null } });
  });

  test('rounds a mean to hundredths', () => {
    expect(byPrediction({ assignedAtMs: nowMs - 24 * hourMs }, 'ndcg', 0.7149)).toMatchObject({ kept: { count: { value: 71 } } });
  });
});

describe('an outcome by key and time', () => {
  const armOf = (key: string): string => (drawOf(rollout, key) < thresholdOf(1_000) ? 'candidate' : 'baseline');
  const keys = Array.from({ length: 200 }, (_, index) => `customer-${index}`);

  test('joins the arm that the weight then in force gave its key, for display', () => {
    expect(new Set(keys.map(armOf)).size).toBe(2);
    for (const key of keys) expect(byKey(key, 25)).toMatchObject({ arm: armOf(key), kept: { count: { w, arm: armOf(key), source: 'keyed' } } });
  });

  test('is evidence as the first event of its key under a relative margin only', () => {
    expect(byKey('customer-1', 25)).toMatchObject({ kept: { firstEvent: { w, arm: armOf('customer-1') } } });
    expect(byKey('customer-1', 25, 'complaint')).toMatchObject({ kept: { count: { source: 'keyed' }, firstEvent: null } });
  });

  test('is one for its key, outcome and probability, whatever its time', () => {
    const names = [byKey('a', 25), byKey('a', 24), byKey('a', 35), byKey('b', 25), byKey('a', 25, 'complaint')].map((judged) =>
      judged.accepted ? judged.uniqueAs : '',
    );
    expect(names[0]).toBe(names[1]);
    expect(new Set(names).size).toBe(4);
  });

  test('counts for nothing while no traffic was split', () => {
    expect(byKey('customer-1', 15)).toMatchObject({ accepted: true, arm: 'baseline', kept: { count: null, firstEvent: null } });
  });

  test('is refused where the rollout drew without keys, and before the first known assignment', () => {
    expect(byKey('customer-1', 5)).toMatchObject({
      accepted: false,
      reason: 'unknown-outcome',
      detail: 'routing_key: got a key, expected a prediction_id: rollout r2 splits without keys',
    });
    expect(byKey('customer-1', 41)).toMatchObject({ accepted: false, reason: 'too-late' });
  });
});
