/** The ledger's table, as the store's worker thread writes and reads it. */
import type { DatabaseSync } from 'node:sqlite';
import { canonicalJson } from '../ledger/canonical-json.ts';
import { linkEntry } from '../ledger/chain.ts';
import type { LedgerContent, LedgerEntry, LedgerHead } from '../ledger/ledger-entry.ts';
import type { LedgerKey } from '../ledger/ledger-key.ts';
import type { DecisionLedger } from './rollout-store.ts';

const columns = 'format, sequence, at, model, rollout, kind, body, prev_hash as prevHash, key_id as keyId, hash, mac';

const insertEntry = `insert into ledger (format, sequence, at, model, rollout, kind, body, prev_hash, key_id, hash, mac)
values (:format, :sequence, :at, :model, :rollout, :kind, :body, :prevHash, :keyId, :hash, :mac)`;

const selectHead = 'select sequence, hash from ledger order by sequence desc limit 1';
const selectPage = `select ${columns} from ledger where sequence < :before order by sequence desc limit :limit`;
const selectPageOfModel = `select ${columns} from ledger where model = :model and sequence < :before order by sequence desc limit :limit`;
const selectDecisions = `select ${columns} from ledger where model = :model and kind = 'decision' and sequence < :before order by sequence desc limit :limit`;
const selectEntry = `select ${columns} from ledger where sequence = :sequence`;
const selectFollowing = `select ${columns} from ledger where sequence > :after order by sequence limit :limit`;

type Page = Parameters<DecisionLedger['page']>[0];

/** The table of an open database, which has it. */
export interface LedgerTable {
  /** Seals content as the newest entry. Call it inside a write transaction: the head is read here. @throws TypeError for what has no JSON form */
  readonly append: (content: LedgerContent) => LedgerEntry;
  readonly page: (query: Page) => readonly LedgerEntry[];
  /** Entries of kind `decision` only. */
  readonly decisions: (query: Page & { readonly model: string }) => readonly LedgerEntry[];
  readonly following: (query: Parameters<DecisionLedger['following']>[0]) => readonly LedgerEntry[];
  readonly head: () => LedgerHead | null;
  /** @throws Error when there is no such entry */
  readonly entry: (sequence: number) => LedgerEntry;
}

/** The rows need no parsing: the STRICT table holds the types, and `append` alone writes them. */
const entryOf = (row: Record<string, unknown>): LedgerEntry => ({ ...row, body: JSON.parse(String(row.body)) }) as LedgerEntry;

/** Prepares the ledger's statements. */
export const createLedgerTable = (database: DatabaseSync, key: LedgerKey): LedgerTable => {
  const insert = database.prepare(insertEntry);
  const newest = database.prepare(selectHead);
  const pageOfAll = database.prepare(selectPage);
  const pageOfModel = database.prepare(selectPageOfModel);
  const pageOfDecisions = database.prepare(selectDecisions);
  const following = database.prepare(selectFollowing);
  const one = database.prepare(selectEntry);
  const head = (): LedgerHead | null => {
    const row = newest.get();
    return row === undefined ? null : { sequence: Number(row.sequence), hash: String(row.hash) };
  };
  return {
    append: (content) => {
      const entry = linkEntry(content, { head: head(), key });
      insert.run({ ...entry, body: canonicalJson(entry.body) });
      return entry;
    },
    page: ({ model, limit, before = Number.MAX_SAFE_INTEGER }) =>
      (model === undefined ? pageOfAll.all({ limit, before }) : pageOfModel.all({ model, limit, before })).map(entryOf),
    decisions: ({ model, limit, before = Number.MAX_SAFE_INTEGER }) => pageOfDecisions.all({ model, limit, before }).map(entryOf),
    following: ({ after, limit }) => following.all({ after, limit }).map(entryOf),
    head,
    entry: (sequence) => {
      const row = one.get({ sequence });
      if (row === undefined) throw new Error(`the ledger has no entry ${sequence}`);
      return entryOf(row);
    },
  };
};
