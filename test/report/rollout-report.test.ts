import { describe, expect, it } from 'vitest';
import type { AnyLedgerEntry } from '../../src/ledger/verify-chain.ts';
import { reportMarkdown } from '../../src/report/report-markdown.ts';
import { rolloutReport } from '../../src/report/rollout-report.ts';

const entry = (minute: number, changes: Record<string, unknown>, { rollout = 'r-1', phase = 'progressing', step = 0 } = {}): AnyLedgerEntry =>
  ({
    at: `2026-05-01T10:0${minute}:00.000Z`,
    model: 'card-fraud',
    rollout,
    kind: 'decision',
    body: {
      move: 'advance',
      actor: 'gateway',
      reason: 'a step is done',
      fromWeightHundredths: 0,
      toWeightHundredths: 1_000,
      epoch: 1,
      revision: 1,
      migrated: false,
      state: { attempt: 1, phase, baseline: '1.4.0', candidate: '2.0.0', candidateDigest: 'ab', planDigest: 'cd', step },
      ...changes,
    },
  }) as unknown as AnyLedgerEntry;

const guards = [
  {
    name: 'errors',
    kind: 'errorRate',
    verdict: 'worse',
    baseline: { n: 900, events: 0, value: 0 },
    candidate: { n: 100, events: 12, value: 0.12 },
    effect: 0.12,
    interval: [0.05, null],
  },
  {
    name: 'bad-outputs',
    kind: 'breachRate',
    verdict: 'undecided',
    baseline: { n: 900, events: 0, value: 0 },
    candidate: { n: 100, events: 3, value: 0.03 },
    effect: 0.03,
    interval: [0, 0.1],
  },
];

const rolledBack = [
  entry(0, { move: 'start', actor: 'olga', reason: 'go' }),
  entry(1, {}, { step: 1 }),
  entry(2, { reason: 'another rollout' }, { rollout: 'r-2' }),
  entry(
    5,
    {
      move: 'rollback',
      reason: 'Rolled back: 12 of 100 | failed.',
      toWeightHundredths: 0,
      evidence: { findings: { blamed: 'errors', guards, exposure: { candidateRequests: 100 } } },
    },
    { phase: 'rolled-back', step: 1 },
  ),
];

const offline = [{ criterion: 'recall', candidate: 0.9, baseline: 0.8, effect: 0.125, verdict: 'met' }];

describe('the report of a rollout', () => {
  const report = rolloutReport(rolledBack, { rollout: 'r-1', offline });

  it('says what failed, how it was caught and what it cost', () => {
    expect(report).toMatchObject({
      model: 'card-fraud',
      outcome: 'rolled-back',
      caught: { by: 'gateway', criterion: 'errors', sentence: 'Rolled back: 12 of 100 | failed.' },
      cost: { candidateRequests: 100, rescuedRequests: 15 },
      gaps: [],
    });
  });

  it('puts offline beside live, one entry a criterion', () => {
    expect(report?.criteria.map(({ criterion, offline: before, live }) => [criterion, before?.effect ?? null, live?.effect ?? null])).toEqual([
      ['recall', 0.125, null],
      ['errors', null, 0.12],
      ['bad-outputs', null, 0.03],
    ]);
  });

  it('says how long each stretch took', () => {
    expect(report?.seconds).toBe(300);
    expect(report?.stretches.map(({ move, seconds, step, weight }) => [move, seconds, step, weight])).toEqual([
      ['start', 60, 0, 10],
      ['advance', 240, 1, 10],
      ['rollback', null, 1, 0],
    ]);
  });

  it('is Markdown in which no reason breaks a table', () => {
    const text = report === null ? '' : reportMarkdown(report);
    expect(text).toContain('# card-fraud: 1.4.0 to 2.0.0, rolled-back');
    expect(text).toContain('| errors | - | - | 0.12 | 0.05 to - | worse | 12 of 100, baseline 0 of 900 |');
    expect(text).toContain('Rolled back: 12 of 100 \\| failed. |');
  });

  it('says what it does not know', () => {
    expect(rolloutReport([entry(0, { move: 'start' })], { rollout: 'r-1', offline: null })).toMatchObject({
      caught: null,
      cost: { candidateRequests: null, rescuedRequests: null },
      gaps: [expect.stringContaining('figures of its guards'), expect.stringContaining('nothing was evaluated offline')],
    });
    expect(rolloutReport(rolledBack, { rollout: 'r-9', offline })).toBeNull();
  });
});
