import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createControlContext } from '../../src/control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../../src/control-plane/rollout-control.ts';
import type { PlanFile } from '../../src/control-plane/settle-plan.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import type { TrafficAssignment } from '../../src/store/traffic-assignment.ts';
import { found, planFile } from '../support/rollout-files.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

const nowMs = 1_767_225_600_000;

let directory = '';
let store: RolloutStore;
let published: TrafficAssignment[] = [];
let proven: string[] = [];
let control: RolloutControl;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-early-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  published = [];
  proven = [];
  control = createRolloutControl(
    createControlContext({
      store,
      clock: { wallMs: () => nowMs, monotonicMs: () => 0 },
      newId: () => 'rollout-1',
      publish: (assignment) => void published.push(assignment),
    }),
  );
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

const arrives = (plans: readonly PlanFile[] = [planFile()], holds = true): Promise<void> =>
  control.answerEarly({
    model: 'card-fraud',
    plans,
    prove: async (version) => {
      proven.push(version);
      return holds;
    },
  });

const kept = async (changes: Parameters<typeof recordWith>[0]): Promise<void> => {
  const { plan, digest } = planFile();
  const record = recordWith({ planDigest: digest, candidateDigest: 'digest of 2.0.0', plan: JSON.stringify(plan), ...changes });
  await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
};

describe('a model whose baseline is proven before its other versions', () => {
  it('answers by the baseline that its plan names, and nothing is decided by that', async () => {
    await arrives();
    expect(published).toEqual([{ model: 'card-fraud', epoch: 0, baseline: '1.4.0', rollout: null }]);
    expect(await store.load()).toEqual([]);
    expect(control.list()).toEqual([]);
  });

  it('is settled afterwards as if it had not answered before', async () => {
    await arrives();
    expect(await control.reconcile(found(['1.4.0', '2.0.0']))).toMatchObject({ accepted: [{ rollout: 'rollout-1' }], refused: [] });
    expect(published.at(-1)).toMatchObject({ epoch: 1, baseline: '1.4.0', rollout: { id: 'rollout-1', weightHundredths: 0 } });
  });

  it('does not answer when the baseline does not hold', async () => {
    await arrives([planFile()], false);
    expect({ proven, published }).toEqual({ proven: ['1.4.0'], published: [] });
  });

  it.each([
    ['no plan names it: the highest version would be a guess', []],
    ['two plans name two', [planFile(), planFile({ baseline: '1.3.0' }, 'rollout/other.yaml')]],
  ])('waits for the others when %s', async (_, plans) => {
    await arrives(plans);
    expect({ proven, published }).toEqual({ proven: [], published: [] });
  });

  it.each([
    ['pending', '1.4.0'],
    ['rolled-back', '1.4.0'],
    ['promoted', '2.0.0'],
  ] as const)('answers by the baseline that a kept rollout leaves it, which is %s', async (phase, baseline) => {
    await kept({ phase, epoch: 7 });
    await arrives();
    expect(proven).toEqual([baseline]);
    expect(published).toEqual([{ model: 'card-fraud', epoch: 7, baseline, rollout: null }]);
  });

  it.each(['progressing', 'paused', 'baking'] as const)('waits for the candidate of a rollout that is %s: some users are its own', async (phase) => {
    await kept({ phase, weightHundredths: 1_000 });
    await arrives();
    expect({ proven, published }).toEqual({ proven: [], published: [] });
  });

  it('changes nothing once all versions were settled', async () => {
    await control.reconcile(found(['1.4.0', '2.0.0']));
    const before = [...published];
    await arrives();
    expect(published).toEqual(before);
  });
});
