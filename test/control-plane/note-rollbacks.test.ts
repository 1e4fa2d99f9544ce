import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { allFail, byHand, type ControlLife, controlLife, halfPlan, startHalf } from '../support/control-life.ts';
import { found } from '../support/rollout-files.ts';
import { createTroubledStore, type TroubledStore } from '../support/troubled-store.ts';

let directory = '';
let real: RolloutStore;
let troubled: TroubledStore;
let life: ControlLife;

const files = found(['1.4.0', '2.0.0'], [halfPlan]);

const open = async (): Promise<void> => {
  real = await createSqliteRolloutStore({ dataDir: directory });
  troubled = createTroubledStore(real);
  life = controlLife(troubled.store);
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-note-'));
  await open();
  await life.control.reconcile(files);
  await startHalf(life);
});
afterEach(async () => {
  await real.close();
  await rm(directory, { recursive: true, force: true });
});

const ways = [
  {
    who: 'a person',
    reason: 'wrong amounts',
    actor: 'olga',
    rollBack: () => life.control.move('card-fraud', { move: 'rollback' }, { reason: 'wrong amounts', actor: 'olga' }),
  },
  {
    who: 'the engine',
    reason: 'Rolled back: all fail; evidence 250, needed 100.',
    actor: 'gateway (before a restart)',
    rollBack: async () => {
      life.find(allFail);
      await life.second();
    },
  },
] as const;

/** The end of one life, and the next one on the same directory. */
const restart = async (): Promise<void> => {
  await real.close();
  await open();
};

describe.each(ways)('a rollback by $who that is not kept', ({ reason, actor, rollBack }) => {
  it.each(['fails', 'hangs'])('is in force and kept in the next life, whose candidate gets nothing (the store %s)', async (how) => {
    const { epoch } = life.control.get('card-fraud');
    if (how === 'fails') troubled.fail('save', 'saveProgress');
    else troubled.hang('save', 'saveProgress');
    await rollBack();
    expect(life.published.at(-1)).toMatchObject({ rollout: null, epoch: epoch + 1 });
    await restart();
    await life.control.reconcile(files);
    expect(life.published).toMatchObject([{ baseline: '1.4.0', rollout: null, epoch: epoch + 1 }]);
    expect(life.control.get('card-fraud').effective_weight).toBe(0);
    await life.second();
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'rolled-back', epoch: epoch + 1, reason: `${reason} (decided before a restart)` });
    expect((await real.decisions({ model: 'card-fraud', limit: 1 }))[0]).toMatchObject({ move: 'rollback', actor });
    await expect.poll(() => life.later(async () => real.notes.read())).toEqual([]);
    expect(life.published.every(({ rollout }) => rollout === null)).toBe(true);
  });
});

describe('the notes', () => {
  const fillAndRollBack = async () => {
    const end = troubled.fail('save', 'saveProgress');
    await life.control.move('card-fraud', { move: 'rollback' }, byHand);
    return end;
  };

  it('are there when a rollback is answered, and gone when it was kept', async () => {
    const end = await fillAndRollBack();
    const [{ rollout } = { rollout: '' }] = await real.load();
    expect(await real.notes.read()).toMatchObject([{ model: 'card-fraud', rollout, actor: 'olga', sentence: 'a look' }]);
    end();
    await expect.poll(() => life.later(async () => real.notes.read())).toEqual([]);
  });

  it('count also after an unclean exit, while the store fails on, and over more than one restart', async () => {
    await fillAndRollBack();
    for (let count = 0; count < 2; count += 1) {
      await restart();
      Object.assign(troubled.store, { beginLife: async () => ({ previousEndedUncleanly: true }) });
      const end = troubled.fail('save', 'saveProgress');
      await life.control.reconcile(files);
      await life.second();
      expect(life.published.every(({ rollout }) => rollout === null)).toBe(true);
      end();
    }
    await life.second();
    expect((await real.decisions({ model: 'card-fraud', limit: 1 }))[0]).toMatchObject({ move: 'rollback', reason: 'a look (decided before a restart)' });
  });

  it('say nothing of a rollout that a person starts anew', async () => {
    const end = await fillAndRollBack();
    const noted = await real.notes.read();
    end();
    await life.second();
    await life.control.move('card-fraud', { move: 'start' }, byHand);
    await life.second();
    await real.notes.write(noted);
    await restart();
    await life.control.reconcile(files);
    expect(life.published.at(-1)).toMatchObject({ rollout: { weightHundredths: 5_000 } });
  });

  it('do not take a rollback back that cannot be noted', async () => {
    Object.assign(troubled.store, { notes: { ...real.notes, write: () => Promise.reject(new Error('EIO')) } });
    await fillAndRollBack();
    expect(life.control.get('card-fraud').effective_weight).toBe(0);
    await life.second();
    expect(life.faults).toContain('card-fraud: a rollback is not noted');
  });
});
