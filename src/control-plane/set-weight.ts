import { ProblemError } from '../problem.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { type ControlContext, changeRollout, takeStanding } from './change-rollout.ts';
import { type Command, transition } from './command.ts';
import { hundredthsOf } from './plan.ts';
import { type RolloutState, rolloutStateOf } from './rollout-state.ts';
import { assignmentOf, type Standing } from './standing.ts';

/** An operator's wish for a weight, with who and why. */
export interface WeightRequest {
  /** Percent of requests, 0 to 100 in steps of 0.01. */
  readonly weight: number;
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

const recordAt = (model: string, { record }: Standing, expectedRevision: number | undefined): RolloutRecord => {
  if (record === null) throw new ProblemError('rollout-conflict', `The model ${model} has no rollout.`);
  if (expectedRevision !== undefined && expectedRevision !== record.revision) {
    throw new ProblemError('rollout-conflict', `The rollout of ${model} has changed: expected revision ${expectedRevision}, it is at ${record.revision}.`);
  }
  return record;
};

const moved = (record: RolloutRecord, command: Command): Pick<RolloutRecord, 'phase' | 'weightHundredths'> => {
  const result = transition(record.phase, command);
  if (!result.legal) {
    throw new ProblemError('rollout-conflict', `${command.move} is not legal in phase ${result.phase}; legal moves: ${result.legalMoves.join(', ')}.`);
  }
  return { phase: result.phase, weightHundredths: result.weightHundredths };
};

/**
 * Makes the operation that sets a rollout's weight by hand: saved first, then in force for the next request, then answered.
 * It rejects with model-not-found or rollout-conflict (no rollout, another revision, a phase that forbids it), and with
 * the store's error when that fails; nothing is changed then.
 */
export const createSetWeight =
  (context: ControlContext) =>
  async (model: string, request: WeightRequest): Promise<RolloutState> => {
    // Before the turn, so that unknown names leave no queue behind.
    standingOf(context, model);
    return context.inTurn(model, async () => {
      const standing = standingOf(context, model);
      const previous = recordAt(model, standing, request.expectedRevision);
      const next = { ...previous, ...moved(previous, { move: 'set-weight', weightHundredths: hundredthsOf(request.weight) }), reason: request.reason };
      const record = await changeRollout(context, { previous, next, epoch: previous.epoch, move: 'set-weight', actor: request.actor });
      const assignment = { ...assignmentOf(model, { ...standing, record }), epoch: record.epoch };
      const changed = { ...standing, record, assignment };
      await takeStanding(context, changed);
      return rolloutStateOf(model, changed);
    });
  };
