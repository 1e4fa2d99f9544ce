/**
 * Changes while the store hangs. A save that is not answered in time is left to itself, so that a rollback finds the model's turn free.
 * States of such a change: late -> kept (then it is in force) or failed (then nothing has changed).
 */
import { ProblemError } from '../problem.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { LateError, within } from '../within.ts';
import { type ControlContext, changeRollout, type RolloutChange, takeStanding } from './change-rollout.ts';
import { isLive } from './position.ts';
import type { Standing } from './standing.ts';

/** So long a change holds the model's turn, and so long a rollback waits for the store before it is in force without. */
export const inForceMs = 60;
/** So long those who asked are left without an answer. A change counts whenever it is kept. */
export const patienceMs = 2_000;
export const unanswered = 'the store does not answer';

/** The turn is free again, and the answer is still to come. */
export class LateChangeError extends Error {
  override readonly name = 'LateChangeError';
  readonly settled: Promise<void>;

  constructor(settled: Promise<void>) {
    super(unanswered);
    this.settled = settled;
  }
}

/** Where a model stands once a change is kept, from where it stands then. */
type After = (now: Standing, kept: RolloutRecord) => Standing;

const standingNow = ({ standings }: ControlContext, model: string): Standing => {
  const standing = standings.get(model);
  if (standing === undefined) throw new Error(`nothing is known of ${model}`);
  return standing;
};

/** A rollback of a rollout that never began has nothing to keep. */
const forgetUnfounded = ({ standings, unkept }: ControlContext, { model, rollout }: Pick<RolloutRecord, 'model' | 'rollout'>): void => {
  const record = standings.get(model)?.record ?? null;
  if (record?.rollout !== rollout || !isLive(record.phase)) unkept.delete(rollout);
};

const leave = (context: ControlContext, { next }: RolloutChange, kept: Promise<() => Promise<void>>): LateChangeError => {
  const { late, inTurn } = context;
  const { model } = next;
  const settled = kept.then(
    (take) =>
      inTurn(model, async () => {
        late.delete(model);
        await take();
      }),
    (error: unknown) =>
      inTurn(model, async () => {
        late.delete(model);
        forgetUnfounded(context, next);
        throw error;
      }),
  );
  late.set(model, settled);
  // Not everybody who has asked is still there to hear of a failure.
  settled.catch(() => undefined);
  return new LateChangeError(settled);
};

/** An epoch that was given away is in force: what is saved now must be what it was given to. */
const refuseTaken = ({ unkept, late }: ControlContext, { next, epoch }: RolloutChange): void => {
  const taken = unkept.get(next.rollout);
  if (taken !== undefined && taken.epoch !== epoch + 1) {
    const words = taken.move === 'rollback' ? 'is rolled back' : `is held by the signal ${taken.signal.name}`;
    throw new ProblemError('rollout-conflict', `The rollout of ${next.model} ${words}; that is kept as soon as the store answers.`);
  }
  if (late.has(next.model)) throw new ProblemError('overloaded', `The store has not answered the last change of the rollout of ${next.model} yet.`);
};

/**
 * Saves a change and puts it in force, for a task that has the model's turn and a model that has a standing.
 * @throws LateChangeError when the store takes its time: the change is in force as soon as it is kept
 * @throws ProblemError rollout-conflict when somebody else has changed the rollout, or what is in force is not kept yet
 */
export const changeInTime = async (context: ControlContext, change: RolloutChange, after: After): Promise<RolloutRecord> => {
  refuseTaken(context, change);
  const saving = changeRollout(context, change);
  const take = (kept: RolloutRecord): Promise<void> => takeStanding(context, after(standingNow(context, kept.model), kept));
  const kept = await within(saving, inForceMs, unanswered).catch((error: unknown) => {
    if (!(error instanceof LateError)) throw error;
    throw leave(
      context,
      change,
      saving.then((record) => () => take(record)),
    );
  });
  await take(kept);
  return kept;
};
