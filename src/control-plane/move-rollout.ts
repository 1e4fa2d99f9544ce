import { type Fault, faultText } from '../bundle/fault.ts';
import { ProblemError } from '../problem.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { LateError, within } from '../within.ts';
import { attemptWords } from './attempt.ts';
import { newRollout } from './begin-rollout.ts';
import { changeInTime, inForceMs, LateChangeError, patienceMs, unanswered } from './change-in-time.ts';
import type { ControlContext } from './change-rollout.ts';
import { type Command, transition } from './command.ts';
import { noteRollbacks } from './note-rollbacks.ts';
import { isLive } from './position.ts';
import { type RolloutState, rolloutStateOf } from './rollout-state.ts';
import { hasEnded, keptBaseline, planOf, type Standing, standingAfter } from './standing.ts';
import { declare, keepDeclared, putInForce } from './take-away.ts';
import { barOf, promotes } from './verify-promotion.ts';

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

const withoutStore = 'A rollback is possible without it.';

const refuseUnkept = (error: unknown): never => {
  if (error instanceof ProblemError || error instanceof LateChangeError) throw error;
  throw new ProblemError('internal', `The store failed, and nothing was changed. ${withoutStore}`, { cause: error });
};

/** A change that was given up may be kept later all the same, so the caller is told to look. */
const answerInTime = async (error: unknown, model: string): Promise<void> => {
  if (!(error instanceof LateChangeError)) throw error;
  await within(error.settled, patienceMs, unanswered).catch((failure: unknown) => {
    if (!(failure instanceof LateError)) return refuseUnkept(failure);
    const look = `GET /rollouts/${model} says whether it was`;
    throw new ProblemError('overloaded', `The store does not answer. The change is in force only once it is kept; ${look}. ${withoutStore}`, {
      cause: failure,
    });
  });
};

interface Asked {
  readonly model: string;
  readonly request: MoveRequest;
}

/** By candidate: why it must not be promoted, in words, or null. Each was looked at since the move was asked for. */
type Bars = ReadonlyMap<string, string | null>;

/** Makes the move, or says whose files are to be looked at first: outside the turn, for a disk that hangs must not hold up a rollback. */
const moveOnce = async (context: ControlContext, command: Command, { model, request, bars }: Asked & { readonly bars: Bars }): Promise<string | null> => {
  const standing = standingOf(context, model);
  const previous = recordAt(model, standing, request.expectedRevision);
  refuseIllegal(previous, command);
  // The first traffic: by the plan, or by a weight that a person sets.
  if (previous.phase === 'pending' && standing.barsToStart.length > 0) throw barred(`The rollout of ${model} cannot start.`, standing.barsToStart);
  const subject = await subjectOf(context, command, { record: previous, standing });
  const units = standing.live?.assessment.candidateUnits ?? previous.stepStartUnits;
  const plan = JSON.parse(subject.plan) as ReturnType<typeof planOf>;
  const result = transition({ at: subject, plan, units }, command);
  if (!result.legal) throw new ProblemError('rollout-conflict', `${command.move} is not legal in phase ${result.phase}.`);
  const bar = promotes(subject, result.to) ? bars.get(subject.candidate) : null;
  if (bar === undefined) return subject.candidate;
  if (bar !== null) throw new ProblemError('rollout-conflict', `${command.move} is refused: ${bar}.`);
  const next = { ...subject, ...result.to, reason: reasonFor(subject, command, request.reason) };
  const change = { previous, next, epoch: standing.assignment.epoch, move: command.move, actor: request.actor };
  await changeInTime(context, change, (now, kept) => {
    const live = now.live === null || kept.rollout !== previous.rollout ? null : { ...now.live, waitsFor: null };
    return standingAfter({ ...now, live }, kept);
  }).catch(refuseUnkept);
  return null;
};

const moveWhenVerified = async (context: ControlContext, command: Command, asked: Asked): Promise<void> => {
  const bars = new Map<string, string | null>();
  for (;;) {
    const candidate = await context.inTurn(asked.model, () => moveOnce(context, command, { ...asked, bars }));
    if (candidate === null) return;
    bars.set(candidate, await barOf(context, { model: asked.model, candidate }));
  }
};

/** One after the other, each with its answer; a rollback does not queue with them. */
const moveInTime = (context: ControlContext, command: Command, asked: Asked): Promise<void> => {
  const { model } = asked;
  const { inTurn } = context;
  return inTurn(`moves of ${model}`, () => moveWhenVerified(context, command, asked).catch((error: unknown) => answerInTime(error, model)));
};

/** The rollout that a rollback is about: also one whose start is being saved. */
const toRollBack = ({ newest }: ControlContext, record: RolloutRecord): RolloutRecord => {
  const asked = newest.get(record.model);
  return asked !== undefined && asked.revision > record.revision && !isLive(record.phase) ? asked : record;
};

/** Whoever takes traffic from a candidate gets it, with the store or without, and whatever holds the model's turn. */
const rollBack = async (context: ControlContext, command: Command, { model, request }: Asked): Promise<void> => {
  const standing = standingOf(context, model);
  const record = toRollBack(context, recordAt(model, standing, request.expectedRevision));
  refuseIllegal(record, command);
  declare(context, { ...standing, record }, { move: 'rollback', sentence: request.reason, actor: request.actor });
  const keeping = keepDeclared(context, record);
  const isLate = (error: unknown): void => {
    if (!(error instanceof LateError)) throw error;
  };
  await within(keeping, inForceMs, unanswered).catch(async (error: unknown) => {
    isLate(error);
    await putInForce(context, model);
    await within(keeping, patienceMs, unanswered).catch(isLate);
  });
  // What was confirmed is to outlive this life, kept or not; the next tick tells when it cannot even be noted.
  if (context.unkept.has(record.rollout)) await within(noteRollbacks(context), patienceMs, unanswered).catch(() => undefined);
};

/**
 * Makes the operation by which a person moves a rollout: saved first, then in force for the next request, then answered.
 * It rejects with model-not-found or rollout-conflict (no rollout, another revision, a phase that forbids the move), with overloaded when
 * the store does not answer (what it keeps later is in force then), and with the store's error when that fails; nothing is changed then. A
 * rollback alone is in force without the store, and kept later.
 */
export const createMove =
  (context: ControlContext) =>
  async (model: string, command: Command, request: MoveRequest): Promise<RolloutState> => {
    // Before the turn, so that unknown names leave no queue behind.
    standingOf(context, model);
    const move = command.move === 'rollback' ? rollBack : moveInTime;
    await move(context, command, { model, request });
    return rolloutStateOf(model, standingOf(context, model));
  };
