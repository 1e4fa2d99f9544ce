import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import type { Found } from '../../src/control-plane/reconcile-bundles.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import type { PlanFile } from '../../src/control-plane/settle-plan.ts';
import { createEngine } from '../../src/control-plane/tick.ts';
import { ProblemError } from '../../src/problem.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { assessmentWith } from '../support/assessment.ts';
import { noEvidence } from '../support/no-evidence.ts';
import { found, planFile } from '../support/rollout-files.ts';

let directory = '';
let store: RolloutStore;
let published: TrafficAssignment[] = [];
let nowMs = 0;
let ids = 0;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-attempts-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  published = [];
  nowMs = 1_767_225_600_000;
  ids = 0;
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

const context = () =>
  createControlContext({
    store,
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
    newId: () => {
      ids += 1;
      return `rollout-${ids}`;
    },
    publish: (assignment) => {
      published.push(assignment);
    },
  });

const both = ['1.4.0', '2.0.0'];
const byHand = { reason: 'a person said so', actor: 'olga' };
const auto = planFile({ start: 'auto' });

const gateway = async (files: Found): Promise<RolloutControl> => {
  const control = createRolloutControl(context());
  await control.reconcile(files);
  return control;
};

const refused = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'accepted',
    (error: unknown) => `${ProblemError.from(error).type}: ${ProblemError.from(error).message}`,
  );

describe('a plan that starts by itself', () => {
  it('does so when its candidate is new, and is recorded', async () => {
    const control = await gateway(found(both, [auto]));
    expect(control.get('card-fraud')).toMatchObject({ phase: 'progressing', weight: 10, attempt: 1 });
    expect((await control.decisions('card-fraud', { limit: 1 }))[0]).toMatchObject({ move: 'start', actor: 'gateway' });
  });

  it('does so when its candidate is there at last, after a restart too', async () => {
    const manual = await gateway(found(both, [planFile()]));
    expect(manual.get('card-fraud').phase).toBe('pending');
    expect((await gateway(found(both, [auto]))).get('card-fraud').phase).toBe('progressing');
  });

  it.each([
    { what: 'the same plan', plan: auto },
    { what: 'another plan', plan: planFile({ start: 'auto', steps: [{ setWeight: 5 }] }) },
  ])('does not start a candidate that was rolled back, under $what, by restart or rescan', async ({ plan }) => {
    const control = await gateway(found(both, [auto]));
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    await control.reconcile(found(both, [plan]));
    const next = await gateway(found(both, [plan]));
    expect(next.get('card-fraud').phase).toBe('rolled-back');
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
  });

  it('remembers a candidate over the rollouts of others, and says why it waits', async () => {
    const control = await gateway(found(both, [auto]));
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    const other = planFile({ start: 'auto', candidate: '2.1.0' });
    await control.reconcile(found([...both, '2.1.0'], [other]));
    expect(control.get('card-fraud')).toMatchObject({ phase: 'progressing', candidate: '2.1.0', attempt: 1 });
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    await control.reconcile(found([...both, '2.1.0'], [auto]));
    expect(control.get('card-fraud')).toMatchObject({
      phase: 'pending',
      candidate: '2.0.0',
      attempt: 2,
      reason: expect.stringContaining('was rolled back before, so a person starts it'),
    });
    await control.move('card-fraud', { move: 'start' }, byHand);
    expect(control.get('card-fraud')).toMatchObject({ phase: 'progressing', reason: expect.stringContaining('at most 2 %') });
  });
});

describe('a new attempt', () => {
  it('goes by the plan on disk, with new evidence and the epoch going on', async () => {
    const control = await gateway(found(both));
    await control.move('card-fraud', { move: 'start' }, byHand);
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    const { epoch } = control.get('card-fraud');
    await control.reconcile(found(both, [planFile({ steps: [{ setWeight: 3 }] })]));
    await control.move('card-fraud', { move: 'start' }, byHand);
    expect(control.get('card-fraud')).toMatchObject({ rollout: 'rollout-2', attempt: 2, weight: 3, step: 0, epoch: epoch + 1, evidence: null });
    expect(published.at(-1)).toMatchObject({ rollout: { id: 'rollout-2', weightHundredths: 300 } });
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    await control.move('card-fraud', { move: 'start' }, byHand);
    expect(control.get('card-fraud')).toMatchObject({ attempt: 3, reason: expect.stringContaining('at most 3 %') });
  });

  it('is refused without a plan that holds, and without the candidate', async () => {
    const control = await gateway(found(both));
    await control.reconcile(found(['1.4.0'], []));
    expect(await refused(control.move('card-fraud', { move: 'start' }, byHand))).toContain('rollout-conflict: The rollout of card-fraud cannot start');
    await control.reconcile(found(both));
    await control.move('card-fraud', { move: 'start' }, byHand);
    await control.move('card-fraud', { move: 'rollback' }, byHand);
    await control.reconcile(found(both, []));
    expect(await refused(control.move('card-fraud', { move: 'start' }, byHand))).toBe(
      'rollout-conflict: There is no plan that holds for card-fraud with the baseline 1.4.0.',
    );
  });
});

describe('a promotion', () => {
  it('makes the candidate the baseline of the next rollout, without a change of the bundles', async () => {
    const shared = context();
    const control = createRolloutControl(shared);
    await control.reconcile(found(both));
    const engine = createEngine({
      context: shared,
      assess: () => assessmentWith(),
      evidence: noEvidence,
      onFault: () => undefined,
    });
    await control.move('card-fraud', { move: 'start' }, byHand);
    await control.move('card-fraud', { move: 'promote', full: true }, byHand);
    await engine.tick();
    expect(control.get('card-fraud')).toMatchObject({ phase: 'promoted' });
    expect(published.at(-1)).toMatchObject({ baseline: '2.0.0', rollout: null });
    expect(await refused(control.move('card-fraud', { move: 'start' }, byHand))).toBe(
      'rollout-conflict: There is no plan that holds for card-fraud with the baseline 2.0.0.',
    );
    const stale = planFile({ candidate: '2.1.0' });
    const report = await control.reconcile(found([...both, '2.1.0'], [stale]));
    expect(report.refused).toEqual([{ file: stale.file, field: 'baseline', got: '1.4.0', expected: '2.0.0, the promoted version' }]);
    await control.reconcile(found([...both, '2.1.0'], [planFile({ baseline: '2.0.0', candidate: '2.1.0' })]));
    expect(control.get('card-fraud')).toMatchObject({ phase: 'pending', baseline: '2.0.0', candidate: '2.1.0', attempt: 1 });
    const restarted = await gateway(found([...both, '2.1.0'], [planFile({ baseline: '2.0.0', candidate: '2.1.0' })]));
    expect(restarted.get('card-fraud')).toMatchObject({ baseline: '2.0.0', phase: 'pending' });
  });
});

describe('an unclean exit', () => {
  /** The mark of a life that nobody closed, as `kill -9` leaves it: `beginLife` without `close`. */
  const diesAndComesBack = async (): Promise<RolloutControl> => {
    Object.assign(store, { beginLife: async () => ({ previousEndedUncleanly: true }) });
    return gateway(found(both));
  };

  it('is recorded while a rollout is on, and the second within ten minutes rolls back', async () => {
    const control = await gateway(found(both));
    await control.move('card-fraud', { move: 'start' }, byHand);
    const once = await diesAndComesBack();
    expect(once.get('card-fraud')).toMatchObject({ phase: 'progressing', weight: 10, reason: 'the gateway died while the candidate was serving' });
    nowMs += 10 * 60_000;
    const twice = await diesAndComesBack();
    expect(twice.get('card-fraud')).toMatchObject({
      phase: 'rolled-back',
      weight: 0,
      reason: 'Rolled back: the gateway died twice while the candidate was serving.',
    });
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
    expect((await twice.decisions('card-fraud', { limit: 2 })).map(({ move, actor }) => [move, actor])).toEqual([
      ['rollback', 'gateway'],
      ['unclean-exit', 'gateway'],
    ]);
  });

  it('does not roll back when the first was longer ago', async () => {
    const control = await gateway(found(both));
    await control.move('card-fraud', { move: 'start' }, byHand);
    await diesAndComesBack();
    nowMs += 10 * 60_000 + 1;
    expect((await diesAndComesBack()).get('card-fraud').phase).toBe('progressing');
  });

  it('is nothing to a rollout that is not on, and to a clean restart', async () => {
    await gateway(found(both));
    expect((await diesAndComesBack()).get('card-fraud')).toMatchObject({ phase: 'pending', revision: 1 });
    await store.close();
    store = await createSqliteRolloutStore({ dataDir: directory });
    const control = await gateway(found(both));
    await control.move('card-fraud', { move: 'start' }, byHand);
    await store.close();
    store = await createSqliteRolloutStore({ dataDir: directory });
    expect((await gateway(found(both))).get('card-fraud')).toMatchObject({ phase: 'progressing', revision: 2 });
  });
});

describe('a plan with acceptance criteria', () => {
  const criterion = {
    name: 'flagged',
    metric: { kind: 'outputRate', output: 'flagged' },
    compareTo: 'baseline',
    margin: { relative: 0.3 },
    appliesTo: ['live'],
  };
  const acceptance = acceptanceSchema.parse({ apiVersion: 'handoff/v1', kind: 'Acceptance', criteria: [criterion] });
  const files = (plan: PlanFile): Found => {
    const { versions, plans } = found(both, [plan]);
    return { plans, versions: versions.map((version) => ({ ...version, acceptance })) };
  };
  const steps = (require?: readonly string[]) => [
    { setWeight: 1 },
    { analysis: { atLeast: '1m', deadline: '1h', ...(require === undefined ? {} : { require }) } },
  ];

  it('keeps both as they were at the start, and tells the data plane what to count', async () => {
    await gateway(files(planFile({ steps: steps() })));
    const [record] = await store.load();
    expect(JSON.parse(record?.plan ?? '').steps[1].analysis.require).toEqual(['flagged']);
    expect(JSON.parse(record?.acceptance ?? '')).toEqual(acceptance);
    expect(published.at(-1)).toMatchObject({ rollout: { watchedOutputs: ['flagged'] } });
  });

  it('is refused when it requires a criterion that does not exist, and the baseline serves', async () => {
    const control = createRolloutControl(context());
    const report = await control.reconcile(files(planFile({ steps: steps(['luck']) })));
    expect(report.refused).toEqual([
      { file: 'rollout/card-fraud.yaml', field: 'steps.1.analysis.require.0', got: 'luck', expected: 'a live criterion of the candidate (flagged)' },
    ]);
    expect(published.at(-1)).toMatchObject({ baseline: '1.4.0', rollout: null });
  });
});
