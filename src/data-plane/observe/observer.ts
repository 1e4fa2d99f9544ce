import type { ProblemError } from '../../problem.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { ArmLabel, ArmRecorder, RequestResult, RescueReason } from '../../telemetry/recorders.ts';
import type { BrokenRule } from '../contract/check-inputs.ts';
import type { InferContext } from '../infer-context.ts';
import type { ServingVersion } from '../inference/serving-version.ts';
import type { ServingModel } from '../registry.ts';
import type { Answer, AttemptFailure } from '../rescue.ts';
import type { Assignment } from '../routing/assign.ts';
import { type BoundReport, createBoundWatch, type EndedRequest } from './bound-watch.ts';
import { createOnceASecond } from './once-a-second.ts';

/** A failed attempt of the assigned version. `failure` is null when the caller's input was at fault. */
export interface FailedAttempt {
  readonly model: ServingModel;
  readonly version: ServingVersion;
  readonly assignment: Assignment;
  readonly failure: AttemptFailure | null;
  readonly error: unknown;
  readonly context: InferContext;
}

export interface AnsweredRequest {
  readonly model: ServingModel;
  readonly assigned: ServingVersion;
  readonly assignment: Assignment;
  readonly answer: Answer;
  readonly rescuedFrom: AttemptFailure | null;
  readonly context: InferContext;
  readonly routingKeyHash: string | null;
  readonly predictionId: string;
  readonly validatedMs: number;
  readonly routedMs: number;
}

/** Turns what happens on the request path into counters, span facts and log lines. After the assignment everything counts for the assigned arm. */
export interface Observer {
  readonly violated: (model: ServingModel, broken: readonly BrokenRule[]) => void;
  readonly shed: (model: ServingModel) => void;
  /** A request for what is not served yet, before its assignment; null while no version of its model is there. */
  readonly notReady: (model: ServingModel | null) => void;
  readonly rescued: (attempt: FailedAttempt, reason: AttemptFailure) => void;
  /** Records a request that got no answer, and gives its problem back to be thrown. */
  readonly failed: (attempt: FailedAttempt, problem: ProblemError) => ProblemError;
  readonly answered: (request: AnsweredRequest) => void;
}

export interface ObserverDeps {
  readonly metrics: Metrics;
  readonly log: Log;
  readonly monotonicMs: () => number;
}

const resultOf: Readonly<Record<AttemptFailure, RequestResult>> = {
  error: 'error',
  timeout: 'timeout',
  'circuit-open': 'error',
  'queue-full': 'error',
  'lost-worker': 'error',
  breach: 'breach',
};

const rescueReasonOf: Readonly<Record<AttemptFailure, RescueReason>> = {
  error: 'error',
  timeout: 'timeout',
  'circuit-open': 'circuit_open',
  'queue-full': 'queue_full',
  'lost-worker': 'lost_worker',
  breach: 'breach',
};

/** The recorder of a version's arm, kept so that a request hashes no labels. */
const keepRecorders = (metrics: Metrics): ((version: ServingVersion, arm: ArmLabel) => ArmRecorder) => {
  const recorders = new WeakMap<ServingVersion, Map<ArmLabel, ArmRecorder>>();
  return (version, arm) => {
    const kept = recorders.get(version)?.get(arm);
    if (kept !== undefined) return kept;
    const { model, version: name } = version.bundle;
    const made = metrics.forArm({ model, version: name, arm });
    recorders.set(version, new Map(recorders.get(version)).set(arm, made));
    return made;
  };
};

export const createObserver = (deps: ObserverDeps): Observer => {
  const recorderOf = keepRecorders(deps.metrics);
  const onceASecond = createOnceASecond(deps.monotonicMs);
  const bounds = createBoundWatch({
    monotonicMs: deps.monotonicMs,
    onMinute: (report) => showBound(deps, report),
    onEnd: (model) => deps.metrics.releaseBounds({ model }),
  });

  const record = (
    { failure, answer }: Pick<EndedRequest, 'failure' | 'answer'>,
    { model, version, assignment, arrivedMs }: Pick<FailedAttempt, 'model' | 'version' | 'assignment'> & { readonly arrivedMs: number },
  ): void => {
    const durationMs = deps.monotonicMs() - arrivedMs;
    recorderOf(version, assignment.arm ?? 'none').request(failure === null ? 'ok' : resultOf[failure], durationMs / 1_000);
    const { rollout } = model.traffic;
    if (rollout === null) bounds.unwatch(model.name);
    else if (assignment.arm !== null) bounds.record(model.name, rollout, { arm: assignment.arm, durationMs, failure, answer });
  };
  const unassigned = (model: ServingModel, result: RequestResult): void =>
    deps.metrics.forArm({ model: model.name, version: 'none', arm: 'none' }).request(result, 0);
  const perModel = (model: ServingModel) => deps.metrics.forModel({ model: model.name, features: model.known });

  return {
    violated: (model, broken) => {
      unassigned(model, 'client_error');
      const recorder = perModel(model);
      for (const rule of broken) recorder.violated(rule);
    },
    shed: (model) => unassigned(model, 'shed'),
    notReady: (model) => (model === null ? deps.metrics.unrouted.request('error', 0) : unassigned(model, 'error')),
    rescued: ({ model, version, error, context }, reason) => {
      const { version: name } = version.bundle;
      deps.metrics.forVersion({ model: model.name, version: name }).rescued(rescueReasonOf[reason]);
      const fields = { trace_id: context.span.traceId, request_id: context.requestId, model: model.name, version: name, reason, err: error };
      const message = 'rescued: the baseline answers for the candidate';
      // A candidate that is broken is rescued for every request: one line a second tells why, the others are for debugging.
      const others = onceASecond(`${model.name} ${name} ${reason}`);
      if (others === null) deps.log.debug(fields, message);
      else deps.log.info({ ...fields, others }, message);
    },
    failed: ({ model, version, assignment, failure, context }, problem) => {
      if (failure === null) unassigned(model, 'client_error');
      else record({ failure, answer: null }, { model, version, assignment, arrivedMs: context.arrivedMs });
      if (context.span.sampled) context.span.set({ ...assignmentFacts(model, assignment), version: version.bundle.version });
      return problem;
    },
    answered: (request) => {
      const { assigned, assignment, answer, rescuedFrom, context, model } = request;
      record({ failure: rescuedFrom, answer }, { model, version: assigned, assignment, arrivedMs: context.arrivedMs });
      if (assignment.reason === 'disabled') perModel(model).ineligible();
      if (context.span.sampled) describe(request);
      deps.log.debug(
        { trace_id: context.span.traceId, request_id: context.requestId, prediction_id: request.predictionId, model: model.name, arm: assignment.arm },
        'answered',
      );
    },
  };
};

const showBound = ({ metrics, log }: ObserverDeps, { model, arm, bound, requests, events, broken }: BoundReport): void => {
  const { criterion, objective, limit, event } = bound;
  metrics.setBoundBroken({ model, arm, criterion, objective, broken });
  if (broken) log.warn({ model, arm, criterion, objective, limit, event, requests, events }, 'more requests of this arm than the absolute limit allows');
};

const assignmentFacts = ({ name, traffic }: ServingModel, { arm, reason }: Assignment) => ({
  model: name,
  arm,
  reason,
  epoch: traffic.epoch,
  ...(traffic.rollout === null ? {} : { rollout: traffic.rollout.id }),
});

const describe = (request: AnsweredRequest): void => {
  const { answer, assignment, context, routingKeyHash } = request;
  const { queueMs, computeMs } = answer.prediction;
  context.span.set({
    ...assignmentFacts(request.model, assignment),
    ...(routingKeyHash === null ? {} : { routingKeyHash }),
    version: answer.version.bundle.version,
    rows: answer.rows.length,
    rescued: request.rescuedFrom !== null,
    predictionId: request.predictionId,
    stagesMs: {
      validate: request.validatedMs - context.arrivedMs,
      route: request.routedMs - request.validatedMs,
      queue: queueMs,
      compute: computeMs,
      guard: answer.guardMs,
    },
  });
};
