import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { Decision } from '../store/rollout-store.ts';
import { type Arriving, createAnswerEarly } from './answer-early.ts';
import type { ControlContext } from './change-rollout.ts';
import type { Command } from './command.ts';
import { createMove, type MoveRequest, standingOf } from './move-rollout.ts';
import { hundredthsOf } from './plan.ts';
import { createRecall } from './recall.ts';
import { createReconcile, type Found, type Reconciled } from './reconcile-bundles.ts';
import { type RolloutState, rolloutStateOf } from './rollout-state.ts';

/** A page of decisions or ledger entries: those with a sequence below `before`, newest first. */
interface LedgerPage {
  readonly limit: number;
  readonly before?: number;
  /** Entries of this kind only. */
  readonly kind?: LedgerEntry['kind'];
}

/** An operator's wish for a weight, with who and why. */
interface WeightRequest extends MoveRequest {
  /** Percent of requests, 0 to 100 in steps of 0.01. */
  readonly weight: number;
}

/** The rollouts of this gateway, as operators and the loading of bundles use them. */
export interface RolloutControl {
  /**
   * Settles every model's baseline and plan against what is found on disk, and publishes every model's assignment.
   * `found` is complete: a version that is not listed is not there. Idempotent. Rejects when the store fails.
   */
  readonly reconcile: (found: Found) => Promise<Reconciled>;
  /** Lets a model answer by its baseline before its other versions are proven, where they cannot change that. Rejects when the store fails. */
  readonly answerEarly: (arriving: Arriving) => Promise<void>;
  /** The state of every rollout, by model name. */
  readonly list: () => readonly RolloutState[];
  /** @throws ProblemError model-not-found, or not-found when the model has no rollout */
  readonly get: (model: string) => RolloutState;
  /** Saves, publishes, then answers. Rejects with ProblemError model-not-found or rollout-conflict, or with the store's error; nothing is changed then. A rollback is in force without the store. */
  readonly move: (model: string, command: Command, request: MoveRequest) => Promise<RolloutState>;
  /** The move `set-weight`, as `move`. */
  readonly setWeight: (model: string, request: WeightRequest) => Promise<RolloutState>;
  /** Rejects with ProblemError model-not-found, or with the store's error. */
  readonly decisions: (model: string, page: LedgerPage) => Promise<readonly Decision[]>;
  /** The model's entries of the ledger, as they were sealed. Rejects as `decisions` does. */
  readonly ledger: (model: string, page: LedgerPage) => Promise<readonly LedgerEntry[]>;
}

/** Makes the control of rollouts. Nothing is known before the first `reconcile`. */
export const createRolloutControl = (context: ControlContext): RolloutControl => {
  const move = createMove(context);
  const recall = createRecall(context);
  return {
    reconcile: createReconcile(context, recall),
    answerEarly: createAnswerEarly(context, recall),
    list: () =>
      [...context.standings]
        .filter(([, { record }]) => record !== null)
        .map(([model, standing]) => rolloutStateOf(model, standing))
        .sort((left, right) => (left.model < right.model ? -1 : 1)),
    get: (model) => rolloutStateOf(model, standingOf(context, model)),
    move,
    setWeight: (model, { weight, ...request }) => move(model, { move: 'set-weight', weightHundredths: hundredthsOf(weight) }, request),
    decisions: async (model, page) => {
      standingOf(context, model);
      return context.store.decisions({ model, ...page });
    },
    ledger: async (model, page) => {
      standingOf(context, model);
      return context.store.ledger.page({ model, ...page });
    },
  };
};
