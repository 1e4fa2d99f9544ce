import { type Fault, faultText } from '../bundle/fault.ts';
import { ProblemError } from '../problem.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { attemptWords } from './attempt.ts';
import { newRollout } from './begin-rollout.ts';
import { type ControlContext, changeRollout, type Rollback, takeStanding } from './change-rollout.ts';
import { type Command, transition } from './command.ts';
import { type RolloutState, rolloutStateOf } from './rollout-state.ts';
import { hasEnded, keptBaseline, planOf, type Standing, standingAfter } from './standing.ts';
import { keepRollback } from './unkept-rollback.ts';
import { barToPromotion } from './verify-promotion.ts';

/** Who moves a rollout, and why. */
export interface MoveRequest {
  readonly reason: string;
  /** Id of the key that was used, or `anonymous`. */
  readonly actor: string;
  /** Refuse when the rollout is at another revision. */
  readonly expectedRevision?: number;
}

/**
 * Where a known model stands.
 * @throws ProblemError model-not-found
 */
export const standingOf = ({ standings }: Pick<ControlContext, 'standings'>, model: string): Standing => {
  const standing = standings.get(model);
  if (standing === undefined) throw new ProblemError('model-not-found', `There is no model ${model}.`);
  return standing;
};

/** A plan that does not hold, with every reason; the pointers are into the plan. */
const barred = (sentence: string, bars: readonly Fault[]): ProblemError =>
  bars.length === 0
    ? new ProblemError('rollout-conflict', sentence)
    : new ProblemError('rollout-conflict', `${sentence} The plan does not hold: ${bars.map(faultText).join('; ')}.`, {
        errors: bars.map(({ file, field, got, expected }) => ({
          pointer: `#/${field.replaceAll('.', '/')}`,
          detail: `of ${file} does not hold`,
          got,
          expected,
        })),
      });

const recordAt = (model: string, { record, barsToStart }: Standing, expectedRevision: number | undefined): RolloutRecord => {
  if (record === null) throw barred(`The model ${model} has no rollout.`, barsToStart);
  if (expectedRevision !== undefined && expectedRevision !== record.revision) {
    throw new ProblemError('rollout-conflict', `The rollout of ${model} has changed: expected revision ${expectedRevision}, it is at ${record.revision}.`);
  }
  return record;
};

/** A candidate with its baseline, or a 409: the traffic of a rollout that lacks one of them cannot be split. */
const refuseUnavailable = (record: RolloutRecord, { availability }: Standing): void => {
  if (availability === 'available') return;
  throw new ProblemError('rollout-conflict', `The rollout of ${record.model} cannot start: ${availability.replace('-', ' ')}.`);
};

/** An ended rollout that is started is a new attempt, by the plan on disk: new id, fresh evidence. */
const newAttempt = async (context: ControlContext, ended: RolloutRecord, { planned, barsToStart }: Standing) => {
  const baseline = keptBaseline(ended);
  // The plan was held against the files when they were looked at; a promotion since then has made its baseline an old one.
  if (planned === null || planned.plan.baseline !== baseline) {
    throw barred(`There is no plan that holds for ${ended.model} with the baseline ${baseline}.`, barsToStart);
  }
  return newRollout(planned, await context.store.ended(ended.model), context.newId());
};

type Subject = Omit<RolloutRecord, 'epoch' | 'revision' | 'changedAtMs' | 'reason'>;

/** The rollout that a command is about: the model's own, or the new attempt that a `start` makes of an ended one. */
const subjectOf = async (context: ControlContext, command: Command, { record, standing }: { readonly record: RolloutRecord; readonly standing: Standing }) => {
  if (command.move !== 'start') return record;
  refuseUnavailable(record, standing);
  return hasEnded(record) ? newAttempt(context, record, standing) : record;
};

/** @throws ProblemError rollout-conflict with the legal moves */
const refuseIllegal = (record: RolloutRecord, command: Command): void => {
  const result = transition({ at: record, plan: planOf(record), units: 0 }, command);
  if (!result.legal) {
    throw new ProblemError('rollout-conflict', `${command.move} is not legal in phase ${result.phase}; legal moves: ${result.legalMoves.join(', ')}.`);
  }
};

const reasonFor = (subject: Subject, command: Command, reason: string): string => {
  if (command.move !== 'start' || subject.attempt === 1) return reason;
  const { risk } = JSON.parse(subject.plan) as ReturnType<typeof planOf>;
  return `${reason} (${attemptWords(subject.attempt, risk.falseRollback)})`;
};

interface RollBack {
  readonly standing: Standing;
  readonly previous: RolloutRecord;
  readonly rollback: Rollback;
}

/** Whoever takes traffic from a candidate gets it, with the store or without. */
const rollBack = async (context: ControlContext, { standing, previous, rollback }: RollBack): Promise<RolloutState> => {
  const { model } = previous;
  const now = { ...standing, live: standing.live === null ? null : { ...standing.live, waitsFor: null } };
  const keeping = await keepRollback(context, { standing: now, record: previous }, rollback);
  if ('kept' in keeping) await takeStanding(context, standingAfter(now, keeping.kept));
  return rolloutStateOf(model, standingOf(context, model));
};

const refuseUnkept = (error: unknown): never => {
  if (error instanceof ProblemError) throw error;
  throw new ProblemError('internal', 'The store failed, and nothing was changed. A rollback is possible without it.', { cause: error });
};

const moveOnce = async (context: ControlContext, command: Command, { model, request }: { readonly model: string; readonly request: MoveRequest }) => {
  const standing = standingOf(context, model);
  const previous = recordAt(model, standing, request.expectedRevision);
  refuseIllegal(previous, command);
  if (context.unkept.has(previous.rollout) && command.move !== 'rollback')
    throw new ProblemError('rollout-conflict', `The rollout of ${model} is rolled back; that is kept as soon as the store answers.`);
  // The first traffic: by the plan, or by a weight that a person sets.
  if (previous.phase === 'pending' && standing.barsToStart.length > 0) throw barred(`The rollout of ${model} cannot start.`, standing.barsToStart);
  const subject = await subjectOf(context, command, { record: previous, standing });
  const units = standing.live?.assessment.candidateUnits ?? previous.stepStartUnits;
  const plan = JSON.parse(subject.plan) as ReturnType<typeof planOf>;
  const result = transition({ at: subject, plan, units }, command);
  if (!result.legal) throw new ProblemError('rollout-conflict', `${command.move} is not legal in phase ${result.phase}.`);
  const bar = await barToPromotion(context, subject, { from: subject, to: result.to });
  if (bar !== null) throw new ProblemError('rollout-conflict', `${command.move} is refused: ${bar}.`);
  const reason = reasonFor(subject, command, request.reason);
  if (command.move === 'rollback') return rollBack(context, { standing, previous, rollback: { to: result.to, sentence: reason, actor: request.actor } });
  const next = { ...subject, ...result.to, reason };
  const change = { previous, next, epoch: previous.epoch, move: command.move, actor: request.actor };
  const record = await changeRollout(context, change).catch(refuseUnkept);
  const live = record.rollout === previous.rollout ? standing.live : null;
  const changed = standingAfter({ ...standing, live: live === null ? null : { ...live, waitsFor: null } }, record);
  await takeStanding(context, changed);
  return rolloutStateOf(model, changed);
};

/**
 * Makes the operation by which a person moves a rollout: saved first, then in force for the next request, then answered.
 * It rejects with model-not-found or rollout-conflict (no rollout, another revision, a phase that forbids the move), and
 * with the store's error when that fails; nothing is changed then. A rollback alone is in force without the store, and kept later.
 */
export const createMove =
  (context: ControlContext) =>
  async (model: string, command: Command, request: MoveRequest): Promise<RolloutState> => {
    // Before the turn, so that unknown names leave no queue behind.
    standingOf(context, model);
    return context.inTurn(model, () => moveOnce(context, command, { model, request }));
  };
