/**
 * SQLite driver of the store, for one gateway on one machine. The database lives in a worker thread; here is the
 * mailbox to it. States: opening -> open -> closed, or broken when the thread is lost: then every call rejects.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import type { LedgerEntry } from '../ledger/ledger-entry.ts';
import { within } from '../within.ts';
import { createGroupCommit } from './group-commit.ts';
import type { Outbox } from './outbox.ts';
import { createRollbackNotes } from './rollback-notes.ts';
import { DataDirectoryInUseError, DataDirectoryUnusableError, type RolloutStore } from './rollout-store.ts';
import type { NumberedRequest, ReserveGiven, SqliteAnswers, SqliteOpening, SqliteReply, SqliteRequest, SqliteWorkerData } from './sqlite-messages.ts';
import type { OutboxAnswer, OutboxRequest } from './sqlite-outbox.ts';

interface Waiter {
  readonly resolve: (answer: SqliteAnswers[keyof SqliteAnswers]) => void;
  readonly reject: (error: Error) => void;
}

const openingOf = async (worker: Worker): Promise<SqliteOpening> => {
  // Rejects when the thread throws before its first message.
  const [opening] = (await once(worker, 'message')) as [SqliteOpening];
  return opening;
};

const createMailbox = (worker: Worker, onDiskFull: () => void) => {
  const waiting = new Map<number, Waiter>();
  let lastId = 0;
  let lost: Error | null = null;

  const lose = (reason: string): void => {
    lost ??= new Error(reason);
    for (const waiter of waiting.values()) waiter.reject(lost);
    waiting.clear();
  };
  worker.on('message', (reply: SqliteReply | ReserveGiven) => {
    if ('reserveGiven' in reply) {
      onDiskFull();
      return;
    }
    const waiter = waiting.get(reply.id);
    waiting.delete(reply.id);
    if (reply.done) waiter?.resolve(reply.answer);
    else waiter?.reject(new Error(`the store failed: ${reply.reason}`));
  });
  worker.on('error', (error) => lose(`the store failed: ${error instanceof Error ? error.message : String(error)}`));
  worker.on('exit', () => lose('the store is closed'));

  return <Call extends SqliteRequest['call']>(request: Extract<SqliteRequest, { call: Call }>): Promise<SqliteAnswers[Call]> => {
    if (lost !== null) return Promise.reject(lost);
    const { promise, resolve, reject } = Promise.withResolvers<SqliteAnswers[keyof SqliteAnswers]>();
    lastId += 1;
    waiting.set(lastId, { resolve, reject });
    worker.postMessage({ ...request, id: lastId } satisfies NumberedRequest);
    // The worker answers each call with its own kind: `SqliteAnswers` is the contract of both ends.
    return promise as Promise<SqliteAnswers[Call]>;
  };
};

/** The port's methods, each answered by the thread with its own kind. */
const outboxOver = (ask: (request: OutboxRequest) => Promise<OutboxAnswer>): Outbox => {
  const method =
    <Method extends keyof Outbox>(name: Method) =>
    (...args: Parameters<Outbox[Method]>) =>
      ask({ method: name, args } as OutboxRequest) as ReturnType<Outbox[Method]>;
  return {
    setWebhook: method('setWebhook'),
    heads: method('heads'),
    read: method('read'),
    remove: method('remove'),
    backlog: method('backlog'),
    holds: method('holds'),
    keepHold: method('keepHold'),
    dropHold: method('dropHold'),
  };
};

/** What the driver is opened with. */
interface SqliteStoreOptions {
  readonly dataDir: string;
  /** The secret of the ledger's key; absent: `<dataDir>/ledger.key`, made when it is not there. */
  readonly ledgerSecret?: Uint8Array;
  /** Hears of every entry once it is durable, in order, before `save` or `saveProgress` resolves. */
  readonly onEntry?: (entry: LedgerEntry) => void;
  /** Hears that the disk is full, and that what is kept from now on takes the room of the reserve. */
  readonly onDiskFull?: () => void;
  /** Size of the reserve, bytes. */
  readonly reserveBytes?: number;
  /** When the reserve is made, milliseconds after the opening. */
  readonly keepReserveAfterMs?: number;
}

const notesPatienceMs = 2_000;
/** What a rollout writes in two days of traffic. */
const defaultReserveBytes = 8 * 2 ** 20;
const defaultKeepReserveAfterMs = 5_000;

/** The thread, once it has the directory. @throws as `createSqliteRolloutStore` */
const openWorker = async (options: SqliteStoreOptions): Promise<{ readonly worker: Worker; readonly opening: Opened }> => {
  const { dataDir, ledgerSecret } = options;
  // Started with no flags of this process: those of a test runner or an inspector mean nothing to this thread.
  const worker = new Worker(new URL('./sqlite-worker.ts', import.meta.url), {
    workerData: {
      dataDir,
      ledgerSecret: ledgerSecret ?? null,
      reserveBytes: options.reserveBytes ?? defaultReserveBytes,
      keepReserveAfterMs: options.keepReserveAfterMs ?? defaultKeepReserveAfterMs,
    } satisfies SqliteWorkerData,
    execArgv: [],
    name: 'store',
  });
  const opening = await openingOf(worker);
  if (opening.opened) return { worker, opening };
  // The thread closes its files as it ends: whoever hears of the failure may open them at once.
  await worker.terminate();
  throw notOpened(dataDir, opening);
};

const notOpened = (dataDir: string, { why, reason }: Extract<SqliteOpening, { opened: false }>): Error => {
  switch (why) {
    case 'in-use':
      return new DataDirectoryInUseError(dataDir);
    case 'unusable':
      return new DataDirectoryUnusableError(dataDir, reason);
    case 'failed':
      return new Error(`the store in ${dataDir} cannot be opened: ${reason}`);
  }
};

type Opened = Extract<SqliteOpening, { opened: true }>;

/**
 * Opens (and creates, mode 0700) `<dataDir>/handoff.db` and takes the directory's lock until `close` or the end of the process.
 * @throws DataDirectoryInUseError when another gateway holds the lock
 * @throws DataDirectoryUnusableError when the file system refuses the directory or a file in it
 * @throws Error when what is in it does not hold
 */
export const createSqliteRolloutStore = async (options: SqliteStoreOptions): Promise<RolloutStore> => {
  const { onEntry, onDiskFull = () => undefined } = options;
  const { worker, opening } = await openWorker(options);
  if (opening.reserveGiven) onDiskFull();
  const { promise: exited, resolve: onExit } = Promise.withResolvers<void>();
  worker.once('exit', () => onExit());
  const ask = createMailbox(worker, onDiskFull);
  let closing: Promise<void> | null = null;
  const notes = createRollbackNotes(options.dataDir);
  const close = async (): Promise<void> => {
    // What a disk that hangs does to a file of notes is no reason to leave the database open.
    await within(notes.close(), notesPatienceMs, 'the notes are not closed').catch(() => undefined);
    await ask({ call: 'close' });
    await exited;
  };
  return {
    load: () => ask({ call: 'load' }),
    save: async (change) => {
      const entry = await ask({ call: 'save', change });
      if (entry === null) return 'conflict';
      onEntry?.(entry);
      return 'saved';
    },
    decisions: (query) => ask({ call: 'decisions', query }),
    saveProgress: async (change) => {
      const entries = await ask({ call: 'saveProgress', change });
      for (const entry of entries ?? []) onEntry?.(entry);
      return entries === null ? 'conflict' : 'saved';
    },
    loadProgress: (query) => ask({ call: 'loadProgress', query }),
    loadFilters: (query) => ask({ call: 'loadFilters', query }),
    ended: (model) => ask({ call: 'ended', model }),
    beginLife: () => ask({ call: 'beginLife' }),
    epochs: (model) => ask({ call: 'epochs', model }),
    outcomes: {
      record: createGroupCommit((outcomes) => ask({ call: 'recordOutcomes', outcomes })),
      counts: (range) => ask({ call: 'outcomeCounts', range }),
      prune: (query) => ask({ call: 'pruneOutcomes', query }),
    },
    ledger: {
      keyId: opening.keyId,
      page: (query) => ask({ call: 'page', query }),
      following: (query) => ask({ call: 'following', query }),
      head: () => ask({ call: 'head' }),
    },
    notes,
    outbox: outboxOver((request) => ask({ call: 'outbox', request })),
    servedBundles: {
      record: async (bundle) => void (await ask({ call: 'recordServed', bundle })),
      history: (query) => ask({ call: 'servedHistory', query }),
    },
    close: () => {
      closing ??= close();
      return closing;
    },
  };
};
