import type { LedgerEntry, LedgerHead } from '../ledger/ledger-entry.ts';

/**
 * The two messages between the planes and the port that keeps rollouts. The planes never import each other: they share
 * the types of this file only.
 */

/** How a request's routing key is found: in a header, or in a field of its first row. */
export type RoutingKeyRule = { readonly header: string } | { readonly field: string };

/** A cohort: a header that equals a value sends the request to the candidate, and makes it no evidence. */
export interface CohortRule {
  readonly header: string;
  readonly equals: string;
}

/** Down: how one model's requests are to be split from now on. */
export interface TrafficAssignment {
  readonly model: string;
  /** Grows with every change of a model's assignment. */
  readonly epoch: number;
  /** The version that answers what is not the candidate's; null when none is serving. */
  readonly baseline: string | null;
  readonly rollout: RolloutAssignment | null;
}

export interface RolloutAssignment {
  readonly id: string;
  readonly candidate: string;
  /** Weight in force, integer hundredths of a percent, 0 to 10000. */
  readonly weightHundredths: number;
  readonly eligibility: 'full' | 'partial';
  readonly routingKey: RoutingKeyRule | null;
  readonly match: readonly CohortRule[];
}

export const phases = ['pending', 'progressing', 'held', 'paused', 'inconclusive', 'baking', 'promoted', 'rolled-back'] as const;
export type Phase = (typeof phases)[number];

/** One try to replace a baseline by a candidate, as it is kept. */
export interface RolloutRecord {
  readonly model: string;
  /** ULID of this try. */
  readonly rollout: string;
  /** 1 for the first try of this candidate digest. */
  readonly attempt: number;
  readonly phase: Phase;
  readonly baseline: string;
  readonly candidate: string;
  readonly candidateDigest: string;
  readonly planDigest: string;
  /** The plan as it was when the rollout was accepted, as JSON; a changed file is used by the next start. */
  readonly plan: string;
  readonly weightHundredths: number;
  /** 0-based index into the plan's steps. */
  readonly step: number;
  readonly epoch: number;
  /** Number of this state of the record; every save raises it by one. */
  readonly revision: number;
  readonly reason: string;
  /** Wall time of the last change, milliseconds since the epoch. */
  readonly changedAtMs: number;
}

/** Who changed a rollout, when, how and why. Kept for ever, as an entry of the ledger. */
export interface Decision {
  readonly sequence: number;
  readonly model: string;
  readonly rollout: string;
  readonly move: string;
  readonly actor: string;
  readonly reason: string;
  readonly atMs: number;
  readonly fromWeightHundredths: number;
  readonly toWeightHundredths: number;
  readonly epoch: number;
  readonly revision: number;
}

export type NewDecision = Omit<Decision, 'sequence'>;

/** The decision ledger, for reading. Entries are written by `save` alone. Every method is idempotent. */
export interface DecisionLedger {
  /** Id of the key with which this store seals. */
  readonly keyId: string;
  /** Entries with a sequence below `before`, newest first; those of one model, or of all. */
  readonly page: (query: { readonly model?: string; readonly limit: number; readonly before?: number }) => Promise<readonly LedgerEntry[]>;
  /** The entries of all models with a sequence above `after`, oldest first: called again with the last sequence, it reads the whole chain in order. */
  readonly following: (query: { readonly after: number; readonly limit: number }) => Promise<readonly LedgerEntry[]>;
  /** The newest entry of all models; null when there is none. */
  readonly head: () => Promise<LedgerHead | null>;
}

/** Keeps the rollouts. Every method rejects with a plain Error when the store cannot be reached; nothing is then changed. */
export interface RolloutStore {
  /** The current record of every model that ever had a rollout. Idempotent. */
  readonly load: () => Promise<readonly RolloutRecord[]>;
  /**
   * Writes the record and seals its decision into the ledger in one transaction, if the kept revision is still `expectedRevision`
   * (null: no record of the model yet). Durable when it resolves `saved`; `conflict` changes nothing, nor does a rejection.
   */
  readonly save: (change: {
    readonly record: RolloutRecord;
    readonly expectedRevision: number | null;
    readonly decision: NewDecision;
  }) => Promise<'saved' | 'conflict'>;
  /** Decisions of a model, newest first, with a sequence below `before`. Idempotent. */
  readonly decisions: (query: { readonly model: string; readonly limit: number; readonly before?: number }) => Promise<readonly Decision[]>;
  readonly ledger: DecisionLedger;
  /** Finishes pending writes and releases the lock. Idempotent. */
  readonly close: () => Promise<void>;
}

/** The data directory belongs to a gateway that is still running. */
export class DataDirectoryInUseError extends Error {
  override readonly name = 'DataDirectoryInUseError';
  readonly dataDir: string;

  constructor(dataDir: string) {
    super(`another gateway uses the data directory ${dataDir}`);
    this.dataDir = dataDir;
  }
}
