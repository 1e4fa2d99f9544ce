import { ProblemError } from '../problem.ts';
import type { Phase } from '../store/rollout-store.ts';
import type { Standing } from './standing.ts';

/** A rollout as operators see it, in every door alike. Weights are percent of requests. */
export interface RolloutState {
  readonly model: string;
  readonly rollout: string;
  readonly attempt: number;
  readonly phase: Phase;
  readonly baseline: string;
  readonly candidate: string;
  readonly weight: number;
  /** The weight in force: 0 while a version of the rollout is not available, and once the rollout has ended. */
  readonly effective_weight: number;
  readonly step: number;
  readonly epoch: number;
  readonly revision: number;
  /** No guard measures yet, so these four say that nothing is known. */
  readonly evidence: null;
  readonly ineligible_share: null;
  readonly next: null;
  readonly guardrails: readonly never[];
  readonly reason: string;
}

/**
 * The state of a model's rollout.
 * @throws ProblemError not-found when the model has none
 */
export const rolloutStateOf = (model: string, { record, assignment }: Standing): RolloutState => {
  if (record === null) throw new ProblemError('not-found', `The model ${model} has no rollout.`);
  return {
    model,
    rollout: record.rollout,
    attempt: record.attempt,
    phase: record.phase,
    baseline: record.baseline,
    candidate: record.candidate,
    weight: record.weightHundredths / 100,
    effective_weight: (assignment.rollout?.weightHundredths ?? 0) / 100,
    step: record.step,
    epoch: record.epoch,
    revision: record.revision,
    evidence: null,
    ineligible_share: null,
    next: null,
    guardrails: [],
    reason: record.reason,
  };
};
