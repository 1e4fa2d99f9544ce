/**
 * The worker thread behind the SQLite driver: the only code that opens the database, so that no fsync stalls a request.
 * States: opening -> open (one request at a time, in order) -> closed (the thread ends). An opening that fails says why and ends.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import { deriveLedgerKey, type LedgerKey, ledgerKeyFile } from '../ledger/ledger-key.ts';
import { decisionEntry, decisionOf } from './decision-entry.ts';
import { createDiskReserve, type DiskReserve, withReserve } from './disk-reserve.ts';
import { keptSecretIn } from './kept-secret.ts';
import type { RolloutRecord } from './rollout-store.ts';
import { createEpochTable } from './sqlite-epochs.ts';
import { createFilterTables } from './sqlite-filters.ts';
import { createLedgerTable, type LedgerTable } from './sqlite-ledger.ts';
import type { NumberedRequest, ReserveGiven, SqliteOpening, SqliteReply, SqliteRequest, SqliteWorkerData } from './sqlite-messages.ts';
import { createOutboxTables } from './sqlite-outbox.ts';
import { createOutcomeTables } from './sqlite-outcomes.ts';
import { createProgressTables } from './sqlite-progress.ts';
import { migrate, transaction } from './sqlite-schema.ts';
import { createServedBundlesTable } from './sqlite-served-bundles.ts';
import { whyNotOpened } from './why-not-opened.ts';

/** How long a write waits for somebody who reads or backs up the file beside us. */
const busyTimeoutMs = 5_000;

/** Two gateways that start in one instant meet halfway: one of them waits until the other has the lock for good, or has let go. */
const lockTimeoutMs = 250;

const recordColumns = `model, rollout, attempt, phase, baseline, baseline_digest as baselineDigest, candidate, candidate_digest as candidateDigest,
  plan_digest as planDigest, plan, weight_hundredths as weightHundredths, step, held_for as heldFor, signal, step_elapsed_ms as stepElapsedMs,
  step_start_units as stepStartUnits, bake_elapsed_ms as bakeElapsedMs, acceptance, epoch, revision, reason, changed_at_ms as changedAtMs`;

const selectRecords = `select ${recordColumns} from rollouts order by model`;

const insertRecord = `insert into rollouts (model, rollout, attempt, phase, baseline, baseline_digest, candidate, candidate_digest, plan_digest, plan,
  weight_hundredths, step, held_for, signal, step_elapsed_ms, step_start_units, bake_elapsed_ms, acceptance, epoch, revision, reason, changed_at_ms)
values (:model, :rollout, :attempt, :phase, :baseline, :baselineDigest, :candidate, :candidateDigest, :planDigest, :plan,
  :weightHundredths, :step, :heldFor, :signal, :stepElapsedMs, :stepStartUnits, :bakeElapsedMs, :acceptance, :epoch, :revision, :reason, :changedAtMs)
on conflict (model) do nothing`;

const updateRecord = `update rollouts set rollout = :rollout, attempt = :attempt, phase = :phase, baseline = :baseline,
  baseline_digest = :baselineDigest, candidate = :candidate, candidate_digest = :candidateDigest, plan_digest = :planDigest,
  plan = :plan, weight_hundredths = :weightHundredths, step = :step, held_for = :heldFor, signal = :signal, step_elapsed_ms = :stepElapsedMs, step_start_units = :stepStartUnits,
  bake_elapsed_ms = :bakeElapsedMs, acceptance = :acceptance, epoch = :epoch, revision = :revision, reason = :reason, changed_at_ms = :changedAtMs
where model = :model and revision = :expectedRevision`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Takes the lock of the data directory: an exclusive transaction that stays open. The kernel drops it with the process,
 * however that ends, so that no stale lock is ever left. Nothing else may open `lock.db` in this process: closing any
 * handle of a file drops the process' POSIX locks on it.
 */
const lockDirectory = (dataDir: string): DatabaseSync => {
  const lock = new DatabaseSync(join(dataDir, 'lock.db'), { timeout: lockTimeoutMs });
  try {
    lock.exec('begin exclusive');
  } catch (error) {
    lock.close();
    throw error;
  }
  return lock;
};

const openDatabase = (dataDir: string, key: LedgerKey): DatabaseSync => {
  const database = new DatabaseSync(join(dataDir, 'handoff.db'), { timeout: busyTimeoutMs });
  // FULL: in WAL mode a commit is on the disk before it is answered, so a saved weight survives a power cut too.
  database.exec('pragma journal_mode = wal; pragma synchronous = full;');
  migrate(database, key);
  return database;
};

/** What the thread works on, once the directory is its own. */
interface OpenStore {
  readonly lock: DatabaseSync;
  readonly database: DatabaseSync;
  readonly key: LedgerKey;
}

const open = ({ dataDir, ledgerSecret }: SqliteWorkerData): OpenStore => {
  // Only the gateway's own user: the directory may hold the keys that sign prediction ids and the ledger.
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(dataDir);
  try {
    const key = deriveLedgerKey(ledgerSecret ?? keptSecretIn(dataDir, ledgerKeyFile));
    return { lock, database: openDatabase(dataDir, key), key };
  } catch (error) {
    lock.close();
    throw error;
  }
};

const prepared = (database: DatabaseSync) => ({
  selectRecords: database.prepare(selectRecords),
  insertRecord: database.prepare(insertRecord),
  updateRecord: database.prepare(updateRecord),
});

type Change = Extract<SqliteRequest, { call: 'save' }>['change'];

const createSave =
  (
    { database }: OpenStore,
    {
      statements,
      ledger,
      epochs,
    }: { readonly statements: ReturnType<typeof prepared>; readonly ledger: LedgerTable; readonly epochs: ReturnType<typeof createEpochTable> },
  ) =>
  ({ record, expectedRevision, decision }: Change): LedgerEntry | null =>
    transaction(database, () => {
      const { changes } = expectedRevision === null ? statements.insertRecord.run({ ...record }) : statements.updateRecord.run({ ...record, expectedRevision });
      if (changes === 0) return null;
      epochs.append(record, decision);
      return ledger.append(decisionEntry(decision, record));
    });

/** The tables of the store, each with its statements prepared. */
const openTables = (store: OpenStore) => {
  const statements = prepared(store.database);
  const ledger = createLedgerTable(store.database, store.key);
  const epochs = createEpochTable(store.database);
  const filters = createFilterTables(store.database);
  return {
    statements,
    ledger,
    epochs,
    filters,
    save: createSave(store, { statements, ledger, epochs }),
    progress: createProgressTables(store.database, { ledger, filters }),
    outcomes: createOutcomeTables(store.database),
    outbox: createOutboxTables(store.database, ledger.decision),
    served: createServedBundlesTable(store.database),
  };
};

/** The rows need no parsing: STRICT tables and checks hold the types, and this thread alone writes them. */
const answerer = (store: OpenStore) => {
  const { statements, ledger, epochs, filters, save, progress, outcomes, outbox, served } = openTables(store);
  return (request: SqliteRequest): Extract<SqliteReply, { done: true }>['answer'] => {
    switch (request.call) {
      case 'load':
        return statements.selectRecords.all() as unknown as readonly RolloutRecord[];
      case 'save':
        return save(request.change);
      case 'decisions':
        return ledger.decisions(request.query).map(decisionOf);
      case 'page':
        return ledger.page(request.query);
      case 'following':
        return ledger.following(request.query);
      case 'head':
        return ledger.head();
      case 'saveProgress':
        return progress.save(request.change);
      case 'loadProgress':
        return progress.load(request.query);
      case 'loadFilters':
        return filters.load(request.query.rollout);
      case 'ended':
        return progress.ended(request.model);
      case 'beginLife':
        return progress.beginLife();
      case 'epochs':
        return epochs.of(request.model);
      case 'recordOutcomes':
        return outcomes.record(request.outcomes);
      case 'outcomeCounts':
        return outcomes.counts(request.range);
      case 'pruneOutcomes':
        return outcomes.prune(request.query);
      case 'outbox':
        return outbox(request.request);
      case 'recordServed':
        served.record(request.bundle);
        return null;
      case 'servedHistory':
        return served.history(request.query);
      case 'close':
        progress.endLife();
        store.database.close();
        store.lock.close();
        return null;
    }
  };
};

const serve = (port: MessagePort, answer: ReturnType<typeof answerer>, kept: Keeping): void => {
  port.on('message', ({ id, ...request }: NumberedRequest) => {
    let reply: SqliteReply;
    try {
      reply = { id, done: true, answer: kept(() => answer(request)) };
    } catch (error) {
      reply = { id, done: false, reason: messageOf(error) };
    }
    port.postMessage(reply);
    if (request.call === 'close') port.close();
  });
};

/** Runs what must be kept; on a full disk the reserve makes room for it. */
type Keeping = <Result>(action: () => Result) => Result;

/** The reserve is looked at once a minute: it comes back when there is room again. */
const lookAfterReserveMs = 60_000;

const keepReserve = (reserve: DiskReserve, afterMs: number): void => {
  setTimeout(reserve.keep, afterMs).unref();
  setInterval(reserve.keep, lookAfterReserveMs).unref();
};

const start = (port: MessagePort, data: SqliteWorkerData): void => {
  let opening: SqliteOpening;
  const reserve = createDiskReserve(data.dataDir, data.reserveBytes);
  let reserveGiven = false;
  const whileOpening: Keeping = (action) =>
    withReserve(reserve, action, () => {
      reserveGiven = true;
    });
  const whileOpen: Keeping = (action) => withReserve(reserve, action, () => port.postMessage({ reserveGiven: true } satisfies ReserveGiven));
  try {
    const store = whileOpening(() => open(data));
    serve(
      port,
      whileOpening(() => answerer(store)),
      whileOpen,
    );
    opening = { opened: true, keyId: store.key.id, reserveGiven };
    keepReserve(reserve, data.keepReserveAfterMs);
  } catch (error) {
    opening = { opened: false, why: whyNotOpened(error), reason: messageOf(error) };
  }
  port.postMessage(opening);
};

if (parentPort !== null) start(parentPort, workerData as SqliteWorkerData);
