import type { Clock } from '../clock.ts';
import { createInTurn, type InTurn } from '../in-turn.ts';
import type { DecisionEvidence } from '../ledger/ledger-entry.ts';
import { ProblemError } from '../problem.ts';
import type { NewDecision, RolloutRecord, RolloutStore } from '../store/rollout-store.ts';
import type { TrafficAssignment } from '../store/traffic-assignment.ts';
import type { Assessment } from './assessment.ts';
import { restedBy, rolledBack } from './command.ts';
import { isLive, type Position } from './position.ts';
import { rulesOf } from './rollout-rules.ts';
import { assignmentOf, type Standing } from './standing.ts';

/** A signal as it was when it took the traffic. */
type HoldingSignal = NonNullable<Assessment['signal']>;

/** What takes the traffic from a candidate: for good, or for as long as a signal lasts. What was decided stays decided, however the evidence looks later. */
export type TakeAway = { readonly sentence: string; readonly actor: string } & (
  | { readonly move: 'rollback' }
  | { readonly move: 'hold'; readonly signal: HoldingSignal }
);

/** Where it leaves a rollout that stands here. */
export const positionAfter = (at: Position, taking: TakeAway): Position => (taking.move === 'rollback' ? rolledBack(at) : restedBy(at, taking.signal.name));

/** What is in force and not kept as far as is known. */
export type Unkept = TakeAway & {
  readonly model: string;
  /** The epoch in which it is in force, and with which it will be kept. */
  readonly epoch: number;
};

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
  /** What is in force and not kept, by rollout: laid over every standing that is taken, whoever takes it. */
  readonly unkept: Map<string, Unkept>;
  /**
   * By model: the change that the store may keep any moment. Resolves when it was kept and is in force, rejects when it was not kept; until
   * then nothing else of the model is saved.
   */
  readonly late: Map<string, Promise<void>>;
  /** By model: the newest record that the store has in this life, or was asked to keep. */
  readonly newest: Map<string, RolloutRecord>;
  readonly inTurn: InTurn;
}

/** Makes the context that the operations of one gateway share. */
export const createControlContext = (deps: Pick<ControlContext, 'store' | 'clock' | 'newId' | 'publish' | 'verifyAgain'>): ControlContext => ({
  ...deps,
  standings: new Map(),
  unkept: new Map(),
  late: new Map(),
  newest: new Map(),
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

const decisionOf = (record: RolloutRecord, { previous, move, actor, evidence }: RolloutChange): NewDecision => {
  const isFirst = previous?.rollout !== record.rollout;
  return {
    model: record.model,
    rollout: record.rollout,
    move,
    actor,
    reason: record.reason,
    atMs: record.changedAtMs,
    fromWeightHundredths: isFirst ? 0 : previous.weightHundredths,
    toWeightHundredths: record.weightHundredths,
    epoch: record.epoch,
    revision: record.revision,
    ...(isFirst ? { rules: rulesOf(record) } : {}),
    ...(evidence === undefined ? {} : { evidence }),
  };
};

const recordOf = ({ clock }: Pick<ControlContext, 'clock'>, { previous, next, epoch }: RolloutChange): RolloutRecord => ({
  ...next,
  epoch: epoch + 1,
  revision: (previous?.revision ?? 0) + 1,
  changedAtMs: clock.wallMs(),
});

/** What was asked for is the newest record until it is known not to be kept. */
const asNewest = async (newest: ControlContext['newest'], record: RolloutRecord, save: () => Promise<void>): Promise<void> => {
  const { model } = record;
  const before = newest.get(model);
  newest.set(model, record);
  try {
    await save();
  } catch (error) {
    if (before === undefined) newest.delete(model);
    else newest.set(model, before);
    throw error;
  }
};

/**
 * Saves a change together with its decision and returns the record as it is kept.
 * @throws ProblemError rollout-conflict when the kept record is not `previous` any more; nothing is changed then
 */
export const changeRollout = async (context: ControlContext, change: RolloutChange): Promise<RolloutRecord> => {
  const record = recordOf(context, change);
  const expectedRevision = change.previous?.revision ?? null;
  await asNewest(context.newest, record, async () => {
    const saved = await context.store.save({ record, expectedRevision, decision: decisionOf(record, change) });
    if (saved === 'conflict') throw new ProblemError('rollout-conflict', `The rollout of ${record.model} was changed by someone else at the same time.`);
  });
  return record;
};

/** The standing with what is in force and not kept laid over it; it is over once the record has its epoch. */
const inForce = ({ unkept }: Pick<ControlContext, 'unkept'>, standing: Standing): Standing => {
  const { record } = standing;
  const taken = record === null ? undefined : unkept.get(record.rollout);
  if (record === null || taken === undefined || !isLive(record.phase)) return standing;
  const split = assignmentOf(record.model, { ...standing, record: { ...record, ...positionAfter(record, taken) } });
  const reason = `${taken.sentence} (in force, and kept as soon as the store answers)`;
  return { ...standing, record: { ...record, reason }, assignment: { ...split, epoch: taken.epoch } };
};

/** Remembers where a model stands, without a change of its traffic. */
export const rememberStanding = (context: ControlContext, standing: Standing): Standing => {
  const { unkept, standings } = context;
  const { record } = standing;
  if (record !== null && record.epoch >= (unkept.get(record.rollout)?.epoch ?? Number.POSITIVE_INFINITY)) unkept.delete(record.rollout);
  const taken = inForce(context, standing);
  standings.set(taken.assignment.model, taken);
  return taken;
};

/** Remembers where a model stands and puts its assignment in force. */
export const takeStanding = async (context: ControlContext, standing: Standing): Promise<void> => {
  await context.publish(rememberStanding(context, standing).assignment);
};
