import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ModelContract } from '../../src/bundle/contract.ts';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import type { Found } from '../../src/control-plane/reconcile-bundles.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import { ProblemError } from '../../src/problem.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { realBundle } from '../support/real-bundles.ts';
import { found, planFile } from '../support/rollout-files.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

const both = ['1.4.0', '2.0.0'];
const nowMs = 1_767_225_600_000;

let directory = '';
let store: RolloutStore;
let published: TrafficAssignment[] = [];
let ids = 0;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-control-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  published = [];
  ids = 0;
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

const control = (): RolloutControl =>
  createRolloutControl(
    createControlContext({
      store,
      clock: { wallMs: () => nowMs, monotonicMs: () => 0 },
      newId: () => {
        ids += 1;
        return `rollout-${ids}`;
      },
      publish: (assignment) => {
        published.push(assignment);
      },
    }),
  );

const lastPublished = (): TrafficAssignment | undefined => published.at(-1);

const begun = async (): Promise<RolloutControl> => {
  const rollouts = control();
  await rollouts.reconcile(found(both));
  return rollouts;
};

const byHand = { reason: 'a look at real traffic', actor: 'olga' };

const refusalOf = async (promise: Promise<unknown>): Promise<{ type: string; detail: string }> => {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ProblemError);
  const problem = ProblemError.from(error);
  return { type: problem.type, detail: problem.message };
};

const seeded = async (changes: Parameters<typeof recordWith>[0]): Promise<void> => {
  const planned = planFile();
  const record = recordWith({ planDigest: planned.digest, candidateDigest: 'digest of 2.0.0', plan: JSON.stringify(planned.plan), ...changes });
  await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
};

/** Versions of which the candidate's clients can tell something. */
const comparableFound = async (contract: (baseline: ModelContract) => ModelContract, plans = [planFile()]): Promise<Found> => {
  const bundle = await realBundle('card-fraud', '1.4.0');
  const candidate = { ...bundle, contract: contract(bundle.contract) };
  const files = found(both, plans);
  return { ...files, versions: files.versions.map((entry) => ({ ...entry, comparable: entry.version === '2.0.0' ? candidate : bundle })) };
};

const withoutOutputs = (contract: ModelContract): ModelContract => ({ ...contract, derived: [] });

const withMoreInputs = (contract: ModelContract): ModelContract => ({
  ...contract,
  passThrough: [{ name: 'channel', kind: 'string', required: true, acceptedUnits: {}, classification: 'internal' }],
});

describe('a candidate with another contract', () => {
  it.each(['full', 'partial'])('is refused when its outputs break, with eligibility %s, and every move says why', async (eligibility) => {
    const rollouts = control();
    const { accepted, refused } = await rollouts.reconcile(await comparableFound(withoutOutputs, [planFile({ eligibility })]));
    expect(accepted).toEqual([]);
    expect(refused).toEqual([
      {
        file: 'rollout/card-fraud.yaml',
        field: 'candidate',
        got: '2.0.0, whose output flagged is gone: clients that read it find nothing',
        expected: 'outputs that clients of the baseline can read',
      },
    ]);
    for (const move of [() => rollouts.move('card-fraud', { move: 'start' }, byHand), () => rollouts.setWeight('card-fraud', { weight: 1, ...byHand })]) {
      const { type, detail } = await refusalOf(move());
      expect(type).toBe('rollout-conflict');
      expect(detail).toContain('output flagged is gone');
    }
    expect(lastPublished()).toMatchObject({ baseline: '1.4.0', rollout: null });
  });

  it('needs eligibility partial for inputs that older clients do not send', async () => {
    const rollouts = control();
    const full = await rollouts.reconcile(await comparableFound(withMoreInputs));
    expect(full.refused).toMatchObject([
      { got: expect.stringContaining('input channel is new and required'), expected: expect.stringContaining('eligibility: partial') },
    ]);
    const partial = await rollouts.reconcile(await comparableFound(withMoreInputs, [planFile({ eligibility: 'partial' })]));
    expect(partial).toMatchObject({ accepted: [{ model: 'card-fraud' }], refused: [] });
    expect(await rollouts.move('card-fraud', { move: 'start' }, byHand)).toMatchObject({ phase: 'progressing' });
  });

  it('cannot be started from a plan that was accepted before', async () => {
    const auto = planFile({ start: 'auto' });
    await seeded({ phase: 'pending', planDigest: auto.digest, plan: JSON.stringify(auto.plan) });
    const rollouts = control();
    await rollouts.reconcile(await comparableFound(withMoreInputs, [auto]));
    expect(rollouts.get('card-fraud').phase).toBe('pending');
    const { detail } = await refusalOf(rollouts.move('card-fraud', { move: 'start' }, byHand));
    expect(detail).toMatch(/^The rollout of card-fraud cannot start\. The plan does not hold: .*input channel is new and required/);
  });
});

describe('reconciling', () => {
  it('serves the highest release of a model without a plan', async () => {
    expect(await control().reconcile(found(both, []))).toEqual({ accepted: [], refused: [] });
    expect(published).toEqual([{ model: 'card-fraud', epoch: 1, baseline: '2.0.0', rollout: null }]);
  });

  it('begins a pending rollout at weight 0 for a new plan', async () => {
    const rollouts = control();
    const planned = planFile({ routingKey: { field: 'card' }, eligibility: 'partial', match: [{ header: 'x-cohort', equals: 'internal' }] });
    expect(await rollouts.reconcile(found(both, [planned]))).toEqual({
      accepted: [{ file: planned.file, model: 'card-fraud', rollout: 'rollout-1' }],
      refused: [],
    });
    const rollout = {
      id: 'rollout-1',
      candidate: '2.0.0',
      weightHundredths: 0,
      eligibility: 'partial',
      routingKey: { field: 'card' },
      match: [],
      watchedOutputs: [],
      compare: null,
      bounds: [],
    };
    expect(published).toEqual([{ model: 'card-fraud', epoch: 1, baseline: '1.4.0', rollout }]);
    expect(rollouts.get('card-fraud')).toEqual({
      model: 'card-fraud',
      rollout: 'rollout-1',
      attempt: 1,
      phase: 'pending',
      baseline: '1.4.0',
      candidate: '2.0.0',
      weight: 0,
      effective_weight: 0,
      step: 0,
      epoch: 1,
      revision: 1,
      evidence: null,
      ineligible_share: null,
      next: null,
      guardrails: [],
      reason: 'rollout/card-fraud.yaml was accepted: 2.0.0 is to replace 1.4.0',
    });
    expect(await rollouts.decisions('card-fraud', { limit: 10 })).toEqual([
      expect.objectContaining({ move: 'accept', actor: 'gateway', atMs: nowMs, epoch: 1, revision: 1, toWeightHundredths: 0 }),
    ]);
  });

  it('changes nothing when nothing has changed, and publishes again', async () => {
    const rollouts = await begun();
    const before = rollouts.get('card-fraud');
    expect(await rollouts.reconcile(found(both))).toEqual({ accepted: [], refused: [] });
    expect(rollouts.get('card-fraud')).toEqual(before);
    expect(published).toEqual([published[0], published[0]]);
  });

  it('begins the rollout when the candidate of a refused plan arrives, with a greater epoch', async () => {
    const rollouts = control();
    const early = await rollouts.reconcile(found(['1.4.0']));
    expect(early.refused.map(({ field }) => field)).toEqual(['candidate']);
    expect(published).toEqual([{ model: 'card-fraud', epoch: 1, baseline: '1.4.0', rollout: null }]);
    expect((await rollouts.reconcile(found(both))).accepted).toHaveLength(1);
    expect(lastPublished()).toMatchObject({ epoch: 2, baseline: '1.4.0', rollout: { id: 'rollout-1' } });
  });

  it('makes a model unready whose planned baseline is missing, although other versions are there', async () => {
    const { accepted, refused } = await control().reconcile(found(['1.3.0', '2.0.0']));
    expect(accepted).toEqual([]);
    expect(refused.map(({ field }) => field)).toEqual(['baseline']);
    expect(published).toEqual([{ model: 'card-fraud', epoch: 1, baseline: null, rollout: null }]);
  });

  it('publishes each of several models', async () => {
    const ranker = { model: 'search-ranker', version: '1.2.0', digest: 'r' };
    const cards = found(both);
    await control().reconcile({ ...cards, versions: [...cards.versions, ranker] });
    expect(published.map(({ model, baseline }) => [model, baseline])).toEqual([
      ['card-fraud', '1.4.0'],
      ['search-ranker', '1.2.0'],
    ]);
  });

  it('settles only the named models, the others keep what they have', async () => {
    const rollouts = await begun();
    const state = rollouts.get('card-fraud');
    const ranker = { model: 'search-ranker', version: '1.2.0', digest: 'r' };
    await rollouts.reconcile({ versions: [ranker], plans: [], models: new Set(['search-ranker']) });
    expect(rollouts.get('card-fraud')).toEqual(state);
    expect(published.map(({ model }) => model)).toEqual(['card-fraud', 'search-ranker']);
  });

  it('replaces a pending rollout whose plan changes by a new one', async () => {
    const rollouts = await begun();
    await rollouts.reconcile(found(both, [planFile({ steps: [{ setWeight: 50 }] })]));
    expect(rollouts.get('card-fraud')).toMatchObject({ rollout: 'rollout-2', attempt: 1, phase: 'pending', epoch: 2, revision: 2 });
  });

  it('reports a plan that changes under a live rollout and keeps the plan with which it started', async () => {
    const rollouts = await begun();
    const state = await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    const { refused } = await rollouts.reconcile(found(both, [planFile({ steps: [{ setWeight: 50 }], routingKey: { field: 'card' } })]));
    expect(refused.map(({ got }) => got)).toEqual(['a changed plan']);
    expect(rollouts.get('card-fraud')).toEqual(state);
    expect(lastPublished()?.rollout?.routingKey).toBeNull();
  });

  it('keeps a live rollout whose plan file is gone', async () => {
    const rollouts = await begun();
    const state = await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    expect(await rollouts.reconcile(found(both, []))).toEqual({ accepted: [], refused: [] });
    expect(rollouts.get('card-fraud')).toEqual(state);
  });

  it.each([
    { phase: 'promoted', baseline: '2.0.0' },
    { phase: 'rolled-back', baseline: '1.4.0' },
  ] as const)('serves $baseline alone after a rollout that is $phase', async ({ phase, baseline }) => {
    await seeded({ phase, weightHundredths: phase === 'promoted' ? 10_000 : 0, epoch: 8 });
    const rollouts = control();
    expect(await rollouts.reconcile(found(both))).toEqual({ accepted: [], refused: [] });
    expect(published).toEqual([{ model: 'card-fraud', epoch: 8, baseline, rollout: null }]);
    expect(rollouts.get('card-fraud')).toMatchObject({ phase, effective_weight: 0 });
  });

  it('fails with the store and changes nothing', async () => {
    const rollouts = control();
    await store.close();
    await expect(rollouts.reconcile(found(both))).rejects.toThrow('closed');
    expect(published).toEqual([]);
  });
});

describe('a version that goes and comes', () => {
  it('takes a lost candidate out of the traffic, keeps its weight, and brings it back', async () => {
    const rollouts = await begun();
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    await rollouts.reconcile(found(['1.4.0']));
    expect(lastPublished()).toEqual({ model: 'card-fraud', epoch: 3, baseline: '1.4.0', rollout: null });
    expect(rollouts.get('card-fraud')).toMatchObject({
      phase: 'paused',
      weight: 10,
      effective_weight: 0,
      revision: 3,
      reason: expect.stringContaining('not available'),
    });
    await rollouts.reconcile(found(both));
    expect(lastPublished()).toMatchObject({ epoch: 4, rollout: { weightHundredths: 1000 } });
    expect(rollouts.get('card-fraud')).toMatchObject({ weight: 10, effective_weight: 10 });
    const moves = (await rollouts.decisions('card-fraud', { limit: 10 })).map(({ move }) => move);
    expect(moves).toEqual(['available', 'candidate-unavailable', 'set-weight', 'accept']);
  });

  it('does not send traffic to a candidate whose files have changed', async () => {
    const rollouts = await begun();
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    const changed = found(both);
    const versions = changed.versions.map((entry) => (entry.version === '2.0.0' ? { ...entry, digest: 'another' } : entry));
    expect((await rollouts.reconcile({ ...changed, versions })).refused.map(({ field }) => field)).toEqual(['digest']);
    expect(lastPublished()?.rollout).toBeNull();
  });

  it.each(['a running gateway', 'a restart'])('compares nothing with a baseline whose files have changed, over %s', async (over) => {
    const rollouts = await begun();
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    const changed = found(both);
    const versions = changed.versions.map((entry) => (entry.version === '1.4.0' ? { ...entry, digest: 'another' } : entry));
    const next = over === 'a restart' ? control() : rollouts;
    const { refused } = await next.reconcile({ ...changed, versions });
    expect(refused).toEqual([
      { file: 'card-fraud/1.4.0', field: 'digest', got: 'another', expected: expect.stringMatching(/^digest of 1\.4\.0, with which rollout rollout-1 began$/) },
    ]);
    expect(lastPublished()).toMatchObject({ baseline: '1.4.0', rollout: null });
    expect(next.get('card-fraud')).toMatchObject({
      phase: 'paused',
      weight: 10,
      effective_weight: 0,
      reason: 'the baseline 1.4.0 has other files than the rollout began with: it answers, and nothing is compared with it',
    });
    await next.reconcile(found(both));
    expect(next.get('card-fraud')).toMatchObject({ weight: 10, effective_weight: 10 });
    const moves = (await next.decisions('card-fraud', { limit: 10 })).map(({ move }) => move);
    expect(moves).toEqual(['available', 'baseline-changed', 'set-weight', 'accept']);
  });

  it('says of a candidate whose files have changed that they have', async () => {
    const rollouts = await begun();
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    const changed = found(both);
    await rollouts.reconcile({ ...changed, versions: changed.versions.map((entry) => (entry.version === '2.0.0' ? { ...entry, digest: 'another' } : entry)) });
    expect(rollouts.get('card-fraud').reason).toBe('the candidate 2.0.0 has other files than the rollout began with: the baseline answers');
  });

  it('takes any baseline for that of a rollout from before its digest was kept', async () => {
    await seeded({ phase: 'paused', weightHundredths: 1_000, baselineDigest: null });
    const rollouts = control();
    await rollouts.reconcile(found(both));
    expect(rollouts.get('card-fraud').effective_weight).toBe(10);
  });

  it('makes the model unready when the baseline is lost', async () => {
    const rollouts = await begun();
    await rollouts.reconcile(found(['2.0.0']));
    expect(lastPublished()).toEqual({ model: 'card-fraud', epoch: 2, baseline: null, rollout: null });
    expect(rollouts.get('card-fraud').effective_weight).toBe(0);
  });

  it('accepts a weight for a candidate that is away, for when it is back', async () => {
    const rollouts = await begun();
    await rollouts.reconcile(found(['1.4.0']));
    expect(await rollouts.setWeight('card-fraud', { ...byHand, weight: 25 })).toMatchObject({ weight: 25, effective_weight: 0 });
    expect(lastPublished()?.rollout).toBeNull();
    await rollouts.reconcile(found(both));
    expect(rollouts.get('card-fraud').effective_weight).toBe(25);
  });

  it('counts a new epoch when the candidate is back only after a restart', async () => {
    const rollouts = await begun();
    await rollouts.reconcile(found(['1.4.0']));
    for (let weight = 1; weight <= 3; weight += 1) await rollouts.setWeight('card-fraud', { ...byHand, weight });
    const epoch = lastPublished()?.epoch ?? 0;
    await control().reconcile(found(both));
    expect(lastPublished()).toMatchObject({ epoch: epoch + 1, rollout: { weightHundredths: 300 } });
    await control().reconcile(found(both));
    expect(lastPublished()?.epoch).toBe(epoch + 1);
  });
});

describe('setting the weight', () => {
  it('starts a pending rollout paused and is in force when it answers', async () => {
    const rollouts = await begun();
    const state = await rollouts.setWeight('card-fraud', { ...byHand, weight: 12.34 });
    expect(state).toMatchObject({ phase: 'paused', weight: 12.34, effective_weight: 12.34, epoch: 2, revision: 2, reason: byHand.reason });
    expect(lastPublished()).toMatchObject({ epoch: 2, rollout: { weightHundredths: 1234 } });
    expect(rollouts.get('card-fraud')).toEqual(state);
    expect(rollouts.list()).toEqual([state]);
  });

  it('records who, when, why, from and to', async () => {
    const rollouts = await begun();
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    await rollouts.setWeight('card-fraud', { weight: 0, reason: 'enough', actor: 'piet' });
    const [newest, older] = await rollouts.decisions('card-fraud', { limit: 2 });
    expect(newest).toMatchObject({
      move: 'set-weight',
      actor: 'piet',
      reason: 'enough',
      atMs: nowMs,
      fromWeightHundredths: 1000,
      toWeightHundredths: 0,
      epoch: 3,
      revision: 3,
    });
    expect(older).toMatchObject({ actor: 'olga', fromWeightHundredths: 0, toWeightHundredths: 1000 });
    expect(await rollouts.decisions('card-fraud', { limit: 5, before: older?.sequence ?? 0 })).toHaveLength(1);
  });

  it('lets cohorts through once a person has started the rollout, at weight 0 too', async () => {
    const rollouts = control();
    await rollouts.reconcile(found(both, [planFile({ match: [{ header: 'x-cohort', equals: 'internal' }] })]));
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 0 });
    expect(lastPublished()?.rollout?.match).toEqual([{ header: 'x-cohort', equals: 'internal' }]);
  });

  it('survives a restart unchanged', async () => {
    const before = await (await begun()).setWeight('card-fraud', { ...byHand, weight: 10 });
    const assignment = lastPublished();
    await store.close();
    store = await createSqliteRolloutStore({ dataDir: directory });
    const restarted = control();
    await restarted.reconcile(found(both));
    expect(restarted.get('card-fraud')).toEqual(before);
    expect(lastPublished()).toEqual(assignment);
  });

  it.each(['baking', 'promoted', 'rolled-back'] as const)('is refused while %s, with the phase and the legal moves', async (phase) => {
    await seeded({ phase });
    const rollouts = control();
    await rollouts.reconcile(found(both));
    const { type, detail } = await refusalOf(rollouts.setWeight('card-fraud', { ...byHand, weight: 10 }));
    expect(type).toBe('rollout-conflict');
    expect(detail).toMatch(new RegExp(`set-weight is not legal in phase ${phase}; legal moves: (rollback|start)\\.`));
    expect(published).toHaveLength(1);
  });

  it('refuses a model that is unknown and a model without a rollout', async () => {
    const rollouts = control();
    await rollouts.reconcile(found(both, []));
    expect(await refusalOf(rollouts.setWeight('nobody', { ...byHand, weight: 10 }))).toMatchObject({ type: 'model-not-found' });
    expect(await refusalOf(rollouts.setWeight('card-fraud', { ...byHand, weight: 10 }))).toMatchObject({
      type: 'rollout-conflict',
      detail: expect.stringContaining('no rollout'),
    });
    expect(() => rollouts.get('nobody')).toThrow('no model nobody');
    expect(() => rollouts.get('card-fraud')).toThrow('has no rollout');
    expect(rollouts.list()).toEqual([]);
    expect(await refusalOf(rollouts.decisions('nobody', { limit: 1 }))).toMatchObject({ type: 'model-not-found' });
  });

  it('takes a plan for a model that nobody knows for one of the model that its file is named after', async () => {
    const rollouts = control();
    await rollouts.reconcile(found(both, [planFile({ model: 'card-fruad' })]));
    expect(published.find(({ model }) => model === 'card-fraud')).toMatchObject({ baseline: '1.4.0', rollout: null });
  });

  it('has no date for what a kept plan puts beyond all calendars', async () => {
    const steps = [{ analysis: { atLeast: 1_000, minSamples: 1, deadline: 1e20 } }];
    await seeded({ phase: 'progressing', step: 0, plan: JSON.stringify({ ...planFile().plan, steps }) });
    const rollouts = control();
    await rollouts.reconcile(found(both));
    expect(rollouts.get('card-fraud').next).toEqual({ move: 'advance', not_before: expect.any(String), deadline: null });
  });

  it('changes nothing when the store fails', async () => {
    const rollouts = await begun();
    const before = rollouts.get('card-fraud');
    await store.close();
    expect(await refusalOf(rollouts.setWeight('card-fraud', { ...byHand, weight: 10 }))).toMatchObject({
      type: 'internal',
      detail: 'The store failed, and nothing was changed. A rollback is possible without it.',
    });
    expect(rollouts.get('card-fraud')).toEqual(before);
    expect(published).toHaveLength(1);
  });

  it.each(['fails', 'hangs'])('rolls back without a store that %s, in the epoch that it would be kept with', async (how) => {
    const rollouts = await begun();
    await rollouts.setWeight('card-fraud', { ...byHand, weight: 10 });
    const before = rollouts.get('card-fraud');
    const { save } = store;
    Object.assign(store, { save: () => (how === 'fails' ? Promise.reject(new Error('disk full')) : new Promise(() => undefined)) });
    const state = await rollouts.move('card-fraud', { move: 'rollback' }, { ...byHand, reason: 'wrong amounts' });
    expect(state).toMatchObject({ effective_weight: 0, revision: before.revision });
    expect(state.reason).toBe('wrong amounts (in force, and kept as soon as the store answers)');
    expect(published.at(-1)).toMatchObject({ epoch: before.epoch + 1, rollout: null });
    Object.assign(store, { save });
    expect(await refusalOf(rollouts.setWeight('card-fraud', { ...byHand, weight: 20 }))).toMatchObject({
      type: 'rollout-conflict',
      detail: 'The rollout of card-fraud is rolled back; that is kept as soon as the store answers.',
    });
  });

  it('changes nothing when another writer was faster in the store', async () => {
    const rollouts = await begun();
    const [kept] = await store.load();
    const record = { ...recordWith(), ...kept, revision: 2 };
    await store.save({ record, expectedRevision: 1, decision: decisionFor(record) });
    expect(await refusalOf(rollouts.setWeight('card-fraud', { ...byHand, weight: 10 }))).toMatchObject({ type: 'rollout-conflict' });
    expect(published).toHaveLength(1);
    expect(await store.load()).toEqual([record]);
  });

  it('admits one of many writers who expect the same revision', async () => {
    const rollouts = await begun();
    const writes = await Promise.allSettled([1, 2, 3, 4, 5].map((weight) => rollouts.setWeight('card-fraud', { ...byHand, weight, expectedRevision: 1 })));
    expect(writes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(rollouts.get('card-fraud')).toMatchObject({ revision: 2, weight: 1 });
  });

  /** One write and what is true after it; `revisionOffset` is how far the expected revision is off. */
  const writeAndCheck = async (rollouts: RolloutControl, { weight, revisionOffset }: { weight: number; revisionOffset: number | null }): Promise<void> => {
    const before = rollouts.get('card-fraud');
    const publishedBefore = published.length;
    const expected = revisionOffset === null ? {} : { expectedRevision: before.revision + revisionOffset };
    const answer = await rollouts.setWeight('card-fraud', { ...byHand, weight, ...expected }).catch((error: unknown) => ProblemError.from(error).type);
    const conflicts = revisionOffset === 1 || revisionOffset === -1;
    const changed = { phase: 'paused', reason: byHand.reason, weight, effective_weight: weight, epoch: before.epoch + 1, revision: before.revision + 1 };
    const after = conflicts ? before : { ...before, ...changed };
    expect(answer).toEqual(conflicts ? 'rollout-conflict' : after);
    expect(rollouts.get('card-fraud')).toEqual(after);
    expect(published.length - publishedBefore).toBe(conflicts ? 0 : 1);
    expect(lastPublished()?.epoch).toBe(after.epoch);
    const [kept] = await store.load();
    expect(kept).toMatchObject({ epoch: after.epoch, revision: after.revision, weightHundredths: Math.round(after.weight * 100) });
  };

  it('grows epoch and revision strictly with every change, and a conflict changes nothing', async () => {
    const rollouts = await begun();
    const hundredths = fc.integer({ min: 0, max: 10_000 });
    const write = fc.record({ weight: hundredths.map((value) => value / 100), revisionOffset: fc.constantFrom(null, 0, -1, 1) });
    const property = fc.asyncProperty(fc.array(write, { minLength: 1, maxLength: 5 }), async (writes) => {
      for (const one of writes) await writeAndCheck(rollouts, one);
    });
    await fc.assert(property, { numRuns: 30 });
  });
});
