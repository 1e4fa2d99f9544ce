/**
 * Rollbacks while the store fails or hangs. Traffic is taken from a bad candidate with the store or without it: the rollback is in
 * force at once, in the epoch that it will be kept with, and every tick tries again to keep it.
 */
import type { DecisionEvidence } from '../ledger/ledger-entry.ts';
import { ProblemError } from '../problem.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { LateError, within } from '../within.ts';
import { type ControlContext, changeRollout, type Rollback, takeStanding } from './change-rollout.ts';
import { type Standing, standingAfter } from './standing.ts';

/** So long a rollback waits for the store before it is in force without: of a tenth of a second this leaves the tick the rest. */
const inForceMs = 60;
/** So long a save is waited for. Its answer counts whenever it comes. */
const patienceMs = 2_000;
const late = 'the store does not answer';

/** The record as it is kept, or why it is not kept yet. */
export type Keeping = { readonly kept: RolloutRecord } | { readonly error: unknown };

/** A rollout that is rolled back. */
export interface Subject {
  readonly standing: Standing;
  /** As the store has it. */
  readonly record: RolloutRecord;
}

/**
 * Saves a rollback, or goes on waiting for the answer of a save that was given up before. It is in force when this resolves, kept or not.
 * @throws ProblemError rollout-conflict when somebody else has changed the rollout
 */
export const keepRollback = async (
  context: ControlContext,
  subject: Subject,
  { evidence, ...rollback }: Rollback & { readonly evidence?: DecisionEvidence },
): Promise<Keeping> => {
  const { unkept } = context;
  const { record } = subject;
  const { to, sentence, actor } = rollback;
  const change = { previous: record, next: { ...record, ...to, reason: sentence }, epoch: record.epoch, move: 'rollback', actor };
  const saving = unkept.get(record.rollout)?.saving ?? changeRollout(context, { ...change, ...(evidence === undefined ? {} : { evidence }) });
  const inForce = (): Promise<unknown> => takeUnkept(context, subject, sentence);
  try {
    const kept = await inTime(saving, inForce);
    unkept.delete(record.rollout);
    return { kept };
  } catch (error) {
    if (error instanceof ProblemError) throw error;
    unkept.set(record.rollout, { to, sentence, actor, saving: error instanceof LateError ? saving : null });
    await inForce();
    return { error };
  }
};

const inTime = async (saving: Promise<RolloutRecord>, inForce: () => Promise<unknown>): Promise<RolloutRecord> => {
  try {
    return await within(saving, inForceMs, late);
  } catch (error) {
    if (!(error instanceof LateError)) throw error;
    await inForce();
    return within(saving, patienceMs, late);
  }
};

/** Puts a rollback in force that is not kept yet, and says so. */
export const takeUnkept = async (context: ControlContext, { standing, record }: Subject, sentence: string): Promise<Standing> => {
  const { assignment } = standingAfter(standing, { ...record, phase: 'rolled-back', epoch: record.epoch + 1 });
  const taken = { ...standing, record: { ...record, reason: `${sentence} (in force, and kept as soon as the store answers)` }, assignment };
  await takeStanding(context, taken);
  return taken;
};
