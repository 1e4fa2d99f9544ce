/**
 * What the decision ledger keeps: one entry a decision, and one a block of its evidence, in one order for the whole gateway. `docs/ledger-format.md`
 * describes the same to those who verify it without this code.
 */

/** What a rollout was once a decision was in force. */
export interface DecidedState {
  readonly attempt: number;
  readonly phase: string;
  readonly baseline: string;
  readonly candidate: string;
  readonly candidateDigest: string;
  readonly planDigest: string;
  /** 0-based index into the plan's steps. */
  readonly step: number;
}

interface Decided {
  readonly move: string;
  /** Id of the key that was used, `anonymous`, or `gateway`. */
  readonly actor: string;
  readonly reason: string;
  /** Hundredths of a percent of the requests, 0 to 10000. */
  readonly fromWeightHundredths: number;
  readonly toWeightHundredths: number;
  readonly epoch: number;
  readonly revision: number;
}

/** Assignments with one exact probability of the candidate. */
interface AssignedCounts {
  readonly w: number;
  readonly baseline: number;
  readonly candidate: number;
}

/** The counts of one block of a rollout's evidence. Integers, but for the probabilities and the pins. */
export interface CountedBlock {
  /** Of the rollout's blocks, the empty ones among them; 1-based. */
  readonly number: number;
  /** Blocks without counts between it and the one before with counts: they have no entry of their own. */
  readonly emptyBefore: number;
  /** One life of the gateway, and the block's number on its clock. */
  readonly incarnation: string;
  readonly block: number;
  /** Wall times, ISO 8601: for people. */
  readonly from: string;
  readonly to: string;
  /** By guard: counts by source, and what was pinned when the block began. */
  readonly counts: Readonly<Record<string, object>>;
  readonly assigned: readonly AssignedCounts[];
}

/** The logarithms of the e-values of a guard: against the candidate, and for its promotion. */
interface GuardLogs {
  readonly lnE: number;
  readonly lnGraduation: number;
}

/** A sealed block that was folded into the evidence. */
export interface BlockBody extends CountedBlock {
  /** The evidence after it: the largest family's, null without guards; and each guard's. */
  readonly lnE: number | null;
  readonly guards: Readonly<Record<string, GuardLogs>>;
}

/** What a rollout is judged by, all its life: in its first entry. */
export interface RolloutRules {
  /** The plan and the criteria as they were accepted. */
  readonly plan: object;
  readonly acceptance: object;
  /** The guards with their tests, as they were made of both. */
  readonly guards: readonly object[];
  readonly blockSeconds: number;
  /** SHA-256 over the other members. */
  readonly digest: string;
}

/** What a decision of the engine was made from: with the rules and the blocks before it, all that it takes to make it again. */
export interface DecisionEvidence {
  /** Number of the last block that has an entry; 0 when none has. */
  readonly sealedBlocks: number;
  /** The blocks after it with counts, oldest first. */
  readonly open: readonly CountedBlock[];
  /** The rollout's state before the decision, its clocks at the decision. */
  readonly before: object;
  /** What else was known: signal, share of ineligible requests, guards that could not be measured. */
  readonly inputs: object;
  /** Digest of the rules. */
  readonly rules: string;
  /** What was concluded, for people and to be held against what is made from the above. */
  readonly findings: object;
}

/**
 * A decision. `rules` is in the first one of a rollout, `evidence` in those of the engine. One that was kept before the ledger was
 * chained is `migrated`: its seal says how it stood at the migration, and no state was kept with it.
 */
export type DecisionBody = Decided &
  (
    | { readonly migrated: false; readonly state: DecidedState; readonly rules?: RolloutRules; readonly evidence?: DecisionEvidence }
    | { readonly migrated: true }
  );

interface Content<Kind extends string, Body extends object> {
  /** Wall time, ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  readonly model: string;
  readonly rollout: string;
  readonly kind: Kind;
  readonly body: Body;
}

export type BlockContent = Content<'block', BlockBody>;

/** What an entry says. Each kind of entry is one member of this union; the chain itself treats all kinds alike. */
export type LedgerContent = Content<'decision', DecisionBody> | BlockContent;

/** How an entry is sealed and bound to the one before it. */
export interface LedgerSeal {
  /** Version of this format. */
  readonly format: 1;
  /** 1, 2, 3 … over all models of a gateway, without a gap. */
  readonly sequence: number;
  /** Hash of the entry before it; of the first, 64 zeros. */
  readonly prevHash: string;
  /** Names the key of `mac`. */
  readonly keyId: string;
  /** SHA-256 over all of the above, in hexadecimal. */
  readonly hash: string;
  /** HMAC-SHA256 over the hash with the ledger's key, in hexadecimal. */
  readonly mac: string;
}

export type LedgerEntry = LedgerContent & LedgerSeal;

/** An entry that is a decision. */
export type DecisionEntry = Extract<LedgerContent, { readonly kind: 'decision' }> & LedgerSeal;

/** The newest entry. Whoever keeps it elsewhere can tell later whether the ledger was cut or written anew. */
export interface LedgerHead {
  readonly sequence: number;
  readonly hash: string;
}

/** A head as one word, `12:9f86…`: as it is logged, and as the command line takes it. */
export const headText = ({ sequence, hash }: LedgerHead): string => `${sequence}:${hash}`;
