import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { type AnyLedgerEntry, readEntryLine } from '../../src/ledger/verify-chain.ts';
import { reportMarkdown } from '../../src/report/report-markdown.ts';
import { rolloutReport } from '../../src/report/rollout-report.ts';
import { openLedgerReader } from '../../src/store/sqlite-ledger-reader.ts';
import { beginLife, type Life } from '../support/live-rollouts.ts';
import { createRandom } from '../support/random.ts';
import { found, planFile } from '../support/rollout-files.ts';

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
    source: 'units',
    verdict: 'worse',
    baseline: { n: 900, events: 0, value: 0 },
    candidate: { n: 100, events: 12, value: 0.12 },
    effect: 0.12,
    interval: [0.05, null],
  },
  {
    name: 'bad-outputs',
    kind: 'breachRate',
    source: 'units',
    verdict: 'undecided',
    baseline: { n: 900, events: 0, value: 0 },
    candidate: { n: 100, events: 3, value: 0.03 },
    effect: 0.03,
    interval: [0, 0.1],
  },
];

const rulesFor = (kinds: Record<string, string>) => ({ rules: { guards: Object.entries(kinds).map(([name, kind]) => ({ name, kind })) } });
const rules = rulesFor({ errors: 'errorRate', 'bad-outputs': 'breachRate' });

const unitsOf = (n: number, events: number) => ({ units: [{ w: 0.1, candidate: { n, events, pending: 0 }, baseline: { n: 9 * n, events: 0, pending: 0 } }] });

const block = (number: number, requests: number, events: Record<string, number>) => ({
  number,
  emptyBefore: 0,
  from: '2026-05-01T10:00:00.000Z',
  to: `2026-05-01T10:0${number}:30.000Z`,
  counts: Object.fromEntries(Object.entries(events).map(([name, count]) => [name, unitsOf(requests, count)])),
  assigned: [{ w: 0.1, candidate: requests, baseline: 9 * requests }],
  lnE: 0,
  guards: {},
});

const sealed = (minute: number, body: ReturnType<typeof block>, rollout = 'r-1'): AnyLedgerEntry => ({
  ...entry(minute, {}, { rollout }),
  kind: 'block',
  body,
});

const started = entry(0, { move: 'start', actor: 'olga', reason: 'go', ...rules });
const byHand = { move: 'rollback', actor: 'olga', reason: 'enough', fromWeightHundredths: 1_000, toWeightHundredths: 0 };
const over = { phase: 'rolled-back', step: 1 };

const rolledBack = [
  started,
  entry(1, {}, { step: 1 }),
  entry(2, { reason: 'another rollout' }, { rollout: 'r-2' }),
  entry(
    5,
    {
      move: 'rollback',
      reason: 'Rolled back: 12 of 100 | failed.',
      toWeightHundredths: 0,
      evidence: { open: [block(1, 100, { errors: 12, 'bad-outputs': 3 })], findings: { blamed: 'errors', guards } },
    },
    over,
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
    expect(rolloutReport([started], { rollout: 'r-1', offline: null })).toMatchObject({
      caught: null,
      cost: { candidateRequests: null, rescuedRequests: null },
      gaps: [
        expect.stringContaining('figures of its guards'),
        expect.stringContaining('nothing was evaluated offline'),
        expect.stringContaining('No request is counted'),
      ],
    });
    expect(rolloutReport(rolledBack, { rollout: 'r-9', offline })).toBeNull();
  });
});

describe('what a rollout cost users', () => {
  const reportOf = (entries: readonly AnyLedgerEntry[]) => rolloutReport(entries, { rollout: 'r-1', offline });
  const advanced = entry(1, { evidence: { open: [block(1, 100, { errors: 1 })], findings: { blamed: null, guards } } });

  it('is counted on after the last decision of the engine, and what is in no entry is said', () => {
    const blocks = [sealed(2, block(1, 120, { errors: 2 })), sealed(3, block(2, 50_000, { errors: 900, 'bad-outputs': 7 }))];
    const report = reportOf([started, advanced, ...blocks, sealed(3, block(2, 4_000, {}), 'r-2'), entry(4, byHand, over)]);
    expect(report?.cost).toEqual({ candidateRequests: 50_120, rescuedRequests: 909 });
    expect(report?.gaps).toEqual(['Requests after 2026-05-01T10:02:30.000Z are counted in no entry.']);
  });

  it('takes a block that was open at a decision once', () => {
    const open = [block(1, 100, { errors: 1 }), block(2, 30, { errors: 5 })];
    const decided = entry(3, { move: 'rollback', toWeightHundredths: 0, evidence: { open, findings: { blamed: 'errors', guards } } }, over);
    expect(reportOf([started, sealed(2, block(1, 120, { errors: 2 })), decided])).toMatchObject({
      cost: { candidateRequests: 150, rescuedRequests: 7 },
      gaps: [],
    });
  });

  it('has no part for compared requests, nobody waited for them', () => {
    const pairs = { errors: { pairs: [{ both: 0, candidateOnly: 47, baselineOnly: 0, neither: 13, pending: 0 }] } };
    const inPairs = { ...guards[0], source: 'pairs', candidate: { n: 60, events: 47, value: 0.78 } };
    const shadow = { ...block(1, 0, {}), counts: pairs, assigned: [] };
    const rollback = entry(
      1,
      { move: 'rollback', toWeightHundredths: 0, evidence: { open: [shadow], findings: { blamed: 'errors', guards: [inPairs] } } },
      { phase: 'rolled-back' },
    );
    const report = reportOf([entry(0, { move: 'start', toWeightHundredths: 0, ...rules }), rollback]);
    expect(report?.cost).toEqual({ candidateRequests: 0, rescuedRequests: 0 });
    expect(report === null ? '' : reportMarkdown(report)).toContain("None of the evidence requests was the candidate's.");
  });

  it('counts a request once that two criteria watch', () => {
    const twice = entry(0, { move: 'start', ...rulesFor({ errors: 'errorRate', 'errors-strict': 'errorRate', 'bad-outputs': 'breachRate' }) });
    expect(reportOf([twice, sealed(1, block(1, 100, { errors: 12, 'errors-strict': 12, 'bad-outputs': 3 }))])?.cost.rescuedRequests).toBe(15);
  });

  it('says which rescued requests no criterion counts', () => {
    const errorsAlone = entry(0, { move: 'start', ...rulesFor({ errors: 'errorRate' }) });
    const neither = entry(0, { move: 'start', ...rulesFor({ flagged: 'outputRate' }) });
    const one = reportOf([errorsAlone, sealed(1, block(1, 100, { errors: 12 }))]);
    expect(one?.cost.rescuedRequests).toBe(12);
    expect(one?.gaps).toContain('No live criterion counts rejected outputs, so the rescued requests are without them.');
    expect(reportOf([neither, sealed(1, block(1, 100, { flagged: 12 }))])?.cost).toEqual({ candidateRequests: 100, rescuedRequests: null });
  });

  it('is not known of a rollout that began before its rules were kept', () => {
    const report = reportOf([entry(0, { move: 'start' }), advanced]);
    expect(report?.cost).toEqual({ candidateRequests: null, rescuedRequests: null });
    expect(report?.gaps).toEqual([expect.stringContaining('began before this ledger')]);
  });

  it('says that nothing is counted while the candidate has everything', () => {
    const promote = entry(2, { ...byHand, move: 'promote', toWeightHundredths: 10_000 }, { phase: 'baking' });
    const back = entry(4, { ...byHand, fromWeightHundredths: 10_000 }, over);
    expect(reportOf([started, advanced, promote, back])?.gaps).toEqual([expect.stringContaining('had all requests')]);
  });
});

describe('the report of a rollout that a person takes back', () => {
  let dataDir = '';
  let life: Life;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'handoff-report-'));
    const live = { compareTo: 'baseline', appliesTo: ['live'] };
    const criteria = [
      { name: 'errors', metric: { kind: 'errorRate' }, margin: { absolute: 0.2 }, ...live },
      { name: 'breaches', metric: { kind: 'breachRate' }, margin: { absolute: 0.2 }, ...live },
    ];
    const acceptance = acceptanceSchema.parse({ apiVersion: 'handoff/v1', kind: 'Acceptance', criteria });
    const steps = [{ setWeight: 50 }, { analysis: { atLeast: '5s', minSamples: 10, deadline: '20s', require: [] } }, { pause: {} }, { setWeight: 100 }];
    life = await beginLife(
      { dataDir, random: createRandom(3), nowMs: 1_767_225_600_000, lives: 0, ids: 0 },
      { versions: found(['1.4.0', '2.0.0']).versions.map((version) => ({ ...version, acceptance })), plans: [planFile({ steps, block: '10s', bake: '10s' })] },
    );
  });
  afterEach(async () => {
    await life.store.close();
    await rm(dataDir, { recursive: true, force: true });
  });

  it('has the requests of all its blocks, long after the engine decided last', async () => {
    await life.control.move('card-fraud', { move: 'start' }, { reason: 'a try', actor: 'olga' });
    for (let second = 0; second < 125; second += 1) await life.second({ perSecond: 40, rates: { baseline: 0.1, candidate: 0.1 } });
    await life.control.move('card-fraud', { move: 'rollback' }, { reason: 'enough', actor: 'olga' });
    const reader = openLedgerReader(dataDir);
    const entries = [...reader.lines()].flatMap((line) => {
      const read = readEntryLine(line);
      return typeof read === 'string' ? [] : [read];
    });
    reader.close();
    const report = rolloutReport(entries, { rollout: 'rollout-1', offline: [] });
    expect(life.faults).toEqual([]);
    expect(report?.stretches.map(({ move }) => move)).toEqual(['accept', 'start', 'advance', 'advance', 'rollback']);
    // 12 blocks of 400 requests, half of them the candidate's, of which a tenth fails; the block under way is in no entry.
    expect(report?.cost.candidateRequests).toBeGreaterThan(2_250);
    expect(report?.cost.candidateRequests).toBeLessThan(2_550);
    expect(report?.cost.rescuedRequests).toBeGreaterThan(180);
    expect(report?.cost.rescuedRequests).toBeLessThan(300);
    expect(report?.gaps).toEqual(['Requests after 2026-01-01T00:02:00.000Z are counted in no entry.']);
  });
});
