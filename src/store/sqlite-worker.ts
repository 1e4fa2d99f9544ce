/**
 * The worker thread behind the SQLite driver: the only code that opens the database, so that no fsync stalls a request.
 * States: opening -> open (one request at a time, in order) -> closed (the thread ends). An opening that fails says why and ends.
 */
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Decision, RolloutRecord } from './rollout-store.ts';
import type { NumberedRequest, SqliteOpening, SqliteReply, SqliteRequest, SqliteWorkerData } from './sqlite-messages.ts';
import { createProgressTables } from './sqlite-progress.ts';

/** In order, never changed once released: the database's user_version counts how many of them it has. */
const migrations = ['0001-rollouts.sql', '0002-progress.sql'];

/** Primary result code of a file that someone else has locked, sqlite.org/rescode.html#busy. */
const sqliteBusy = 5;

/** How long a write waits for somebody who reads or backs up the file beside us. */
const busyTimeoutMs = 5_000;

/** Two gateways that start in one instant meet halfway: one of them waits until the other has the lock for good, or has let go. */
const lockTimeoutMs = 250;

const recordColumns = `model, rollout, attempt, phase, baseline, candidate, candidate_digest as candidateDigest, plan_digest as planDigest, plan,
  weight_hundredths as weightHundredths, step, held_for as heldFor, signal, step_elapsed_ms as stepElapsedMs, step_start_units as stepStartUnits,
  bake_elapsed_ms as bakeElapsedMs, acceptance, epoch, revision, reason, changed_at_ms as changedAtMs`;

const selectRecords = `select ${recordColumns} from rollouts order by model`;

const insertRecord = `insert into rollouts (model, rollout, attempt, phase, baseline, candidate, candidate_digest, plan_digest, plan,
  weight_hundredths, step, held_for, signal, step_elapsed_ms, step_start_units, bake_elapsed_ms, acceptance, epoch, revision, reason, changed_at_ms)
values (:model, :rollout, :attempt, :phase, :baseline, :candidate, :candidateDigest, :planDigest, :plan,
  :weightHundredths, :step, :heldFor, :signal, :stepElapsedMs, :stepStartUnits, :bakeElapsedMs, :acceptance, :epoch, :revision, :reason, :changedAtMs)
on conflict (model) do nothing`;

const updateRecord = `update rollouts set rollout = :rollout, attempt = :attempt, phase = :phase, baseline = :baseline, candidate = :candidate,
  candidate_digest = :candidateDigest, plan_digest = :planDigest, plan = :plan, weight_hundredths = :weightHundredths, step = :step,
  held_for = :heldFor, signal = :signal, step_elapsed_ms = :stepElapsedMs, step_start_units = :stepStartUnits,
  bake_elapsed_ms = :bakeElapsedMs, acceptance = :acceptance, epoch = :epoch, revision = :revision, reason = :reason, changed_at_ms = :changedAtMs
where model = :model and revision = :expectedRevision`;

const insertDecision = `insert into decisions (model, rollout, move, actor, reason, at_ms, from_weight_hundredths, to_weight_hundredths, epoch, revision)
values (:model, :rollout, :move, :actor, :reason, :atMs, :fromWeightHundredths, :toWeightHundredths, :epoch, :revision)`;

const selectDecisions = `select sequence, model, rollout, move, actor, reason, at_ms as atMs, from_weight_hundredths as fromWeightHundredths,
  to_weight_hundredths as toWeightHundredths, epoch, revision
from decisions where model = :model and sequence < :before order by sequence desc limit :limit`;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const isBusy = (error: unknown): boolean => error instanceof Error && Reflect.get(error, 'errcode') === sqliteBusy;

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

const transaction = <Result>(database: DatabaseSync, body: () => Result): Result => {
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

const migrate = (database: DatabaseSync): void => {
  const applied = Number(database.prepare('pragma user_version').get()?.user_version ?? 0);
  if (applied > migrations.length) throw new Error(`handoff.db has schema ${applied}, this gateway knows ${migrations.length}: it was written by a newer one`);
  for (const [index, file] of migrations.entries()) {
    if (index < applied) continue;
    const sql = readFileSync(new URL(`./migrations/sqlite/${file}`, import.meta.url), 'utf8');
    transaction(database, () => database.exec(`${sql}\npragma user_version = ${index + 1};`));
  }
};

const openDatabase = (dataDir: string): DatabaseSync => {
  const database = new DatabaseSync(join(dataDir, 'handoff.db'), { timeout: busyTimeoutMs });
  // FULL: in WAL mode a commit is on the disk before it is answered, so a saved weight survives a power cut too.
  database.exec('pragma journal_mode = wal; pragma synchronous = full;');
  migrate(database);
  return database;
};

const open = (dataDir: string): { readonly lock: DatabaseSync; readonly database: DatabaseSync } => {
  // Only the gateway's own user: the directory may hold the key that signs prediction ids.
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const lock = lockDirectory(dataDir);
  try {
    return { lock, database: openDatabase(dataDir) };
  } catch (error) {
    lock.close();
    throw error;
  }
};

const prepared = (database: DatabaseSync) => ({
  selectRecords: database.prepare(selectRecords),
  insertRecord: database.prepare(insertRecord),
  updateRecord: database.prepare(updateRecord),
  insertDecision: database.prepare(insertDecision),
  selectDecisions: database.prepare(selectDecisions),
});

const save = (database: DatabaseSync, statements: ReturnType<typeof prepared>, change: Extract<SqliteRequest, { call: 'save' }>['change']) =>
  transaction(database, (): 'saved' | 'conflict' => {
    const { changes } =
      change.expectedRevision === null
        ? statements.insertRecord.run({ ...change.record })
        : statements.updateRecord.run({ ...change.record, expectedRevision: change.expectedRevision });
    if (changes === 0) return 'conflict';
    statements.insertDecision.run({ ...change.decision });
    return 'saved';
  });

/** The rows need no parsing: STRICT tables and checks hold the types, and this file alone writes them. */
const answerer = (database: DatabaseSync, lock: DatabaseSync) => {
  const statements = prepared(database);
  const progress = createProgressTables(database, (body) => transaction(database, body));
  return (request: SqliteRequest): Extract<SqliteReply, { done: true }>['answer'] => {
    switch (request.call) {
      case 'load':
        return statements.selectRecords.all() as unknown as readonly RolloutRecord[];
      case 'save':
        return save(database, statements, request.change);
      case 'decisions': {
        const { model, limit, before = Number.MAX_SAFE_INTEGER } = request.query;
        return statements.selectDecisions.all({ model, limit, before }) as unknown as readonly Decision[];
      }
      case 'saveProgress':
        return progress.save(request.change);
      case 'loadProgress':
        return progress.load(request.query);
      case 'ended':
        return progress.ended(request.model);
      case 'beginLife':
        return progress.beginLife();
      case 'close':
        progress.endLife();
        database.close();
        lock.close();
        return null;
    }
  };
};

const serve = (port: MessagePort, answer: ReturnType<typeof answerer>): void => {
  port.on('message', ({ id, ...request }: NumberedRequest) => {
    let reply: SqliteReply;
    try {
      reply = { id, done: true, answer: answer(request) };
    } catch (error) {
      reply = { id, done: false, reason: messageOf(error) };
    }
    port.postMessage(reply);
    if (request.call === 'close') port.close();
  });
};

const start = (port: MessagePort, { dataDir }: SqliteWorkerData): void => {
  let opening: SqliteOpening = { opened: true };
  try {
    const { lock, database } = open(dataDir);
    serve(port, answerer(database, lock));
  } catch (error) {
    opening = { opened: false, inUse: isBusy(error), reason: messageOf(error) };
  }
  port.postMessage(opening);
};

if (parentPort !== null) start(parentPort, workerData as SqliteWorkerData);
