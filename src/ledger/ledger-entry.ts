/**
 * What the decision ledger keeps: one entry a decision, in one order for the whole gateway. `docs/ledger-format.md`
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

/** A decision. One that was kept before the ledger was chained is `migrated`: its seal says how it stood at the migration, and no state was kept with it. */
export type DecisionBody = Decided & ({ readonly migrated: false; readonly state: DecidedState } | { readonly migrated: true });

interface Content<Kind extends string, Body extends object> {
  /** Wall time, ISO 8601 in UTC with milliseconds. */
  readonly at: string;
  readonly model: string;
  readonly rollout: string;
  readonly kind: Kind;
  readonly body: Body;
}

/** What an entry says. Each kind of entry is one member of this union; the chain itself treats all kinds alike. */
export type LedgerContent = Content<'decision', DecisionBody>;

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

/** The newest entry. Whoever keeps it elsewhere can tell later whether the ledger was cut or written anew. */
export interface LedgerHead {
  readonly sequence: number;
  readonly hash: string;
}

/** A head as one word, `12:9f86…`: as it is logged, and as the command line takes it. */
export const headText = ({ sequence, hash }: LedgerHead): string => `${sequence}:${hash}`;
