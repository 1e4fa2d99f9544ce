import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ProblemError } from '../../src/problem.ts';
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

const both = ['1.4.0', '2.0.0'];
const wrong = { reason: 'wrong amounts', actor: 'olga' };

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-in-time-'));
  real = await createSqliteRolloutStore({ dataDir: directory });
  troubled = createTroubledStore(real);
  life = controlLife(troubled.store);
  await life.control.reconcile(found(both, [halfPlan]));
});
afterEach(async () => {
  await real.close();
  await rm(directory, { recursive: true, force: true });
});

const started = (): Promise<void> => startHalf(life);

const problemOf = (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'no problem',
    (error: unknown) => `${ProblemError.from(error).type}: ${ProblemError.from(error).message}`,
  );

const rollBack = () => life.control.move('card-fraud', { move: 'rollback' }, wrong);
const inForce = () => life.published.at(-1);
/** The save that hangs was asked for. */
const hanging = () => expect.poll(troubled.waited, { interval: 5 }).toBeGreaterThan(0);
const moves = async (): Promise<readonly string[]> => (await real.decisions({ model: 'card-fraud', limit: 20 })).map(({ move }) => move).reverse();

/** Ends the trouble, and ticks until the rollout is kept as rolled back. */
const expectRolledBack = async (): Promise<void> => {
  await expect
    .poll(async () => {
      await life.second();
      return (await real.load())[0]?.phase;
    })
    .toBe('rolled-back');
  const [kept] = await real.load();
  expect(inForce()).toMatchObject({ baseline: '1.4.0', rollout: null, epoch: kept?.epoch });
  expect(life.control.get('card-fraud')).toMatchObject({ phase: 'rolled-back', effective_weight: 0, revision: kept?.revision, reason: kept?.reason });
  expect(life.context.unkept.size + life.context.late.size).toBe(0);
};

const ordinary = [
  ['set-weight', () => life.control.setWeight('card-fraud', { weight: 80, ...byHand })],
  ['pause', () => life.control.move('card-fraud', { move: 'pause' }, byHand)],
  ['promote', () => life.control.move('card-fraud', { move: 'promote', full: true }, byHand)],
] as const;

const endings = [
  ['is kept after all', undefined],
  ['fails in the end', new Error('disk full')],
] as const;

const cases = ordinary.flatMap(([move, ask]) => endings.map(([ending, failure]) => ({ move, ask, ending, failure })));

describe('a move that hangs in the store', () => {
  it.each(cases)('($move, which $ending) holds up no rollback by hand, and does not undo it', async ({ move, ask, failure }) => {
    await started();
    const goOn = troubled.hang('save', 'saveProgress');
    const asked = problemOf(ask());
    await hanging();
    const answered = rollBack();
    await expect.poll(() => inForce()?.rollout, { interval: 5, timeout: 400 }).toBe(null);
    expect(await answered).toMatchObject({ effective_weight: 0, reason: 'wrong amounts (in force, and kept as soon as the store answers)' });
    goOn(failure);
    await asked;
    await expectRolledBack();
    expect(await moves()).toEqual(['accept', 'start', 'advance', ...(failure === undefined ? [move] : []), 'rollback']);
  });

  it.each(cases)('($move, which $ending) holds up no rollback of the engine, and does not undo it', async ({ move, ask, failure }) => {
    await started();
    const goOn = troubled.hang('save', 'saveProgress');
    const asked = problemOf(ask());
    await hanging();
    life.find(allFail);
    const looking = life.second();
    await expect.poll(() => inForce()?.rollout, { interval: 5, timeout: 800 }).toBe(null);
    goOn(failure);
    await Promise.all([asked, looking]);
    // What looks better later changes nothing.
    life.find(assessmentWith());
    await expectRolledBack();
    expect(await moves()).toEqual(['accept', 'start', 'advance', ...(failure === undefined ? [move] : []), 'rollback']);
  });

  it('is answered 503 after two seconds, and in force as soon as it is kept', async () => {
    await started();
    const before = life.published.length;
    const goOn = troubled.hang('save', 'saveProgress');
    const { revision, epoch } = life.control.get('card-fraud');
    expect(await problemOf(life.control.setWeight('card-fraud', { weight: 80, ...byHand }))).toBe(
      'overloaded: The store does not answer. The change is in force only once it is kept; GET /rollouts/card-fraud says whether it was. A rollback is possible without it.',
    );
    expect(await problemOf(life.control.move('card-fraud', { move: 'pause' }, byHand))).toContain('overloaded: The store has not answered the last change');
    expect(life.control.get('card-fraud')).toMatchObject({ weight: 50, revision });
    expect(life.published).toHaveLength(before);
    goOn();
    await expect.poll(() => life.control.get('card-fraud')).toMatchObject({ weight: 80, effective_weight: 80, revision: revision + 1 });
    expect(inForce()).toMatchObject({ epoch: epoch + 1, rollout: { weightHundredths: 8_000 } });
    expect(await life.control.setWeight('card-fraud', { weight: 20, ...byHand })).toMatchObject({ weight: 20, revision: revision + 2 });
  });

  it('says that nothing was changed when the store fails in the end', async () => {
    await started();
    const goOn = troubled.hang('save');
    const asked = problemOf(life.control.setWeight('card-fraud', { weight: 80, ...byHand }));
    await expect.poll(() => life.context.late.size, { interval: 5 }).toBe(1);
    goOn(new Error('disk full'));
    expect(await asked).toContain('internal: The store failed, and nothing was changed.');
    expect(await life.control.setWeight('card-fraud', { weight: 20, ...byHand })).toMatchObject({ weight: 20 });
  });

  it('stops the clocks and says so, and the engine goes on when it is kept', async () => {
    await started();
    const goOn = troubled.hang('save');
    const asked = life.control.setWeight('card-fraud', { weight: 50, ...byHand });
    await expect.poll(() => life.context.late.size, { interval: 5 }).toBe(1);
    const looking = life.second();
    await expect.poll(() => life.faults).toEqual(['card-fraud: the store does not answer']);
    goOn();
    await Promise.all([asked, looking]);
    await life.second();
    expect(life.faults).toHaveLength(1);
  });
});

describe('a start that hangs in the store', () => {
  it.each(endings)('and %s is undone by a rollback before it gives any traffic', async (_ending, failure) => {
    const goOn = troubled.hang('save');
    const asked = problemOf(life.control.move('card-fraud', { move: 'start' }, byHand));
    await expect.poll(() => life.context.late.size, { interval: 5 }).toBe(1);
    const state = rollBack();
    goOn(failure);
    await Promise.all([asked, state]);
    await life.second();
    await life.second();
    expect(life.control.get('card-fraud').phase).toBe(failure === undefined ? 'rolled-back' : 'pending');
    expect(life.published.every(({ rollout }) => (rollout?.weightHundredths ?? 0) === 0)).toBe(true);
    expect(life.context.unkept.size).toBe(0);
    expect(await moves()).toEqual(failure === undefined ? ['accept', 'start', 'rollback'] : ['accept']);
  });
});

describe('whatever else holds the turn of a model', () => {
  it('holds up no rollback by hand', async () => {
    await started();
    const goOn = troubled.hang('saveProgress', 'save');
    const looking = life.second();
    await hanging();
    const answered = rollBack();
    await expect.poll(() => inForce()?.rollout, { interval: 5, timeout: 400 }).toBe(null);
    goOn();
    await Promise.all([looking, answered]);
    await expectRolledBack();
  });

  it('holds up no rollback while versions go and come', async () => {
    await started();
    const goOn = troubled.hang('save');
    const settling = life.control.reconcile(found(['1.4.0'], [halfPlan]));
    await hanging();
    const answered = rollBack();
    await expect.poll(() => inForce()?.rollout, { interval: 5, timeout: 400 }).toBe(null);
    goOn();
    await Promise.allSettled([settling, answered]);
    await expectRolledBack();
    expect(await moves()).toEqual(['accept', 'start', 'advance', 'candidate-unavailable', 'rollback']);
  });
});

describe('a move of the engine that hangs in the store', () => {
  it('is taken once it is kept, once', async () => {
    await life.control.move('card-fraud', { move: 'start' }, byHand);
    const goOn = troubled.hang('save');
    const looking = life.second();
    await expect.poll(() => life.context.late.size, { interval: 5 }).toBe(1);
    goOn();
    await looking;
    expect(life.control.get('card-fraud')).toMatchObject({ step: 1, weight: 50 });
    expect(await moves()).toEqual(['accept', 'start', 'advance']);
    expect(life.faults).toEqual([]);
  });
});
