import type { BlockContent, DecisionEvidence, LedgerEntry, LedgerHead, RolloutRules } from '../ledger/ledger-entry.ts';
import type { FilterChange, KeptFilter } from './observation.ts';
import type { Outbox } from './outbox.ts';
import type { KeptEpoch, OutcomeStore } from './outcome-store.ts';

/** Where a rollout stands. */
export const phases = ['pending', 'progressing', 'held', 'paused', 'inconclusive', 'baking', 'promoted', 'rolled-back'] as const;
export type Phase = (typeof phases)[number];

/** What the engine waits for while a rollout is `held`. A store that is down cannot keep that, so it is not among these. */
export type HeldFor = 'evidence' | 'signal' | 'ineligible' | 'sample-ratio';

/** What passes while a rollout stands still at one revision. Ticked time is counted by the engine second by second, so downtime and clock jumps are not in it. */
export interface RolloutProgress {
  /** Ticked milliseconds since the step began, but for those in which its clock stood. */
  readonly stepElapsedMs: number;
  /** Ticked milliseconds of the bake. */
  readonly bakeElapsedMs: number;
}

/** One try to replace a baseline by a candidate, as it is kept. */
export interface RolloutRecord extends RolloutProgress {
  readonly model: string;
  /** ULID of this try. */
  readonly rollout: string;
  /** 1 for the first try of this candidate digest. */
  readonly attempt: number;
  readonly phase: Phase;
  readonly baseline: string;
  /** Null in a rollout that was accepted before digests of baselines were kept. */
  readonly baselineDigest: string | null;
  readonly candidate: string;
  readonly candidateDigest: string;
  readonly planDigest: string;
  /** The plan as it was when the rollout was accepted, as JSON; a changed file is used by the next start. */
  readonly plan: string;
  readonly weightHundredths: number;
  /** 0-based index into the plan's steps. */
  readonly step: number;
  /** Null in every phase but `held`. */
  readonly heldFor: HeldFor | null;
  /** Name of the signal that takes the traffic from the candidate for as long as it lasts; the weight is kept beside it. */
  readonly signal: string | null;
  /** Evidence units of the candidate that the rollout had when the step began. */
  readonly stepStartUnits: number;
  /** The acceptance criteria as they were when the rollout was accepted, as JSON. */
  readonly acceptance: string;
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

/** A decision to be kept. Its inputs are in the ledger alone. */
export interface NewDecision extends Omit<Decision, 'sequence'> {
  /** Of the first decision of a rollout. */
  readonly rules?: RolloutRules;
  /** Of a decision of the engine. */
  readonly evidence?: DecisionEvidence;
}

/** A rollout that is over, remembered for ever by what was tried. */
export interface EndedRollout {
  readonly rollout: string;
  readonly candidateDigest: string;
  readonly planDigest: string;
  readonly attempt: number;
  readonly outcome: 'promoted' | 'rolled-back';
}

/** The clocks of a rollout and the text in which its evidence is kept; null before the first. */
export interface KeptProgress {
  readonly progress: RolloutProgress;
  readonly evidence: string | null;
}

/** The decision ledger, for reading. Entries are written by `save` and `saveProgress` alone. Every method is idempotent. */
export interface DecisionLedger {
  /** Id of the key with which this store seals. */
  readonly keyId: string;
  /** Entries with a sequence below `before`, newest first; those of one model or of one kind, or of all. */
  readonly page: (query: {
    readonly model?: string;
    readonly kind?: LedgerEntry['kind'];
    readonly limit: number;
    readonly before?: number;
  }) => Promise<readonly LedgerEntry[]>;
  /** The entries of all models with a sequence above `after`, oldest first: called again with the last sequence, it reads the whole chain in order. */
  readonly following: (query: { readonly after: number; readonly limit: number }) => Promise<readonly LedgerEntry[]>;
  /** The newest entry of all models; null when there is none. */
  readonly head: () => Promise<LedgerHead | null>;
}

/** A bundle that stood behind a version's name from a time on. */
export interface ServedBundle {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
  readonly contractId: string;
  readonly contractVersion: string;
  /** Every file with its SHA-256 in hexadecimal. */
  readonly files: readonly { readonly name: string; readonly sha256: string }[];
  /** SHA-256 of the PEM text of the key that vouched for it; null when nobody did. */
  readonly keyHint: string | null;
  /** Wall time before its first answer, milliseconds since the epoch. */
  readonly servedFromMs: number;
}

/** Remembers for ever which bundle answered under which name. */
export interface ServedBundles {
  /** Adds the bundle, unless it is the one that stood behind the name last. Idempotent, durable when it resolves. */
  readonly record: (bundle: ServedBundle) => Promise<void>;
  /** What stood behind a version's name, oldest first. Idempotent. */
  readonly history: (query: { readonly model: string; readonly version: string }) => Promise<readonly ServedBundle[]>;
}

/** A rollback that is in force and that the store has not kept. */
export interface RollbackNote {
  readonly model: string;
  readonly rollout: string;
  /** The epoch in which it is in force. */
  readonly epoch: number;
  readonly actor: string;
  readonly sentence: string;
}

/** What must outlive the process although the store cannot keep it. It depends on nothing that the store waits for, and needs no room on the disk. */
export interface RollbackNotes {
  /** The notes as they are. Rejects when they cannot be read; none when there was never room for them. Idempotent. */
  readonly read: () => Promise<readonly RollbackNote[]>;
  /** Replaces them all. Durable when it resolves; a rejection leaves those of before. Idempotent, in the order of asking. */
  readonly write: (notes: readonly RollbackNote[]) => Promise<void>;
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
  /**
   * Replaces the clocks and the evidence of a rollout, seals its blocks into the ledger and keeps what its key filters have got, all in one
   * transaction, if it is still at `expectedRevision`; the revision stays. A block whose number the ledger has is passed over.
   * Durable when it resolves `saved`; `conflict` (another revision or rollout) changes nothing. Idempotent.
   */
  readonly saveProgress: (change: {
    readonly model: string;
    readonly rollout: string;
    readonly expectedRevision: number;
    readonly progress: RolloutProgress;
    readonly evidence: string | null;
    readonly blocks?: readonly BlockContent[];
    readonly filters?: readonly FilterChange[];
  }) => Promise<'saved' | 'conflict'>;
  /** The key filters of a rollout that has not ended, by name; none for any other. Idempotent. */
  readonly loadFilters: (query: { readonly rollout: string }) => Promise<readonly KeptFilter[]>;
  /** What was kept last of a rollout that is its model's current one; null for any other. Idempotent. */
  readonly loadProgress: (query: { readonly model: string; readonly rollout: string }) => Promise<KeptProgress | null>;
  /** Every rollout of a model that ended, oldest first. It is written in the transaction that ends the rollout. Idempotent. */
  readonly ended: (model: string) => Promise<readonly EndedRollout[]>;
  /**
   * Begins the life of a gateway on this store and says whether the one before ended without `close`. Durable at once;
   * asked again in the same life it gives the same answer.
   */
  readonly beginLife: () => Promise<{ readonly previousEndedUncleanly: boolean }>;
  /** Decisions of a model, newest first, with a sequence below `before`. Idempotent. */
  readonly decisions: (query: { readonly model: string; readonly limit: number; readonly before?: number }) => Promise<readonly Decision[]>;
  /** Every assignment of a model's rollouts that was in force, oldest first; a line is written in the transaction of its decision. Idempotent. */
  readonly epochs: (model: string) => Promise<readonly KeptEpoch[]>;
  readonly outcomes: OutcomeStore;
  readonly ledger: DecisionLedger;
  readonly outbox: Outbox;
  readonly servedBundles: ServedBundles;
  readonly notes: RollbackNotes;
  /** Finishes pending writes, marks this life as ended cleanly and releases the lock. Idempotent. */
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

/** The data directory is none in which this process can keep anything. */
export class DataDirectoryUnusableError extends Error {
  override readonly name = 'DataDirectoryUnusableError';

  constructor(dataDir: string, reason: string) {
    const user = process.getuid?.();
    const who = user === undefined ? 'the gateway' : `the gateway, which runs as user ${user},`;
    super(`the data directory ${dataDir} cannot be opened: ${reason}; ${who} needs a folder in which it can write`);
  }
}
