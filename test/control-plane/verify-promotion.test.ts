import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Assessment } from '../../src/control-plane/assessment.ts';
import { type ControlContext, createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl } from '../../src/control-plane/rollout-control.ts';
import { createEngine } from '../../src/control-plane/tick.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { assessmentWith } from '../support/assessment.ts';
import { noEvidence } from '../support/no-evidence.ts';
import { found, planFile } from '../support/rollout-files.ts';

let nowMs = 0;
let directory = '';
let store: RolloutStore;
/** What a look at the candidate's files finds, and which versions were looked at. */
let reason: string | null = null;
let looks: string[] = [];
/** How long the look takes. */
let disk: Promise<void> = Promise.resolve();
/** What the ticks find; null: that all is well. */
let assessment: Assessment | null = null;

beforeEach(async () => {
  nowMs = 1_000_000;
  reason = null;
  looks = [];
  disk = Promise.resolve();
  assessment = null;
  directory = await mkdtemp(join(tmpdir(), 'handoff-verify-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

const byHand = { reason: 'a try', actor: 'olga' };

const begun = async () => {
  const context: ControlContext = createControlContext({
    store,
    clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
    newId: () => 'rollout-1',
    publish: () => undefined,
    verifyAgain: async (model, version) => {
      looks.push(`${model} ${version}`);
      await disk;
      return reason;
    },
  });
  const control = createRolloutControl(context);
  const steps = [{ setWeight: 10 }, { pause: { duration: '2s' } }, { setWeight: 100 }];
  await control.reconcile(found(['1.4.0', '2.0.0'], [planFile({ steps, bake: '2s' })]));
  await control.move('card-fraud', { move: 'start' }, byHand);
  const engine = createEngine({
    context,
    assess: () => assessment ?? assessmentWith({ candidateUnits: nowMs }),
    evidence: noEvidence,
    onFault: (_model, error) => {
      throw error;
    },
  });
  const seconds = async (count: number): Promise<void> => {
    for (let second = 0; second < count; second += 1) {
      nowMs += 1_000;
      await engine.tick();
    }
  };
  return { control, seconds, state: () => control.get('card-fraud') };
};

describe('a candidate that is about to get all traffic', () => {
  it('is looked at once more by the engine, before 100 % and again before it is the baseline', async () => {
    const { seconds, state } = await begun();
    await seconds(2);
    expect(looks).toEqual([]);
    await seconds(8);
    expect(state().phase).toBe('promoted');
    expect(looks).toEqual(['card-fraud 2.0.0', 'card-fraud 2.0.0']);
  });

  it('stays where it is while its files do not hold, and says why', async () => {
    const { seconds, state } = await begun();
    reason = 'README.md: sha256: got a, expected b';
    await seconds(10);
    expect(state()).toMatchObject({
      phase: 'progressing',
      weight: 10,
      reason: 'the next step waits: the bundle of 2.0.0 does not hold any more: README.md: sha256: got a, expected b',
    });
    reason = null;
    await seconds(1);
    expect(state().weight).toBe(100);
  });

  it.each([
    { move: 'promote', full: true },
    { move: 'set-weight', weightHundredths: 10_000 },
  ] as const)('is refused to a person too ($move)', async (command) => {
    const { control, state } = await begun();
    reason = 'model.sig: (whole file): got no such file, expected a signature';
    await expect(control.move('card-fraud', command, byHand)).rejects.toThrow(
      `${command.move} is refused: the bundle of 2.0.0 does not hold any more: model.sig: (whole file): got no such file, expected a signature.`,
    );
    expect(state()).toMatchObject({ phase: 'progressing', weight: 10 });
  });

  it('is rolled back by the engine while the look for a person takes its time, and gets nothing then', async () => {
    const { control, seconds, state } = await begun();
    const { promise, resolve } = Promise.withResolvers<void>();
    disk = promise;
    const asked = control.move('card-fraud', { move: 'promote', full: true }, byHand);
    const refused = expect(asked).rejects.toThrow('promote is not legal in phase rolled-back');
    await expect.poll(() => looks, { interval: 5 }).toHaveLength(1);
    assessment = assessmentWith({ evidence: { value: 250, threshold: 100 }, worse: { name: 'errors', sentence: 'all fail' } });
    await seconds(1);
    expect(state()).toMatchObject({ phase: 'rolled-back', effective_weight: 0 });
    resolve();
    await refused;
    expect(state()).toMatchObject({ phase: 'rolled-back', effective_weight: 0 });
  });

  it('is rolled back, or given a part of the traffic, without a look', async () => {
    const { control } = await begun();
    reason = 'anything';
    await control.move('card-fraud', { move: 'set-weight', weightHundredths: 5_000 }, byHand);
    expect(await control.move('card-fraud', { move: 'rollback' }, byHand)).toMatchObject({ phase: 'rolled-back' });
    expect(looks).toEqual([]);
  });
});
