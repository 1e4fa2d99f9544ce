// Opens the store of the directory in the first argument, saves one record and waits to be killed.
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

const store = await createSqliteRolloutStore({ dataDir: process.argv[2] ?? '' });
await store.beginLife();
const record = recordWith();
await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
process.stdout.write('saved\n');
