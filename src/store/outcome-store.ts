/** What is kept of posted outcomes: one row each, so that a repeated one counts once, and the counts that the engine judges by. */

type Arm = 'baseline' | 'candidate';

/** A place in the counts of one outcome. */
export interface OutcomeCell {
  /** Bucket of the assignment, whole hours since the epoch. */
  readonly bucket: number;
  /** Recorded probability with which the unit went to the candidate; of a first event, the weight in force. */
  readonly w: number;
  readonly arm: Arm;
}

/**
 * Which request an outcome belongs to: a unit of evidence, a later request of a key that had counted, or one that is known
 * by its routing key and time alone. Only units are evidence; the others are for display.
 */
export type OutcomeSource = 'unit' | 'later' | 'keyed';

/** One outcome on its way into the store. */
export interface PostedOutcome {
  /** 16 bytes that two outcomes share only when they are the same. Those that expire in one hour begin alike, which keeps the writes together. */
  readonly digest: Uint8Array;
  /** From then on it need not be known as a duplicate: it would be too late. Milliseconds since the epoch. */
  readonly expiresAtMs: number;
  readonly rollout: string;
  readonly outcome: string;
  /** Null for one that says nothing about an arm. `value` is in hundredths, 0 to 100. */
  readonly count: (OutcomeCell & { readonly source: OutcomeSource; readonly value: number }) | null;
  /** An event of a key; the earliest assigned one of each key is its first. */
  readonly firstEvent: (OutcomeCell & { readonly keyHash: string; readonly assignedAtMs: number }) | null;
}

/** A run of buckets of one outcome of a rollout, both ends included. */
export interface OutcomeRange {
  readonly rollout: string;
  readonly outcome: string;
  readonly from: number;
  readonly to: number;
}

/** The outcomes of a range, as counts. */
export interface OutcomeCounts {
  /** Units by value in hundredths. */
  readonly units: readonly (OutcomeCell & { readonly value: number; readonly count: number })[];
  /** Keys whose first event was assigned in the bucket. */
  readonly firstEvents: readonly (OutcomeCell & { readonly count: number })[];
}

/** Keeps posted outcomes. Every method rejects when the store cannot be reached; nothing is then changed. */
export interface OutcomeStore {
  /**
   * Keeps what is new; one entry an outcome: whether it was. Of a `keyed` one that is known already, an earlier first event is kept all the same.
   * Durable when it resolves. Many calls at once are written together.
   */
  readonly record: (outcomes: readonly PostedOutcome[]) => Promise<readonly boolean[]>;
  /** Idempotent: what was recorded for these buckets until now. */
  readonly counts: (range: OutcomeRange) => Promise<OutcomeCounts>;
  /** Drops outcomes that have expired and counts of rollouts that are over, at most `limit` rows of each. @returns whether there may be more */
  readonly prune: (query: { readonly nowMs: number; readonly limit: number }) => Promise<boolean>;
}

/** One assignment that was in force for a model: a line of its epoch history. */
export interface KeptEpoch {
  readonly epoch: number;
  /** Null while nothing was split. */
  readonly rollout: string | null;
  /** Weight in force, hundredths of a percent. */
  readonly weightHundredths: number;
  /** The rollout splits by routing key. */
  readonly keyed: boolean;
  /** Wall time of the decision that put it in force, milliseconds since the epoch. */
  readonly fromMs: number;
}
