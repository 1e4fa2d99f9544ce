import type { DatabaseSync } from 'node:sqlite';
import type { ServedBundle, ServedBundles } from './rollout-store.ts';

/** A row only when another bundle stood behind the name before: a restart with the same files changes nothing. */
const insertServed = `insert into served_bundles (model, version, digest, contract_id, contract_version, files, key_hint, served_from_ms)
select :model, :version, :digest, :contractId, :contractVersion, :files, :keyHint, :servedFromMs
where (select digest from served_bundles where model = :model and version = :version order by sequence desc limit 1) is not :digest`;

const selectServed = `select model, version, digest, contract_id as contractId, contract_version as contractVersion, files, key_hint as keyHint,
  served_from_ms as servedFromMs
from served_bundles where model = :model and version = :version order by sequence`;

/** The bundles that ever served, for the thread that owns the database. */
export const createServedBundlesTable = (database: DatabaseSync) => {
  const insert = database.prepare(insertServed);
  const select = database.prepare(selectServed);
  return {
    record: (bundle: Parameters<ServedBundles['record']>[0]): void => {
      insert.run({ ...bundle, files: JSON.stringify(bundle.files) });
    },
    history: (query: Parameters<ServedBundles['history']>[0]): readonly ServedBundle[] =>
      select.all({ ...query }).map((row) => ({ ...row, files: JSON.parse(String(row.files)) }) as ServedBundle),
  };
};
