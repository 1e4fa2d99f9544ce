import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { controlLife } from '../support/control-life.ts';
import { found, planFile } from '../support/rollout-files.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

let directory = '';
let real: RolloutStore;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-reconcile-'));
  real = await createSqliteRolloutStore({ dataDir: directory });
});
afterEach(async () => {
  await real.close();
  await rm(directory, { recursive: true, force: true });
});

const planned = planFile();
const live = recordWith({
  planDigest: planned.digest,
  candidateDigest: 'digest of 2.0.0',
  plan: JSON.stringify(planned.plan),
  phase: 'progressing',
  weightHundredths: 1_000,
});

/** After an unclean exit, a store whose saves with these numbers fail. */
const failing = (...numbers: readonly number[]): RolloutStore => {
  let saves = 0;
  return {
    ...real,
    beginLife: async () => ({ previousEndedUncleanly: true }),
    save: (change) => {
      saves += 1;
      return numbers.includes(saves) ? Promise.reject(new Error('the store failed: disk I/O error')) : real.save(change);
    },
  };
};

const moves = async (): Promise<readonly string[]> => (await real.decisions({ model: 'card-fraud', limit: 20 })).map(({ move }) => move).reverse();

describe('a start whose store fails once', () => {
  it.each([1, 2])('(save %i) serves the model with the next rescan, and tells of the unclean exit once', async (number) => {
    await real.save({ record: live, expectedRevision: null, decision: decisionFor(live) });
    const life = controlLife(failing(number));
    const files = found(['1.4.0']);
    await expect(life.control.reconcile(files)).rejects.toThrow('disk I/O error');
    await life.control.reconcile(files);
    expect(life.published).toMatchObject([{ baseline: '1.4.0', rollout: null }]);
    expect(await moves()).toEqual(['set-weight', 'unclean-exit', 'candidate-unavailable']);
    const [kept] = await real.load();
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'progressing', revision: kept?.revision, epoch: kept?.epoch });
  });

  it('begins no second rollout of a plan that was accepted before the failure', async () => {
    const life = controlLife(failing(2));
    const files = found(['1.4.0', '2.0.0'], [planFile({ start: 'auto' })]);
    await expect(life.control.reconcile(files)).rejects.toThrow('disk I/O error');
    await life.control.reconcile(files);
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'progressing', weight: 10, effective_weight: 10 });
    expect(await moves()).toEqual(['accept', 'start']);
  });
});

describe('a later look whose store fails', () => {
  it('leaves a model that can be moved, and settles it with the next one', async () => {
    const life = controlLife(failing(2));
    await life.control.reconcile(found(['1.4.0', '2.0.0'], []));
    const files = found(['1.4.0', '2.0.0'], [planFile({ baseline: '2.0.0', candidate: '1.4.0', start: 'auto' })]);
    await expect(life.control.reconcile(files)).rejects.toThrow('disk I/O error');
    expect(life.published.at(-1)).toMatchObject({ baseline: '2.0.0', rollout: { candidate: '1.4.0', weightHundredths: 0 } });
    expect(await life.control.setWeight('card-fraud', { weight: 5, reason: 'a look', actor: 'olga' })).toMatchObject({ weight: 5, effective_weight: 5 });
    await life.control.reconcile(files);
    expect(await moves()).toEqual(['accept', 'set-weight']);
  });
});
