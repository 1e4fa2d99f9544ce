import type { DatabaseSync } from 'node:sqlite';
import type { FilterChange, KeptFilter } from './observation.ts';

const upsertFilter = `insert into key_filters (rollout, name, size) values (:rollout, :name, :size)
on conflict (rollout, name) do update set size = excluded.size`;

const upsertChunk = `insert into key_filter_chunks (rollout, name, position, bits) values (:rollout, :name, :position, :bits)
on conflict (rollout, name, position) do update set bits = excluded.bits`;

const insertEntries = 'insert into key_filter_entries (rollout, name, entries) values (:rollout, :name, :entries)';

const deleteEntries = 'delete from key_filter_entries where rollout = :rollout and name = :name';

const selectFilters = 'select name, size from key_filters where rollout = :rollout order by name';
const selectChunks = 'select position, bits from key_filter_chunks where rollout = :rollout and name = :name order by position';
const selectEntries = 'select entries from key_filter_entries where rollout = :rollout and name = :name order by sequence';

/** The key filters' tables, for the thread that owns the database. `keep` is called inside a write transaction. */
export const createFilterTables = (database: DatabaseSync) => {
  const statements = {
    upsertFilter: database.prepare(upsertFilter),
    upsertChunk: database.prepare(upsertChunk),
    insertEntries: database.prepare(insertEntries),
    deleteEntries: database.prepare(deleteEntries),
    selectFilters: database.prepare(selectFilters),
    selectChunks: database.prepare(selectChunks),
    selectEntries: database.prepare(selectEntries),
  };

  const keepOne = (rollout: string, change: FilterChange): void => {
    const { name } = change;
    if (change.kind === 'entries') {
      statements.insertEntries.run({ rollout, name, entries: change.entries });
      return;
    }
    statements.upsertFilter.run({ rollout, name, size: change.size });
    for (const { index, bytes } of change.chunks) statements.upsertChunk.run({ rollout, name, position: index, bits: bytes });
    statements.deleteEntries.run({ rollout, name });
  };

  return {
    keep: (rollout: string, changes: readonly FilterChange[]): void => {
      for (const change of changes) keepOne(rollout, change);
    },
    load: (rollout: string): readonly KeptFilter[] =>
      statements.selectFilters.all({ rollout }).map(({ name, size }) => ({
        name: String(name),
        size: String(size),
        chunks: statements.selectChunks
          .all({ rollout, name: String(name) })
          .map(({ position, bits }) => ({ index: Number(position), bytes: bits as Uint8Array })),
        entries: statements.selectEntries.all({ rollout, name: String(name) }).map(({ entries }) => entries as Uint8Array),
      })),
  };
};
