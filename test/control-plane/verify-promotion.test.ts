import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
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

beforeEach(async () => {
  nowMs = 1_000_000;
  reason = null;
  looks = [];
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
      return reason;
    },
  });
  const control = createRolloutControl(context);
  const steps = [{ setWeight: 10 }, { pause: { duration: '2s' } }, { setWeight: 100 }];
  await control.reconcile(found(['1.4.0', '2.0.0'], [planFile({ steps, bake: '2s' })]));
  await control.move('card-fraud', { move: 'start' }, byHand);
  const engine = createEngine({
    context,
    assess: () => assessmentWith({ candidateUnits: nowMs }),
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

  it('is rolled back, or given a part of the traffic, without a look', async () => {
    const { control } = await begun();
    reason = 'anything';
    await control.move('card-fraud', { move: 'set-weight', weightHundredths: 5_000 }, byHand);
    expect(await control.move('card-fraud', { move: 'rollback' }, byHand)).toMatchObject({ phase: 'rolled-back' });
    expect(looks).toEqual([]);
  });
});
