/** Reads the ledger out of the database file of a gateway that runs or does not, beside it and without its key. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';

/** Primary result codes, sqlite.org/rescode.html. */
const sqliteCorrupt = 11;
const sqliteCannotOpen = 14;
const sqliteNotADatabase = 26;
const sqliteReadOnly = 8;

/** The schema in which the ledger came. */
const ledgerSchema = 2;

/** The database file is damaged: SQLite itself cannot make sense of it. */
export class LedgerDamagedError extends Error {
  override readonly name = 'LedgerDamagedError';
  /** The first entry that could not be read. */
  readonly sequence: number;

  constructor(sequence: number, cause: Error) {
    super(`entry ${sequence} cannot be read: ${cause.message}`, { cause });
    this.sequence = sequence;
  }
}

/** The ledger of a file, for one reading. */
export interface LedgerReader {
  /** Every entry in order as canonical JSON, all of one moment. @throws LedgerDamagedError */
  readonly lines: () => Iterable<string>;
  readonly close: () => void;
}

const selectRows = 'select format, sequence, at, model, rollout, kind, body, prev_hash, key_id, hash, mac from ledger order by sequence';

/** Put together as text, the body as it stands: to parse and write it anew would hide a change that means the same. */
const lineOf = (row: Record<string, unknown>): string => {
  const of = (column: string): string => JSON.stringify(row[column]);
  return [
    `{"at":${of('at')},"body":${String(row.body)},"format":${of('format')},"hash":${of('hash')},"keyId":${of('key_id')},"kind":${of('kind')}`,
    `"mac":${of('mac')},"model":${of('model')},"prevHash":${of('prev_hash')},"rollout":${of('rollout')},"sequence":${of('sequence')}}`,
  ].join(',');
};

const codeOf = (error: unknown): number => Number(error instanceof Error ? Reflect.get(error, 'errcode') : Number.NaN) & 0xff;

/** The error as damage, if it is. */
const damageAt = (sequence: number, error: unknown): unknown =>
  error instanceof Error && [sqliteCorrupt, sqliteNotADatabase].includes(codeOf(error)) ? new LedgerDamagedError(sequence, error) : error;

const schemaOf = (database: DatabaseSync): number => Number(database.prepare('pragma user_version').get()?.user_version ?? 0);

const openFile = (path: string): DatabaseSync => {
  const database = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
  try {
    schemaOf(database);
    return database;
  } catch (error) {
    database.close();
    // A write-ahead database in a folder that cannot be written to is readable only when nobody can be writing to it: without a log beside it.
    if (![sqliteCannotOpen, sqliteReadOnly].includes(codeOf(error)) || existsSync(`${path}-wal`)) throw error;
    return new DatabaseSync(new URL(`${pathToFileURL(path).href}?immutable=1`), { readOnly: true });
  }
};

const linesOf = function* (database: DatabaseSync): Generator<string> {
  let sequence = 1;
  try {
    for (const row of database.prepare(selectRows).iterate()) {
      yield lineOf(row);
      sequence = Number(row.sequence) + 1;
    }
  } catch (error) {
    throw damageAt(sequence, error);
  }
};

/**
 * Opens the ledger of a data directory for reading.
 * @throws LedgerDamagedError when the file is no database any more
 * @throws Error when there is none, or none with a ledger
 */
export const openLedgerReader = (dataDir: string): LedgerReader => {
  const path = join(dataDir, 'handoff.db');
  if (!existsSync(path)) throw new Error(`there is no handoff.db in ${dataDir}`);
  let database: DatabaseSync;
  try {
    database = openFile(path);
  } catch (error) {
    throw damageAt(1, error);
  }
  if (schemaOf(database) < ledgerSchema) {
    database.close();
    throw new Error(`${path} has no ledger yet: a gateway of this version adds it when it starts`);
  }
  return { lines: () => linesOf(database), close: () => database.close() };
};
