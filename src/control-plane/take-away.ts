/**
 * Taking traffic away while the store fails or hangs. A bad candidate loses its traffic with the store or without it: a rollback, or the hold
 * of a signal, is in force in the epoch that it will be kept with, and every tick tries again to keep it. States: declared (nothing gives
 * the candidate traffic any more) -> in force -> kept.
 */
import type { DecisionEvidence } from '../ledger/ledger-entry.ts';
import { ProblemError } from '../problem.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { changeInTime } from './change-in-time.ts';
import { type ControlContext, gateway, positionAfter, type TakeAway, takeStanding, type Unkept } from './change-rollout.ts';
import { noteRollbacks } from './note-rollbacks.ts';
import { isLive } from './position.ts';
import { type Standing, standingAfter } from './standing.ts';

/** The record as it is kept, or why it is not kept yet. */
export type Keeping = { readonly kept: RolloutRecord } | { readonly error: unknown };

/** From now on nothing gives the rollout traffic, whoever has the model's turn. What was decided first stays, but for a hold that becomes a rollback. */
export const declare = (
  { unkept, newest }: ControlContext,
  { record, assignment }: Standing & { readonly record: RolloutRecord },
  taking: TakeAway,
): Unkept => {
  const before = unkept.get(record.rollout);
  if (before !== undefined && (before.move === 'rollback' || taking.move === 'hold')) return before;
  // A change that is being saved has its epoch already.
  const entry = { ...taking, model: record.model, epoch: Math.max(assignment.epoch, newest.get(record.model)?.epoch ?? 0) + 1 };
  unkept.set(record.rollout, entry);
  return entry;
};

/** Puts in force what is declared, says so, and notes it for the case that this life ends before the store answers. */
export const putInForce = async (context: ControlContext, model: string): Promise<void> => {
  const standing = context.standings.get(model);
  if (standing !== undefined) await takeStanding(context, standing);
  // Every tick tries again, and tells of a failure.
  noteRollbacks(context).catch(() => undefined);
};

/**
 * Takes traffic away and saves that, for a task that has the model's turn. It is in force when this resolves, kept or not.
 * @throws ProblemError rollout-conflict when somebody else has changed the rollout; it is in force all the same
 */
export const takeAway = async (
  context: ControlContext,
  standing: Standing & { readonly record: RolloutRecord },
  { evidence, ...taking }: TakeAway & { readonly evidence?: DecisionEvidence },
): Promise<Keeping> => {
  const { record } = standing;
  const entry = declare(context, standing, taking);
  const { move, actor, sentence } = entry;
  const next = { ...record, ...positionAfter(record, entry), reason: sentence };
  const change = { previous: record, next, epoch: entry.epoch - 1, move, actor, ...(evidence === undefined ? {} : { evidence }) };
  try {
    return { kept: await changeInTime(context, change, standingAfter) };
  } catch (error) {
    await putInForce(context, record.model);
    if (error instanceof ProblemError && error.type === 'rollout-conflict') throw error;
    return { error };
  }
};

const isOn = (standing: Standing | undefined, rollout: string): standing is Standing & { readonly record: RolloutRecord } =>
  standing?.record?.rollout === rollout && isLive(standing.record.phase);

const keepOnce = async (context: ControlContext, { model, rollout }: Pick<RolloutRecord, 'model' | 'rollout'>): Promise<void> => {
  const { standings, unkept, late } = context;
  const entry = unkept.get(rollout);
  const standing = standings.get(model);
  // Kept by a tick meanwhile; and what the engine decided it keeps by itself, with what it saw.
  if (entry === undefined || entry.actor === gateway) return;
  if (isOn(standing, rollout)) await takeAway(context, standing, entry);
  // Its start was not kept: there is nothing to take away.
  else if (!late.has(model)) unkept.delete(rollout);
};

/** Keeps what is declared, for whoever has no turn. A store that fails does not make it fail: every tick tries again. */
export const keepDeclared = async (context: ControlContext, about: Pick<RolloutRecord, 'model' | 'rollout'>): Promise<void> => {
  const { inTurn, late, unkept } = context;
  const keep = (): Promise<void> => inTurn(about.model, () => keepOnce(context, about));
  await keep();
  const waiting = late.get(about.model);
  if (waiting === undefined) return;
  await waiting.catch(() => undefined);
  if (unkept.has(about.rollout)) await keep();
};
