/** The schema of the database, brought up to date one numbered migration after the other. */
import { readFileSync } from 'node:fs';
import type { DatabaseSync } from 'node:sqlite';
import type { LedgerKey } from '../ledger/ledger-key.ts';
import { migratedEntry } from './decision-entry.ts';
import type { Decision } from './rollout-store.ts';
import { createLedgerTable } from './sqlite-ledger.ts';

const selectUnchained = `select sequence, model, rollout, move, actor, reason, at_ms as atMs, from_weight_hundredths as fromWeightHundredths,
  to_weight_hundredths as toWeightHundredths, epoch, revision
from decisions order by sequence`;

/** Seals the decisions that were kept before there was a chain, in their order, and drops their table. */
const chainDecisions = (database: DatabaseSync, key: LedgerKey): void => {
  const ledger = createLedgerTable(database, key);
  for (const row of database.prepare(selectUnchained).iterate()) ledger.append(migratedEntry(row as unknown as Decision));
  database.exec('drop table decisions');
};

interface Migration {
  readonly file: string;
  /** What SQL alone cannot do, after it and in the same transaction. */
  readonly complete?: (database: DatabaseSync, key: LedgerKey) => void;
}

/** In order, never changed once released: the database's user_version counts how many of them it has. */
const migrations: readonly Migration[] = [
  { file: '0001-rollouts.sql' },
  { file: '0002-ledger.sql', complete: chainDecisions },
  { file: '0003-progress.sql' },
  { file: '0004-blocks-and-filters.sql' },
  { file: '0005-outcomes.sql' },
  { file: '0006-notices.sql' },
  { file: '0007-served-bundles.sql' },
  { file: '0008-baseline-digest.sql' },
];

/** Runs `body` in one write transaction: all of it, or nothing when it throws. */
export const transaction = <Result>(database: DatabaseSync, body: () => Result): Result => {
  database.exec('begin immediate');
  try {
    const result = body();
    database.exec('commit');
    return result;
  } catch (error) {
    // SQLite has already rolled back by itself after some errors (a full disk, for example).
    if (database.isTransaction) database.exec('rollback');
    throw error;
  }
};

/**
 * Applies the migrations that the database lacks, each in a transaction of its own.
 * @throws Error when the database was written by a newer gateway
 */
export const migrate = (database: DatabaseSync, key: LedgerKey): void => {
  const applied = Number(database.prepare('pragma user_version').get()?.user_version ?? 0);
  if (applied > migrations.length) throw new Error(`handoff.db has schema ${applied}, this gateway knows ${migrations.length}: it was written by a newer one`);
  for (const [index, { file, complete }] of migrations.entries()) {
    if (index < applied) continue;
    const sql = readFileSync(new URL(`./migrations/sqlite/${file}`, import.meta.url), 'utf8');
    transaction(database, () => {
      database.exec(sql);
      complete?.(database, key);
      database.exec(`pragma user_version = ${index + 1}`);
    });
  }
};
