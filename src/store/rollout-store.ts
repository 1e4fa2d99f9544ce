import type { BlockContent, DecisionEvidence, LedgerEntry, LedgerHead, RolloutRules } from '../ledger/ledger-entry.ts';
import type { Outbox } from './outbox.ts';
import type { KeptEpoch, OutcomeStore } from './outcome-store.ts';

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
  /** True-or-false outputs whose rate a guardrail watches. */
  readonly watchedOutputs: readonly string[];
  /** How requests are compared in pairs; null for not at all. */
  readonly compare: ComparisonRule | null;
  /** Absolute limits, held against each arm alone. */
  readonly bounds: readonly Bound[];
}

/** What of the eligible requests runs once more on both versions. */
export interface ComparisonRule {
  /** Percent of the eligible requests, above 0 and up to 100. */
  readonly sharePercent: number;
  /** What the comparison may take of one core, percent. */
  readonly maxCpuPercent: number;
  /** What counts as different outputs, one a disagreement guardrail. */
  readonly differences: readonly DifferenceRule[];
}

/** When the outputs of two runs differ: in this output, or in any (null), by more than the tolerance if they are numbers. */
export interface DifferenceRule {
  readonly output: string | null;
  readonly tolerance: number;
}

/** What a request may have done that a limit is set to. */
export type BoundEvent =
  | { readonly kind: 'slow'; readonly limitMs: number }
  | { readonly kind: 'error' | 'breach' | 'abstained' }
  /** In one row at least the output is true; with `is` false, in none. */
  | { readonly kind: 'output'; readonly output: string; readonly is: boolean };

/** An absolute limit: at most a share of the requests has the event. */
export interface Bound {
  /** Name of the criterion. */
  readonly criterion: string;
  /** The criterion's key for the limit, such as `p95Ms` or `max`. */
  readonly objective: string;
  /** The share of the requests that may have the event, 0 to 1. */
  readonly limit: number;
  readonly event: BoundEvent;
}

/** Up: the counts of the evidence requests that were assigned in one second, with one exact probability, to one arm. Integers that only grow. */
export interface SecondCounts {
  /** Whole seconds of the monotonic clock of the incarnation. */
  readonly second: number;
  /** Probability with which the unit went to the candidate, given what was known before. */
  readonly w: number;
  readonly arm: 'baseline' | 'candidate';
  /** Whole hours since the epoch, of the wall time that the prediction ids of these units carry: outcomes are counted by it. */
  readonly bucket: number;
  /** Units assigned. */
  readonly n: number;
  /** Units whose end is known. */
  readonly done: number;
  readonly errors: number;
  readonly breaches: number;
  readonly abstained: number;
  /** Units with at least one row in which the output was true, in the order of the rollout's watched outputs. */
  readonly flagged: readonly number[];
}

/** Up: first events of routing keys, by the weight in force at the event and the arm. */
export interface FirstEventCounts {
  readonly second: number;
  readonly w: number;
  readonly arm: 'baseline' | 'candidate';
  /** Keyed requests that may still turn out to be their key's first event. */
  readonly pending: number;
  readonly errors: number;
  readonly breaches: number;
  readonly abstained: number;
  readonly flagged: readonly number[];
}

/** Up: pairs by which of the two runs had the event. Integers. */
export interface PairedEvents {
  readonly both: number;
  readonly candidateOnly: number;
  readonly baselineOnly: number;
  readonly neither: number;
}

/** Up: pairs whose outputs differed and agreed, one entry a difference rule. Pairs without an output on both sides are in neither. */
export interface PairedOutputs {
  readonly differ: readonly number[];
  readonly agree: readonly number[];
}

/** Up: the pairs of the comparison process that began in one second. Integers that only grow. */
export interface SecondPairs {
  readonly second: number;
  /** Pairs begun. */
  readonly n: number;
  /** Pairs of which both runs are known. */
  readonly done: number;
  /** Finished pairs: [bucket of the baseline's run, bucket of the candidate's, how many]. */
  readonly latency: readonly (readonly [baseline: number, candidate: number, pairs: number])[];
  /** The pairs that count for errors, breaches and differences: of keyed requests a key's first one alone. */
  readonly counted: PairedOutputs & { readonly n: number; readonly done: number; readonly errors: PairedEvents; readonly breaches: PairedEvents };
  /** Runs of the baseline beside another run of the baseline, for the noise of its own outputs; not among the pairs above. */
  readonly baselineWithItself: PairedOutputs;
}

/** Up: a request on which a pair showed something against one version, or a difference. */
export interface PairExample {
  readonly kind: 'error' | 'breach' | 'difference';
  readonly arm: 'baseline' | 'candidate' | null;
  readonly requestId: string;
}

/** Up: a request of the candidate that had an event: `error`, `breach`, `abstained` or `flagged N`, N the index of the watched output. */
export interface UnitExample {
  readonly event: string;
  /** As in the answer's header and in the log: the caller's, of at most 128 letters, digits and `._-`, or a new one. */
  readonly requestId: string;
}

/** A part of a filter's bits, which stand in the order of its pages. */
export interface FilterChunk {
  /** 0-based, in units of the chunk's length. */
  readonly index: number;
  readonly bytes: Uint8Array;
}

/** Up: what a key filter has got since it was kept last: the entries to enter again after what is kept, or anew all that changed. */
export type FilterChange = { readonly name: string /** Entries that the filter has had when this is kept. */; readonly upTo: number } & (
  | { readonly kind: 'entries'; readonly entries: Uint8Array }
  | { readonly kind: 'snapshot'; readonly size: string /** The chunks that changed since the last snapshot. */; readonly chunks: readonly FilterChunk[] }
);

/** A key filter as it is kept: the chunks that are not all zeros, and the entries since, in their order. */
export interface KeptFilter {
  readonly name: string;
  /** Size and state of the filter as JSON, at its last snapshot. */
  readonly size: string;
  readonly chunks: readonly FilterChunk[];
  readonly entries: readonly Uint8Array[];
}

/** Up: what one life of a process has counted of one rollout. Cumulative for each second, so a repeated or lost message harms nothing. */
export interface Observation {
  readonly rollout: string;
  /** One life of one process: seconds of different incarnations are different seconds. */
  readonly incarnation: string;
  /** The second that is being counted; earlier ones get no new units. */
  readonly nowSecond: number;
  readonly counts: readonly SecondCounts[];
  readonly firstEvents: readonly FirstEventCounts[];
  readonly pairs: readonly SecondPairs[];
  /** Why no request can be compared now, in words; null while they can. */
  readonly notCompared: string | null;
  /** The last few, newest last. */
  readonly examples: readonly PairExample[];
  /** The last few of each event in this life, newest last. */
  readonly unitExamples: readonly UnitExample[];
  /** What the rollout's key filters have got that is not kept yet, at the very moment of the counts. */
  readonly filters: readonly FilterChange[];
  /** False when keys were seen in an earlier life that this one does not know: their requests are then no evidence. */
  readonly knowsKeys: boolean;
  /** Requests that satisfied both contracts, and those that satisfied the baseline's alone, in this life. */
  readonly eligible: number;
  readonly ineligible: number;
}

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
