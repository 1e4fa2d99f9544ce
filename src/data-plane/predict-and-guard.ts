import type { ProblemError } from '../problem.ts';
import type { InferContext } from './infer-context.ts';
import { problemOf } from './inference/problem-of.ts';
import { endUnit } from './observe/count-unit.ts';
import type { PendingUnit } from './observe/evidence.ts';
import type { FailedAttempt, Observer } from './observe/observer.ts';
import { tellFailed } from './observe/raw-events.ts';
import type { ServingModel } from './registry.ts';
import type { Answer, Attempt, AttemptFailure } from './rescue.ts';
import { attempt, attemptDeadline, failureOf } from './rescue.ts';
import type { Checked, Routed } from './route-request.ts';

export interface PredictDeps {
  readonly observer: Observer;
  readonly monotonicMs: () => number;
}

interface PredictStep {
  readonly checked: Checked;
  readonly routed: Routed;
  readonly context: InferContext;
  readonly deps: PredictDeps;
}

/** An answer that the guards let through. */
export interface Guarded {
  readonly answer: Answer;
  /** Why the assigned candidate did not answer; null when the assigned version did. */
  readonly rescuedFrom: AttemptFailure | null;
  /** The assigned version answered after the time at which a candidate's attempt has failed. For the evidence that is a failure of either arm. */
  readonly isLate: boolean;
}

/** When the caller must have an answer, and when an attempt of either arm has failed, on the monotonic clock: a candidate's ends then, and is rescued. */
const deadlinesOf = ({ baseline }: ServingModel, { routed: { assignment, version }, context, deps }: PredictStep) => {
  const answering = baseline ?? version;
  const budgetMs = (assignment.arm === null ? version : answering).bundle.manifest.budgets.deadlineMs;
  const callerMs = context.arrivedMs + Math.min(context.timeoutMs ?? budgetMs, budgetMs);
  return { callerMs, attemptMs: attemptDeadline(deps.monotonicMs(), callerMs, answering.p99Ms()) };
};

/** The assigned version answers, or the baseline in place of a candidate that failed. @throws ProblemError */
export const predictAndGuard = async (model: ServingModel, step: PredictStep): Promise<Guarded> => {
  const { checked, routed, context, deps } = step;
  const { assignment, version, unit } = routed;
  const { callerMs, attemptMs } = deadlinesOf(model, step);
  const whole: Attempt = { rows: checked.rows, deadlineMs: callerMs, form: context.form, span: context.span, monotonicMs: deps.monotonicMs };
  const rescuer = assignment.arm === 'candidate' ? model.baseline : null;
  try {
    const answer = await attempt(version, rescuer === null ? whole : { ...whole, deadlineMs: attemptMs });
    const isLate = deps.monotonicMs() > attemptMs;
    if (isLate) tellFailed(context.requestId, 'late');
    return { answer, rescuedFrom: null, isLate };
  } catch (error) {
    const failure = failureOf(error);
    tellFailed(context.requestId, failure);
    const observed = { model, version, assignment, failure, error, context };
    if (rescuer === null || failure === null) throw giveUp(observed, error, { unit, deps });
    deps.observer.rescued(observed, failure);
    const answer = await attempt(rescuer, whole).catch((again: unknown) => {
      throw giveUp(observed, again, { unit, deps });
    });
    return { answer, rescuedFrom: failure, isLate: false };
  }
};

/** The end of a request that nobody answers: an error of its arm, or no evidence when its own content was at fault. */
const giveUp = (observed: FailedAttempt, error: unknown, { unit, deps }: { readonly unit: PendingUnit | null; readonly deps: PredictDeps }): ProblemError => {
  if (observed.failure === null) unit?.withdraw();
  else endUnit(unit, observed.model, { failure: observed.failure, answer: null, requestId: observed.context.requestId });
  return deps.observer.failed({ ...observed, error }, problemOf(error));
};
