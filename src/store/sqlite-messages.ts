import type { LedgerEntry, LedgerHead } from '../ledger/ledger-entry.ts';
import type { KeptFilter } from './observation.ts';
import type { KeptEpoch, OutcomeCounts, OutcomeStore } from './outcome-store.ts';
import type { Decision, DecisionLedger, EndedRollout, KeptProgress, RolloutRecord, RolloutStore, ServedBundle, ServedBundles } from './rollout-store.ts';
import type { OutboxAnswer, OutboxRequest } from './sqlite-outbox.ts';

/** What the driver asks its worker thread to do. Requests are served one after the other, in the order of sending. */
export type SqliteRequest =
  | { readonly call: 'load' }
  | { readonly call: 'save'; readonly change: Parameters<RolloutStore['save']>[0] }
  | { readonly call: 'decisions'; readonly query: Parameters<RolloutStore['decisions']>[0] }
  | { readonly call: 'saveProgress'; readonly change: Parameters<RolloutStore['saveProgress']>[0] }
  | { readonly call: 'loadProgress'; readonly query: Parameters<RolloutStore['loadProgress']>[0] }
  | { readonly call: 'loadFilters'; readonly query: Parameters<RolloutStore['loadFilters']>[0] }
  | { readonly call: 'ended'; readonly model: string }
  | { readonly call: 'beginLife' }
  | { readonly call: 'epochs'; readonly model: string }
  | { readonly call: 'recordOutcomes'; readonly outcomes: Parameters<OutcomeStore['record']>[0] }
  | { readonly call: 'outcomeCounts'; readonly range: Parameters<OutcomeStore['counts']>[0] }
  | { readonly call: 'pruneOutcomes'; readonly query: Parameters<OutcomeStore['prune']>[0] }
  | { readonly call: 'page'; readonly query: Parameters<DecisionLedger['page']>[0] }
  | { readonly call: 'following'; readonly query: Parameters<DecisionLedger['following']>[0] }
  | { readonly call: 'head' }
  | { readonly call: 'outbox'; readonly request: OutboxRequest }
  | { readonly call: 'recordServed'; readonly bundle: ServedBundle }
  | { readonly call: 'servedHistory'; readonly query: Parameters<ServedBundles['history']>[0] }
  | { readonly call: 'close' };

/** What each call answers with. */
export interface SqliteAnswers {
  readonly load: readonly RolloutRecord[];
  /** The sealed entry, or null for a conflict. */
  readonly save: LedgerEntry | null;
  readonly decisions: readonly Decision[];
  /** The sealed blocks, or null for a conflict. */
  readonly saveProgress: readonly LedgerEntry[] | null;
  readonly loadProgress: KeptProgress | null;
  readonly loadFilters: readonly KeptFilter[];
  readonly ended: readonly EndedRollout[];
  readonly beginLife: { readonly previousEndedUncleanly: boolean };
  readonly epochs: readonly KeptEpoch[];
  readonly recordOutcomes: readonly boolean[];
  readonly outcomeCounts: OutcomeCounts;
  readonly pruneOutcomes: boolean;
  readonly page: readonly LedgerEntry[];
  readonly following: readonly LedgerEntry[];
  readonly head: LedgerHead | null;
  readonly outbox: OutboxAnswer;
  readonly recordServed: null;
  readonly servedHistory: readonly ServedBundle[];
  readonly close: null;
}

/** A request with the number under which its answer comes back. */
export type NumberedRequest = SqliteRequest & { readonly id: number };

/** The first message of the worker: the store is open, or why it is not. */
export type SqliteOpening =
  | { readonly opened: true; readonly keyId: string; readonly reserveGiven: boolean }
  /** `in-use`: another process has the directory; `unusable`: the file system refuses it; `failed`: what is in it does not hold. */
  | { readonly opened: false; readonly why: 'in-use' | 'unusable' | 'failed'; readonly reason: string };

/** The disk is full, and what has to be kept now takes the room of the reserve. */
export interface ReserveGiven {
  readonly reserveGiven: true;
}

/** The answer to one request. */
export type SqliteReply =
  | { readonly id: number; readonly done: true; readonly answer: SqliteAnswers[keyof SqliteAnswers] }
  | { readonly id: number; readonly done: false; readonly reason: string };

/** What the worker thread is started with. */
export interface SqliteWorkerData {
  readonly dataDir: string;
  /** The ledger's secret; null: it is kept in the data directory, and made there when it is not. */
  readonly ledgerSecret: Uint8Array | null;
  /** Size of the reserve. */
  readonly reserveBytes: number;
  /** How long after the opening the reserve is made: a start has better things to do. */
  readonly keepReserveAfterMs: number;
}
