import { describe, expect, it } from 'vitest';
import { createEvidence, type EvidenceRequest, type UnitEnd } from '../../../src/data-plane/observe/evidence.ts';

const threshold = 2 ** 31;
const nothing: UnitEnd = { error: false, breach: false, abstained: false, flagged: () => false };

const begin = () => {
  const evidence = createEvidence({ monotonicMs: () => 0, incarnation: 'life' });
  const request = (arm: EvidenceRequest['arm'], end: Partial<UnitEnd>, keyed: EvidenceRequest['keyed'] = null): void =>
    evidence.begin({ rollout: 'rollout', threshold, arm, watchedOutputs: 2, assignedAtMs: 0, keyed }).end({ ...nothing, ...end });
  return { request, examples: () => evidence.observe('rollout').unitExamples, evidence };
};

describe('the examples of units', () => {
  it('are the last five requests of the candidate with an event, by event', () => {
    const { request, examples } = begin();
    for (let index = 1; index <= 7; index += 1) request('candidate', { error: true, requestId: `r${index}` });
    request('candidate', { breach: true, abstained: true, requestId: 'both' });
    request('candidate', { flagged: (output) => output === 1, requestId: 'flagged' });
    expect(examples()).toEqual([
      ...['r3', 'r4', 'r5', 'r6', 'r7'].map((requestId) => ({ event: 'error', requestId })),
      { event: 'breach', requestId: 'both' },
      { event: 'abstained', requestId: 'both' },
      { event: 'flagged 1', requestId: 'flagged' },
    ]);
  });

  it('are none of the baseline, none without an event and none without an id', () => {
    const { request, examples } = begin();
    request('baseline', { error: true, requestId: 'baseline' });
    request('candidate', { requestId: 'fine' });
    request('candidate', { error: true });
    expect(examples()).toEqual([]);
  });

  it('are none of a request of a key that is no unit', () => {
    const { request, examples } = begin();
    const keyed = { key: { high: 1, low: 2 }, draw: 1 };
    request('candidate', { requestId: 'first' }, keyed);
    request('candidate', { error: true, requestId: 'later' }, keyed);
    expect(examples()).toEqual([]);
  });

  it('change no count', () => {
    const { request, evidence } = begin();
    request('candidate', { error: true, requestId: 'one' });
    request('candidate', { error: true });
    expect(evidence.observe('rollout').counts).toMatchObject([{ arm: 'candidate', n: 2, done: 2, errors: 2 }]);
  });

  it('stay when the keys of an earlier life are restored', () => {
    const { request, evidence, examples } = begin();
    request('candidate', { error: true, requestId: 'one' });
    evidence.restoreKeys('rollout', [], 'secret');
    request('candidate', { error: true, requestId: 'two' });
    expect(examples().map(({ requestId }) => requestId)).toEqual(['one', 'two']);
  });
});
