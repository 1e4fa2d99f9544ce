import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import type { Decision } from '../store/rollout-store.ts';
import type { ControlContext } from './change-rollout.ts';
import { createInTurn } from './in-turn.ts';
import { createReconcile, type Found, type Reconciled } from './reconcile-bundles.ts';
import { type RolloutState, rolloutStateOf } from './rollout-state.ts';
import { createSetWeight, standingOf, type WeightRequest } from './set-weight.ts';

/** A page of decisions or ledger entries: those with a sequence below `before`, newest first. */
interface LedgerPage {
  readonly limit: number;
  readonly before?: number;
}

/** The rollouts of this gateway, as operators and the loading of bundles use them. */
export interface RolloutControl {
  /**
   * Settles every model's baseline and plan against what is found on disk, and publishes every model's assignment.
   * `found` is complete: a version that is not listed is not there. Idempotent. Rejects when the store fails.
   */
  readonly reconcile: (found: Found) => Promise<Reconciled>;
  /** The state of every rollout, by model name. */
  readonly list: () => readonly RolloutState[];
  /** @throws ProblemError model-not-found, or not-found when the model has no rollout */
  readonly get: (model: string) => RolloutState;
  /** Saves, publishes, then answers. Rejects with ProblemError model-not-found or rollout-conflict, or with the store's error; nothing is changed then. */
  readonly setWeight: (model: string, request: WeightRequest) => Promise<RolloutState>;
  /** Rejects with ProblemError model-not-found, or with the store's error. */
  readonly decisions: (model: string, page: LedgerPage) => Promise<readonly Decision[]>;
  /** The model's entries of the ledger, as they were sealed. Rejects as `decisions` does. */
  readonly ledger: (model: string, page: LedgerPage) => Promise<readonly LedgerEntry[]>;
}

/** Makes the control of rollouts. Nothing is known and nothing published before the first `reconcile`. */
export const createRolloutControl = (deps: Pick<ControlContext, 'store' | 'clock' | 'newId' | 'publish'>): RolloutControl => {
  const context: ControlContext = { ...deps, standings: new Map(), inTurn: createInTurn() };
  return {
    reconcile: createReconcile(context),
    list: () =>
      [...context.standings]
        .filter(([, { record }]) => record !== null)
        .map(([model, standing]) => rolloutStateOf(model, standing))
        .sort((left, right) => (left.model < right.model ? -1 : 1)),
    get: (model) => rolloutStateOf(model, standingOf(context, model)),
    setWeight: createSetWeight(context),
    decisions: async (model, page) => {
      standingOf(context, model);
      return deps.store.decisions({ model, ...page });
    },
    ledger: async (model, page) => {
      standingOf(context, model);
      return deps.store.ledger.page({ model, ...page });
    },
  };
};
