import type { Clock } from '../clock.ts';
import { createInTurn, type InTurn } from '../in-turn.ts';
import type { DecisionEvidence } from '../ledger/ledger-entry.ts';
import { ProblemError } from '../problem.ts';
import type { RolloutRecord, RolloutStore } from '../store/rollout-store.ts';
import type { TrafficAssignment } from '../store/traffic-assignment.ts';
import type { Position } from './position.ts';
import { rulesOf } from './rollout-rules.ts';
import type { Standing } from './standing.ts';

/** A rollback that somebody has decided. What was decided stays decided, however the evidence looks later. */
export interface Rollback {
  readonly to: Position;
  readonly sentence: string;
  readonly actor: string;
}

/** A rollback that the store has not kept; `saving` is its answer that is still to come. */
export interface UnkeptRollback extends Rollback {
  readonly saving: Promise<RolloutRecord> | null;
}

/** What the control plane is made of, shared by its operations. */
export interface ControlContext {
  readonly store: RolloutStore;
  readonly clock: Clock;
  /** A new ULID. */
  readonly newId: () => string;
  /** Puts an assignment in force; it is so for the next request once this has returned or resolved. */
  readonly publish: (assignment: TrafficAssignment) => void | Promise<void>;
  /**
   * Holds a version that is about to get all traffic against its files and signature anew. Answers why it must not, in words,
   * or null. Absent: versions are what they were when they were loaded.
   */
  readonly verifyAgain?: (model: string, version: string) => Promise<string | null>;
  /** Where each model stands. Written only by a task that holds the model's turn. */
  readonly standings: Map<string, Standing>;
  /** Rollbacks that are in force and not kept as far as is known, by rollout. Written as the standings are. */
  readonly unkept: Map<string, UnkeptRollback>;
  readonly inTurn: InTurn;
}

/** Makes the context that the operations of one gateway share. */
export const createControlContext = (deps: Pick<ControlContext, 'store' | 'clock' | 'newId' | 'publish' | 'verifyAgain'>): ControlContext => ({
  ...deps,
  standings: new Map(),
  unkept: new Map(),
  inTurn: createInTurn(),
});

/** Who decides when no person does. */
export const gateway = 'gateway';

/** One change of a rollout: from what to what, by which move of whom. */
export interface RolloutChange {
  readonly previous: RolloutRecord | null;
  /** The record that is to be kept; its epoch, revision and time are set here. */
  readonly next: Omit<RolloutRecord, 'epoch' | 'revision' | 'changedAtMs'>;
  /** The epoch that is in force; the change's own is one above it. */
  readonly epoch: number;
  readonly move: string;
  readonly actor: string;
  /** What the engine decided from; absent when a person did, or when the evidence has no part in it. */
  readonly evidence?: DecisionEvidence;
}

/**
 * Saves a change together with its decision and returns the record as it is kept.
 * @throws ProblemError rollout-conflict when the kept record is not `previous` any more; nothing is changed then
 */
export const changeRollout = async (
  { store, clock }: ControlContext,
  { previous, next, epoch, move, actor, evidence }: RolloutChange,
): Promise<RolloutRecord> => {
  const atMs = clock.wallMs();
  const record: RolloutRecord = { ...next, epoch: epoch + 1, revision: (previous?.revision ?? 0) + 1, changedAtMs: atMs };
  const isFirst = previous?.rollout !== next.rollout;
  const saved = await store.save({
    record,
    expectedRevision: previous?.revision ?? null,
    decision: {
      model: record.model,
      rollout: record.rollout,
      move,
      actor,
      reason: record.reason,
      atMs,
      fromWeightHundredths: isFirst ? 0 : previous.weightHundredths,
      toWeightHundredths: record.weightHundredths,
      epoch: record.epoch,
      revision: record.revision,
      ...(isFirst ? { rules: rulesOf(record) } : {}),
      ...(evidence === undefined ? {} : { evidence }),
    },
  });
  if (saved === 'conflict') throw new ProblemError('rollout-conflict', `The rollout of ${record.model} was changed by someone else at the same time.`);
  return record;
};

/** Remembers where a model stands and puts its assignment in force. */
export const takeStanding = async ({ standings, publish }: ControlContext, standing: Standing): Promise<void> => {
  standings.set(standing.assignment.model, standing);
  await publish(standing.assignment);
};
