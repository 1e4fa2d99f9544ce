import { describe, expect, it } from 'vitest';
import { type ModelFiles, type PlanFile, settlePlan } from '../../src/control-plane/settle-plan.ts';
import type { RolloutRecord } from '../../src/store/rollout-store.ts';
import { planFile } from '../support/rollout-files.ts';
import { recordWith } from '../support/rollout-record.ts';

const versionsOf = (...names: readonly string[]) => new Map(names.map((name) => [name, `digest of ${name}`]));
const both = versionsOf('1.4.0', '2.0.0');

const settle = (files: Partial<ModelFiles>) => settlePlan({ model: 'card-fraud', record: null, plans: [], versions: both, serving: null, ...files });

/** A record that the given plan file began. */
const keptOf = (planned: PlanFile, changes: Partial<RolloutRecord> = {}) =>
  recordWith({
    baseline: planned.plan.baseline,
    candidate: planned.plan.candidate,
    candidateDigest: `digest of ${planned.plan.candidate}`,
    planDigest: planned.digest,
    plan: JSON.stringify(planned.plan),
    ...changes,
  });

describe('the baseline', () => {
  it('is the highest release without plan and record', () => {
    expect(settle({ versions: versionsOf('1.4.0', '2.0.0', '3.0.0-rc.1') })).toEqual({ baseline: '2.0.0', accept: null, faults: [] });
  });

  it('stays the one that serves when a higher version arrives without a plan', () => {
    expect(settle({ serving: '1.4.0' }).baseline).toBe('1.4.0');
  });

  it('is the highest release again when the one that served is gone', () => {
    expect(settle({ serving: '1.3.0' }).baseline).toBe('2.0.0');
  });

  it("is the plan's", () => {
    expect(settle({ plans: [planFile()] }).baseline).toBe('1.4.0');
  });

  it("is the plan's also when the plan is refused, since a guess would give all traffic to the candidate", () => {
    const settled = settle({ plans: [planFile({ candidate: '9.0.0' })] });
    expect(settled.accept).toBeNull();
    expect(settled.baseline).toBe('1.4.0');
  });

  it("is the plan's also when that version is refused and others are there", () => {
    const settled = settle({ plans: [planFile()], versions: versionsOf('1.3.0', '2.0.0') });
    expect(settled.baseline).toBe('1.4.0');
    expect(settled.accept).toBeNull();
  });

  it('is the one that a plan names which does not hold', () => {
    const settled = settle({ brokenPlans: [{ file: 'rollout/card-fraud.yaml', models: ['card-fraud'], baseline: '1.4.0' }] });
    expect(settled).toEqual({ baseline: '1.4.0', accept: null, faults: [] });
  });

  it('is unknown when a plan that does not hold may be for the model and names none: the highest may be the candidate', () => {
    const settled = settle({ brokenPlans: [{ file: 'rollout/card-fraud.yaml', models: 'any', baseline: null }] });
    expect(settled).toEqual({
      baseline: null,
      accept: null,
      faults: [
        {
          file: 'rollout/card-fraud.yaml',
          field: 'baseline',
          got: 'none that can be read',
          expected: 'the baseline of card-fraud, which is not served until it is known: the highest version may be the candidate',
        },
      ],
    });
  });

  it('that a plan names which does not hold is said to be missing when it is not there', () => {
    const settled = settle({ brokenPlans: [{ file: 'rollout/card-fraud.yaml', models: ['card-fraud'], baseline: '1.3.9' }] });
    expect(settled).toMatchObject({ baseline: '1.3.9', faults: [{ field: 'baseline', got: '1.3.9, which is not there or was refused' }] });
  });

  it('stays what it is when a plan arrives that does not hold', () => {
    const brokenPlans = [{ file: 'rollout/card-fraud.yaml', models: ['card-fraud'], baseline: null }];
    expect(settle({ brokenPlans, serving: '1.4.0' })).toEqual({ baseline: '1.4.0', accept: null, faults: [] });
    expect(settle({ brokenPlans, plans: [planFile()] }).baseline).toBe('1.4.0');
    expect(settle({ brokenPlans, record: keptOf(planFile()) })).toMatchObject({ baseline: '1.4.0', faults: [] });
    expect(settle({ brokenPlans, record: keptOf(planFile()), versions: versionsOf('2.0.0') })).toMatchObject({ baseline: '1.4.0', faults: [] });
  });

  it('is unknown when two plans of a new model name different ones', () => {
    expect(settle({ plans: [planFile(), planFile({ baseline: '1.3.0' }, 'rollout/other.yaml')] }).baseline).toBeNull();
  });

  it.each([
    { phase: 'paused', baseline: '1.4.0' },
    { phase: 'baking', baseline: '1.4.0' },
    { phase: 'rolled-back', baseline: '1.4.0' },
    { phase: 'promoted', baseline: '2.0.0' },
  ] as const)('is $baseline when the kept rollout is $phase, whatever the file says', ({ phase, baseline }) => {
    const record = keptOf(planFile(), { phase });
    expect(settle({ record, plans: [planFile({ baseline: '1.3.0' })] }).baseline).toBe(baseline);
    expect(settle({ record }).baseline).toBe(baseline);
  });
});

describe('a plan', () => {
  it('is accepted when both versions are there', () => {
    const planned = planFile();
    expect(settle({ plans: [planned] })).toEqual({ baseline: '1.4.0', accept: planned, faults: [] });
  });

  it('is refused for a missing candidate', () => {
    expect(settle({ plans: [planFile()], versions: versionsOf('1.4.0') })).toEqual({
      baseline: '1.4.0',
      accept: null,
      faults: [
        { file: 'rollout/card-fraud.yaml', field: 'candidate', got: '2.0.0, which is not there or was refused', expected: 'a version that serves (1.4.0)' },
      ],
    });
  });

  it('is refused with every fault at once', () => {
    const { faults } = settle({ plans: [planFile()], versions: versionsOf() });
    expect(faults.map(({ field }) => field)).toEqual(['baseline', 'candidate']);
  });

  it('is refused when it replaces a version by itself', () => {
    expect(settle({ plans: [planFile({ candidate: '1.4.0' })] }).faults).toEqual([
      { file: 'rollout/card-fraud.yaml', field: 'candidate', got: '1.4.0', expected: 'another version than the baseline' },
    ]);
  });

  it('is refused in both files when a model has two', () => {
    const { accept, baseline, faults } = settle({ plans: [planFile(), planFile({}, 'rollout/other.yaml')] });
    expect(accept).toBeNull();
    expect(baseline).toBe('1.4.0');
    const got = 'card-fraud in 2 plans (rollout/card-fraud.yaml, rollout/other.yaml)';
    expect(faults).toEqual([
      { file: 'rollout/card-fraud.yaml', field: 'model', got, expected: 'one plan a model' },
      { file: 'rollout/other.yaml', field: 'model', got, expected: 'one plan a model' },
    ]);
  });

  it('is refused when its baseline is not the promoted version', () => {
    const record = keptOf(planFile(), { phase: 'promoted' });
    const planned = planFile({ candidate: '3.0.0' });
    expect(settle({ record, plans: [planned], versions: versionsOf('1.4.0', '2.0.0', '3.0.0') })).toEqual({
      baseline: '2.0.0',
      accept: null,
      faults: [{ file: planned.file, field: 'baseline', got: '1.4.0', expected: '2.0.0, the promoted version' }],
    });
  });

  it('begins the next rollout from the promoted version', () => {
    const record = keptOf(planFile(), { phase: 'promoted' });
    const planned = planFile({ baseline: '2.0.0', candidate: '3.0.0' });
    expect(settle({ record, plans: [planned], versions: versionsOf('2.0.0', '3.0.0') })).toEqual({ baseline: '2.0.0', accept: planned, faults: [] });
  });

  it.each(['pending', 'progressing', 'paused', 'rolled-back', 'promoted'] as const)('that began the kept rollout is nothing new while that is %s', (phase) => {
    const planned = planFile();
    expect(settle({ record: keptOf(planned, { phase }), plans: [planned] })).toMatchObject({ accept: null, faults: [] });
  });

  it('that led to a promotion is no fault when the old baseline is cleared away', () => {
    const planned = planFile();
    expect(settle({ record: keptOf(planned, { phase: 'promoted' }), plans: [planned], versions: versionsOf('2.0.0') })).toEqual({
      baseline: '2.0.0',
      accept: null,
      faults: [],
    });
  });

  it.each(['progressing', 'held', 'paused', 'inconclusive', 'baking'] as const)('that changes while the rollout is %s is reported and not applied', (phase) => {
    const changed = planFile({ steps: [{ setWeight: 50 }] });
    expect(settle({ record: keptOf(planFile(), { phase }), plans: [changed] })).toEqual({
      baseline: '1.4.0',
      accept: null,
      faults: [{ file: changed.file, field: '(whole file)', got: 'a changed plan', expected: expect.stringContaining('until it ends') }],
    });
  });

  it('that changes before the start is accepted anew', () => {
    const changed = planFile({ steps: [{ setWeight: 50 }] });
    expect(settle({ record: keptOf(planFile()), plans: [changed] })).toMatchObject({ accept: changed, faults: [] });
  });

  it('is accepted anew when the candidate is rebuilt before the start', () => {
    const planned = planFile();
    expect(settle({ record: keptOf(planned, { candidateDigest: 'of the first build' }), plans: [planned] }).accept).toBe(planned);
  });

  it('is accepted anew when the baseline is rebuilt before the start, and not when its first digest is not known', () => {
    const planned = planFile();
    expect(settle({ record: keptOf(planned, { baselineDigest: 'of the first build' }), plans: [planned] }).accept).toBe(planned);
    expect(settle({ record: keptOf(planned, { baselineDigest: null }), plans: [planned] }).accept).toBeNull();
  });

  it('does not bring back a candidate that was rolled back, not even when the plan is another', () => {
    const changed = planFile({ steps: [{ setWeight: 50 }] });
    expect(settle({ record: keptOf(planFile(), { phase: 'rolled-back' }), plans: [changed] })).toMatchObject({ accept: null, faults: [] });
  });

  it('brings a rebuilt candidate after a rollback', () => {
    const planned = planFile();
    expect(settle({ record: keptOf(planned, { phase: 'rolled-back', candidateDigest: 'of the first build' }), plans: [planned] }).accept).toBe(planned);
  });
});

describe('a candidate whose files change under a live rollout', () => {
  it('is reported with both digests, with and without a plan file', () => {
    const record = keptOf(planFile(), { phase: 'paused', candidateDigest: 'of the first build' });
    const fault = {
      file: 'card-fraud/2.0.0',
      field: 'digest',
      got: 'digest of 2.0.0',
      expected: `of the first build, with which rollout ${record.rollout} began`,
    };
    expect(settle({ record, plans: [planFile()] }).faults).toEqual([fault]);
    expect(settle({ record }).faults).toEqual([fault]);
  });
});
