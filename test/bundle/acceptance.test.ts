import { readdirSync, readFileSync } from 'node:fs';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { acceptanceSchema, isGuardrail, noAcceptance, outcomeWindowMs } from '../../src/bundle/acceptance.ts';
import { declaredOutcomes } from '../../src/bundle/declared-outcomes.ts';
import { checkDocument } from '../../src/bundle/fault.ts';
import { readBundle } from '../../src/bundle/read-bundle.ts';

const models = new URL('../../models/', import.meta.url);
const files = readdirSync(models).flatMap((model) => readdirSync(new URL(`${model}/`, models)).map((version) => `${model}/${version}/acceptance.yaml`));

const errors = { name: 'errors', metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] };
const outcome = { kind: 'outcomeRate', outcome: 'confirmed', harm: 'lower', window: '7d' };
const caught = { name: 'fraud-caught', metric: outcome, compareTo: 'baseline', margin: { relative: 0.05 }, appliesTo: ['live'] };
const slow = {
  name: 'latency',
  metric: { kind: 'latency', quantiles: [0.5, 0.8, 0.95, 0.99] },
  compareTo: 'baseline',
  margin: { relative: 0.1, atLeastMs: 1 },
  bound: { p95Ms: 30 },
  appliesTo: ['offline', 'live'],
};
const agrees = {
  name: 'same-answers',
  metric: { kind: 'disagreement', output: 'fraud_probability', tolerance: 0.01 },
  compareTo: 'baseline',
  margin: { absolute: 0.02 },
  appliesTo: ['live'],
};
const acceptance = (changes: Record<string, unknown>) => ({ apiVersion: 'handoff/v1', kind: 'Acceptance', criteria: [errors], ...changes });

const faultsIn = (document: unknown) => checkDocument(acceptanceSchema, 'acceptance.yaml', document).faults;

describe('an acceptance file', () => {
  it.each(files)('holds in %s', (file) => {
    expect(faultsIn(parse(readFileSync(new URL(file, models), 'utf8')))).toEqual([]);
  });

  it('compares run times and outputs in pairs', () => {
    expect(faultsIn(acceptance({ criteria: [slow, agrees, { ...agrees, name: 'all-outputs', metric: { kind: 'disagreement' } }] }))).toEqual([]);
  });

  it.each([
    ['live', { ...errors, margin: { relative: -0.02 } }],
    ['live, in points', { ...errors, margin: { absolute: -0.002 } }],
    ['of an outcome', { ...caught, margin: { relative: -0.02 } }],
    ['offline', { ...errors, metric: { kind: 'ndcg', k: 10 }, margin: { relative: -0.02 }, appliesTo: ['offline'] }],
  ])('may ask for a gain by a negative margin, %s', (_, criterion) => {
    expect(faultsIn(acceptance({ criteria: [criterion] }))).toEqual([]);
  });

  it.each([
    ['a rate that may double', { ...errors, margin: { relative: 1 } }],
    ['a share of the outputs that may triple', { ...errors, metric: { kind: 'outputRate', output: 'flagged' }, margin: { relative: 2 } }],
    ['an outcome that does harm and may double', { ...caught, metric: { ...outcome, harm: 'higher' }, margin: { relative: 1 } }],
    [
      'a cost in a unit of its own',
      { ...errors, metric: { kind: 'cost', falsePositive: 1, falseNegative: 25 }, margin: { absolute: 2 }, appliesTo: ['offline'] },
    ],
    ['run times that may double', { ...slow, margin: { relative: 1.5 } }],
  ])('may have a margin of %s', (_, criterion) => {
    expect(faultsIn(acceptance({ criteria: [criterion] }))).toEqual([]);
  });

  it.each([
    ['errorRate', errors],
    ['breachRate', { ...errors, metric: { kind: 'breachRate' }, appliesTo: ['offline', 'live'] }],
    ['outputRate', { ...errors, metric: { kind: 'outputRate', output: 'flagged' } }],
    ['abstainRate', { ...errors, metric: { kind: 'abstainRate' } }],
    ['outcomeRate', caught],
    ['outcomeMean', { ...caught, metric: { ...outcome, kind: 'outcomeMean' } }],
    ['disagreement', agrees],
  ])('says that the margin of %s is a share, where it is the whole rate or more', (_, criterion) => {
    for (const absolute of [1, 2]) {
      expect(faultsIn(acceptance({ criteria: [{ ...criterion, margin: { absolute } }] }))).toEqual([
        { file: 'acceptance.yaml', field: 'criteria.0.margin', got: expect.any(String), expected: expect.stringContaining('0.02 is two points') },
      ]);
    }
    expect(faultsIn(acceptance({ criteria: [{ ...criterion, margin: { absolute: 0.99 } }] }))).toEqual([]);
  });

  it.each([
    { what: 'an unknown kind', criteria: [{ ...errors, metric: { kind: 'luck' } }], field: 'criteria.0.metric.kind' },
    { what: 'an unknown field', criteria: [{ ...errors, weight: 1 }], field: 'criteria.0.weight' },
    { what: 'a kind without its parameter', criteria: [{ ...errors, metric: { kind: 'outputRate' } }], field: 'criteria.0.metric.output' },
    { what: 'a window that is none', criteria: [{ ...caught, metric: { ...outcome, window: '7 days' } }], field: 'criteria.0.metric.window' },
    { what: 'no harm', criteria: [{ ...caught, metric: { ...outcome, harm: undefined } }], field: 'criteria.0.metric.harm' },
    { what: 'a margin without a baseline', criteria: [{ ...errors, compareTo: undefined, bound: { max: 1 } }], field: 'criteria.0.compareTo' },
    { what: 'a baseline without a margin', criteria: [{ ...errors, margin: undefined }], field: 'criteria.0.margin' },
    { what: 'nothing to hold', criteria: [{ ...errors, compareTo: undefined, margin: undefined }], field: 'criteria.0.bound' },
    { what: 'milliseconds as the limit of a rate', criteria: [{ ...errors, bound: { p95Ms: 30 } }], field: 'criteria.0.bound' },
    { what: 'a share as the limit of latency', criteria: [{ ...slow, bound: { max: 0.1 } }], field: 'criteria.0.bound' },
    { what: 'a lower limit of errors', criteria: [{ ...errors, bound: { min: 0.1 } }], field: 'criteria.0.bound' },
    { what: 'a limit of what is seen in pairs', criteria: [{ ...agrees, bound: { max: 0.1 } }], field: 'criteria.0.bound' },
    { what: 'a limit of outcomes', criteria: [{ ...caught, bound: { min: 0.1 } }], field: 'criteria.0.bound' },
    { what: 'two margins', criteria: [{ ...errors, margin: { absolute: 1, relative: 1 } }], field: expect.stringMatching(/^criteria\.0\.margin/) },
    { what: 'milliseconds for a rate', criteria: [{ ...errors, margin: { relative: 0.1, atLeastMs: 1 } }], field: 'criteria.0.margin' },
    { what: 'an absolute margin for latency', criteria: [{ ...slow, margin: { absolute: 5 } }], field: 'criteria.0.margin' },
    { what: 'a quantile that is none', criteria: [{ ...slow, metric: { kind: 'latency', quantiles: [95] } }], field: 'criteria.0.metric.quantiles.0' },
    { what: 'latency without quantiles', criteria: [{ ...slow, metric: { kind: 'latency' } }], field: 'criteria.0.metric.quantiles' },
    { what: 'a gain of the whole rate', criteria: [{ ...errors, margin: { absolute: -1 } }], field: 'criteria.0.margin' },
    { what: 'a gain of run times', criteria: [{ ...slow, margin: { relative: -0.2 } }], field: 'criteria.0.margin' },
    { what: 'a gain of run times offline', criteria: [{ ...slow, margin: { relative: -0.2 }, appliesTo: ['offline'] }], field: 'criteria.0.margin' },
    {
      what: 'a gain where more and fewer are harm',
      criteria: [{ ...errors, metric: { kind: 'outputRate', output: 'flagged' }, margin: { relative: -0.02 } }],
      field: 'criteria.0.margin',
    },
    { what: 'a gain in abstentions', criteria: [{ ...errors, metric: { kind: 'abstainRate' }, margin: { absolute: -0.01 } }], field: 'criteria.0.margin' },
    { what: 'an outcome that may be gone', criteria: [{ ...caught, margin: { relative: 1 } }], field: 'criteria.0.margin' },
    {
      what: 'a mean of outcomes that may be gone',
      criteria: [{ ...caught, metric: { ...outcome, kind: 'outcomeMean' }, margin: { relative: 1.5 } }],
      field: 'criteria.0.margin',
    },
    { what: 'versions that agree more than the baseline with itself', criteria: [{ ...agrees, margin: { absolute: -0.01 } }], field: 'criteria.0.margin' },
    { what: 'a relative margin for disagreement', criteria: [{ ...agrees, margin: { relative: 0.1 } }], field: 'criteria.0.margin' },
    { what: 'a negative tolerance', criteria: [{ ...agrees, metric: { kind: 'disagreement', tolerance: -1 } }], field: 'criteria.0.metric.tolerance' },
    { what: 'a live criterion that is offline only', criteria: [{ ...errors, metric: { kind: 'ndcg', k: 10 } }], field: 'criteria.0.appliesTo' },
    { what: 'an offline criterion that is live only', criteria: [{ ...errors, appliesTo: ['offline'] }], field: 'criteria.0.appliesTo' },
    { what: 'a name twice', criteria: [errors, errors], field: 'criteria.1.name' },
    { what: 'no criterion', criteria: [], field: 'criteria' },
    { what: 'a fault that nobody can inject', criteria: [errors], faults: [{ name: 'x', flood: 1 }], field: expect.stringMatching(/^faults\.0/) },
    {
      what: 'a fault twice',
      criteria: [errors],
      faults: [
        { name: 'x', errorRate: 0.1 },
        { name: 'x', errorRate: 0.2 },
      ],
      field: 'faults.1.name',
    },
  ])('is refused with $what, by file, field, got and expected', ({ criteria, faults = [], field }) => {
    const [fault, ...others] = faultsIn(acceptance({ criteria, faults }));
    expect(fault).toEqual({ file: 'acceptance.yaml', field, got: expect.any(String), expected: expect.any(String) });
    expect(others).toEqual([]);
  });
});

describe('a criterion', () => {
  it('is a guardrail when it is live and compared with the baseline', () => {
    const bounded = { ...errors, name: 'backstop', compareTo: undefined, margin: undefined, bound: { max: 0.1 } };
    expect(acceptanceSchema.parse(acceptance({ criteria: [errors, caught, bounded] })).criteria.map(isGuardrail)).toEqual([true, true, false]);
    expect(noAcceptance.criteria).toEqual([]);
  });

  it('has the window of its outcome', () => {
    expect(acceptanceSchema.parse(acceptance({ criteria: [errors, caught] })).criteria.map(outcomeWindowMs)).toEqual([null, 7 * 86_400_000]);
  });
});

describe('the acceptance of a bundle', () => {
  const version = { model: 'card-fraud', version: '1.4.0' };
  const goldenFolder = fileURLToPath(new URL('../../golden/card-fraud/1.4.0/', import.meta.url));
  const folder = fileURLToPath(new URL('card-fraud/1.4.0/', models));

  it('is read with it', async () => {
    const { bundle } = await readBundle({ ...version, folder, goldenFolder });
    expect(bundle?.acceptance.criteria.map(({ name }) => name)).toEqual(expect.arrayContaining(['errors', 'latency', 'fraud-caught']));
  });

  it('refuses the bundle when it does not hold', async () => {
    const copy = await mkdtemp(join(tmpdir(), 'handoff-acceptance-'));
    try {
      await cp(folder, copy, { recursive: true });
      await writeFile(join(copy, 'acceptance.yaml'), 'apiVersion: handoff/v1\nkind: Acceptance\ncriteria: [{ name: errors }]\n');
      const { bundle, faults } = await readBundle({ ...version, folder: copy, goldenFolder });
      expect(bundle).toBeNull();
      expect(faults).toContainEqual({ file: 'acceptance.yaml', field: 'criteria.0.metric', got: 'nothing', expected: expect.any(String) });
    } finally {
      await rm(copy, { recursive: true, force: true });
    }
  });
});

describe('an outcome of an acceptance file', () => {
  const mean = { ...caught, name: 'ranking', metric: { kind: 'outcomeMean', outcome: 'ndcg', harm: 'lower', window: '24h', historicalMean: 0.6 } };

  it('is declared with its kind, window and margin', () => {
    const declared = declaredOutcomes(acceptanceSchema.parse(acceptance({ criteria: [errors, caught, mean] })));
    expect([...declared.values()]).toEqual([
      { name: 'confirmed', kind: 'rate', windowMs: 7 * 86_400_000, relativeMargin: true },
      { name: 'ndcg', kind: 'mean', windowMs: 86_400_000, relativeMargin: true },
    ]);
  });

  it('is measured by one criterion', () => {
    expect(faultsIn(acceptance({ criteria: [caught, errors, { ...caught, name: 'again' }] }))).toEqual([
      {
        file: 'acceptance.yaml',
        field: 'criteria.2.metric.outcome',
        got: expect.stringContaining('confirmed'),
        expected: 'an outcome that no other criterion measures',
      },
    ]);
  });

  it.each([{ outcome: '' }, { outcome: 'Confirmed fraud' }, { historicalMean: 1.5 }])('is refused with %o', (change) => {
    expect(faultsIn(acceptance({ criteria: [{ ...mean, metric: { ...mean.metric, ...change } }] }))).toHaveLength(1);
  });
});
