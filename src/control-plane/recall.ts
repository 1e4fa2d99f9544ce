import type { RolloutRecord } from '../store/rollout-store.ts';
import type { ControlContext } from './change-rollout.ts';
import { keptAvailability } from './kept-availability.ts';
import { takeUpNotes } from './note-rollbacks.ts';
import type { Availability, LiveView } from './standing.ts';

/** What is known of a model before it is reconciled. */
export interface Known {
  readonly record: RolloutRecord | null;
  /** The availability for which the epoch stands. */
  readonly availability: Availability;
  /** The epoch in force; 0 before the first. */
  readonly epoch: number;
  /** The baseline that this process serves. */
  readonly serving: string | null;
  readonly live: LiveView | null;
  /** The life of the gateway that kept the record ended uncleanly, and nobody has recorded that yet. */
  readonly diedBefore: boolean;
}

export const nothingKnown: Known = { record: null, availability: 'available', epoch: 0, serving: null, live: null, diedBefore: false };

type Recalling = Pick<ControlContext, 'store' | 'unkept'>;

const readKept = async (context: Recalling): Promise<ReadonlyMap<string, Known>> => {
  const { store } = context;
  const { previousEndedUncleanly: diedBefore } = await store.beginLife();
  const known = new Map<string, Known>();
  const records = await store.load();
  await takeUpNotes(context, records);
  for (const record of records) {
    const availability = await keptAvailability(store, record);
    known.set(record.model, { record, availability, epoch: record.epoch, serving: null, live: null, diedBefore });
  }
  return known;
};

/** What an earlier life of the gateway has kept of each model. Rejects when the store fails. */
export type Recall = () => Promise<ReadonlyMap<string, Known>>;

/** Reads the store once for this life; again only after a failure. */
export const createRecall = (context: Recalling): Recall => {
  let kept: Promise<ReadonlyMap<string, Known>> | null = null;
  return () => {
    kept ??= readKept(context).catch((error: unknown) => {
      kept = null;
      throw error;
    });
    return kept;
  };
};
