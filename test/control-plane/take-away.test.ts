import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { assessmentWith } from '../support/assessment.ts';
import { allFail, byHand, type ControlLife, controlLife, halfPlan, startHalf } from '../support/control-life.ts';
import { found } from '../support/rollout-files.ts';
import { createTroubledStore, type TroubledStore } from '../support/troubled-store.ts';

let directory = '';
let real: RolloutStore;
let troubled: TroubledStore;
let life: ControlLife;

const signalled = assessmentWith({ candidateUnits: 10, signal: { name: 'lag', sinceMs: 0, words: 'the signal lag is 412 s' } });
const healthy = assessmentWith({ candidateUnits: 10 });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-take-away-'));
  real = await createSqliteRolloutStore({ dataDir: directory });
  troubled = createTroubledStore(real);
  life = controlLife(troubled.store);
  await life.control.reconcile(found(['1.4.0', '2.0.0'], [halfPlan]));
  await startHalf(life);
});
afterEach(async () => {
  await real.close();
  await rm(directory, { recursive: true, force: true });
});

const inForce = () => life.published.at(-1);
const story = async () => (await real.decisions({ model: 'card-fraud', limit: 20 })).map(({ move, epoch }) => [move, epoch] as const).reverse();

/** A signal takes the traffic while the store is in trouble; returns what ends the trouble. */
const heldWithoutStore = async (how: 'fails' | 'hangs'): Promise<() => void> => {
  const end = how === 'fails' ? troubled.fail('save', 'saveProgress') : troubled.hang('save', 'saveProgress');
  life.find(signalled);
  const looking = life.second();
  await expect.poll(() => inForce()?.rollout?.weightHundredths, { interval: 5, timeout: 800 }).toBe(0);
  await looking;
  return () => end();
};

describe.each(['fails', 'hangs'] as const)('a signal while the store %s', (how) => {
  it('takes the traffic in the epoch with which it is kept when the store answers', async () => {
    const { epoch } = life.control.get('card-fraud');
    const end = await heldWithoutStore(how);
    expect(life.control.get('card-fraud')).toMatchObject({
      phase: 'held',
      weight: 50,
      effective_weight: 0,
      reason: 'held: the signal lag is 412 s; the baseline answers (in force, and kept as soon as the store answers)',
    });
    expect(inForce()).toMatchObject({ epoch: epoch + 1, rollout: { match: [] } });
    end();
    await expect.poll(() => life.later(async () => (await real.load())[0]?.signal)).toBe('lag');
    expect(life.control.get('card-fraud')).toMatchObject({ phase: 'held', weight: 50, effective_weight: 0, epoch: epoch + 1 });
    expect((await story()).slice(3)).toEqual([['hold', epoch + 1]]);
  });

  it('gives the traffic back only when the hold was kept, although the signal is over', async () => {
    const { epoch } = life.control.get('card-fraud');
    const end = await heldWithoutStore(how);
    life.find(healthy);
    await life.second();
    expect(inForce()).toMatchObject({ rollout: { weightHundredths: 0 } });
    end();
    await expect.poll(() => life.later(async () => inForce()?.rollout?.weightHundredths)).toBe(5_000);
    expect((await story()).slice(3)).toEqual([
      ['hold', epoch + 1],
      ['continue', epoch + 2],
    ]);
    expect(inForce()?.epoch).toBe(epoch + 2);
  });

  it('does not keep a rollback from coming after it', async () => {
    const { epoch } = life.control.get('card-fraud');
    const end = await heldWithoutStore(how);
    life.find({ ...allFail, signal: signalled.signal });
    await life.second();
    expect(inForce()).toMatchObject({ rollout: null, epoch: epoch + 2 });
    end();
    await expect.poll(() => life.later(async () => (await real.load())[0]?.phase)).toBe('rolled-back');
    expect((await story()).at(-1)).toEqual(['rollback', epoch + 2]);
    expect(life.context.unkept.size).toBe(0);
  });

  it('refuses every move that could give the traffic back', async () => {
    const end = await heldWithoutStore(how);
    await expect(life.control.setWeight('card-fraud', { weight: 80, ...byHand })).rejects.toThrow(
      'The rollout of card-fraud is held by the signal lag; that is kept as soon as the store answers.',
    );
    expect(inForce()).toMatchObject({ rollout: { weightHundredths: 0 } });
    end();
  });
});

it('a signal that holds a paused rollout leaves the person its weight, and takes its effect without the store', async () => {
  await life.control.setWeight('card-fraud', { weight: 25, ...byHand });
  const end = await heldWithoutStore('fails');
  expect(life.control.get('card-fraud')).toMatchObject({ phase: 'paused', weight: 25, effective_weight: 0 });
  end();
  await life.second();
  expect((await real.load())[0]).toMatchObject({ phase: 'paused', weightHundredths: 2_500, signal: 'lag' });
});

it('keeps a rollback of the engine with what it saw, and one by a person with who and why', async () => {
  const end = troubled.fail('save', 'saveProgress');
  await life.control.move('card-fraud', { move: 'rollback' }, { reason: 'wrong amounts', actor: 'olga' });
  life.find(allFail);
  await life.second();
  end();
  await life.second();
  expect((await real.decisions({ model: 'card-fraud', limit: 1 }))[0]).toMatchObject({ move: 'rollback', actor: 'olga', reason: 'wrong amounts' });
});
