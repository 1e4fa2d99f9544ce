/** The ledger's table, as the store's worker thread writes and reads it. */
import type { DatabaseSync } from 'node:sqlite';
import { canonicalJson } from '../ledger/canonical-json.ts';
import { linkEntry } from '../ledger/chain.ts';
import type { DecisionEntry, LedgerContent, LedgerEntry, LedgerHead } from '../ledger/ledger-entry.ts';
import type { LedgerKey } from '../ledger/ledger-key.ts';
import type { DecisionLedger } from './rollout-store.ts';

const columns = 'format, sequence, at, model, rollout, kind, body, prev_hash as prevHash, key_id as keyId, hash, mac';

const insertEntry = `insert into ledger (format, sequence, at, model, rollout, kind, body, prev_hash, key_id, hash, mac)
values (:format, :sequence, :at, :model, :rollout, :kind, :body, :prevHash, :keyId, :hash, :mac)`;

const selectHead = 'select sequence, hash from ledger order by sequence desc limit 1';
const selectPage = `select ${columns} from ledger where sequence < :before order by sequence desc limit :limit`;
const selectPageOfKind = `select ${columns} from ledger where kind = :kind and sequence < :before order by sequence desc limit :limit`;
const selectPageOfModel = `select ${columns} from ledger where model = :model and sequence < :before order by sequence desc limit :limit`;
const selectPageOfModelAndKind = `select ${columns} from ledger where model = :model and kind = :kind and sequence < :before order by sequence desc limit :limit`;
const selectDecision = `select ${columns} from ledger where kind = 'decision' and sequence = :sequence`;
const selectFollowing = `select ${columns} from ledger where sequence > :after order by sequence limit :limit`;

type Page = Parameters<DecisionLedger['page']>[0];

/** The table of an open database, which has it. */
export interface LedgerTable {
  /** Seals content as the newest entry. Call it inside a write transaction: the head is read here. @throws TypeError for what has no JSON form */
  readonly append: (content: LedgerContent) => LedgerEntry;
  readonly page: (query: Page) => readonly LedgerEntry[];
  /** Entries of kind `decision` only. */
  readonly decisions: (query: Page & { readonly model: string }) => readonly DecisionEntry[];
  readonly following: (query: Parameters<DecisionLedger['following']>[0]) => readonly LedgerEntry[];
  readonly head: () => LedgerHead | null;
  /** @throws Error when there is no such decision */
  readonly decision: (sequence: number) => DecisionEntry;
}

/** The rows need no parsing: the STRICT table holds the types, and `append` alone writes them. */
const entryOf = (row: Record<string, unknown>): LedgerEntry => ({ ...row, body: JSON.parse(String(row.body)) }) as LedgerEntry;

/** Prepares the ledger's statements. */
export const createLedgerTable = (database: DatabaseSync, key: LedgerKey): LedgerTable => {
  const insert = database.prepare(insertEntry);
  const newest = database.prepare(selectHead);
  const pageOfAll = database.prepare(selectPage);
  const pageOfModel = database.prepare(selectPageOfModel);
  const pageOfKind = database.prepare(selectPageOfKind);
  const pageOfModelAndKind = database.prepare(selectPageOfModelAndKind);
  const following = database.prepare(selectFollowing);
  const one = database.prepare(selectDecision);
  const head = (): LedgerHead | null => {
    const row = newest.get();
    return row === undefined ? null : { sequence: Number(row.sequence), hash: String(row.hash) };
  };
  const rowsOf = ({ model, kind, limit, before = Number.MAX_SAFE_INTEGER }: Page) => {
    if (model === undefined) return kind === undefined ? pageOfAll.all({ limit, before }) : pageOfKind.all({ kind, limit, before });
    return kind === undefined ? pageOfModel.all({ model, limit, before }) : pageOfModelAndKind.all({ model, kind, limit, before });
  };
  const page = (query: Page): readonly LedgerEntry[] => rowsOf(query).map(entryOf);
  return {
    append: (content) => {
      const entry = linkEntry(content, { head: head(), key });
      insert.run({ ...entry, body: canonicalJson(entry.body) });
      return entry;
    },
    page,
    decisions: (query) => page({ ...query, kind: 'decision' }) as readonly DecisionEntry[],
    following: ({ after, limit }) => following.all({ after, limit }).map(entryOf),
    head,
    decision: (sequence) => {
      const row = one.get({ sequence });
      if (row === undefined) throw new Error(`the ledger has no decision ${sequence}`);
      return entryOf(row) as DecisionEntry;
    },
  };
};
