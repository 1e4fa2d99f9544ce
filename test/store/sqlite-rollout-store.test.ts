import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { DataDirectoryInUseError, DataDirectoryUnusableError } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';
import { outboxContract } from './outbox.contract.ts';
import { outcomeStoreContract } from './outcome-store.contract.ts';
import { rolloutStoreContract } from './rollout-store.contract.ts';

let directory = '';
let children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-store-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await rm(directory, { recursive: true, force: true });
});

const saveOne = async (revision: number): Promise<void> => {
  const store = await createSqliteRolloutStore({ dataDir: directory });
  const record = recordWith({ revision });
  expect(await store.save({ record, expectedRevision: revision === 1 ? null : revision - 1, decision: decisionFor(record) })).toBe('saved');
  await store.close();
};

/** Another process that opens the store, saves a record, says so on stdout, and never closes. */
const otherProcess = async (): Promise<ChildProcess> => {
  const child = spawn(process.execPath, [fileURLToPath(new URL('./open-store.fixture.ts', import.meta.url)), directory], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [line] = await once(child.stdout, 'data');
  expect(String(line)).toBe('saved\n');
  return child;
};

outcomeStoreContract('SQLite', () => createSqliteRolloutStore({ dataDir: directory }));
outboxContract('SQLite', {
  open: () => createSqliteRolloutStore({ dataDir: directory }),
  reopen: async (store) => {
    await store.close();
    return createSqliteRolloutStore({ dataDir: directory });
  },
});

rolloutStoreContract('SQLite', () => createSqliteRolloutStore({ dataDir: join(directory, 'not', 'there', 'yet') }));

describe('the SQLite store', () => {
  it('keeps records and decisions over a reopening', async () => {
    await saveOne(1);
    await saveOne(2);
    const store = await createSqliteRolloutStore({ dataDir: directory });
    expect(await store.load()).toEqual([recordWith({ revision: 2 })]);
    expect(await store.decisions({ model: 'card-fraud', limit: 10 })).toHaveLength(2);
    await store.close();
  });

  it('refuses a second opener of the same directory and names the directory', async () => {
    const store = await createSqliteRolloutStore({ dataDir: directory });
    const second = createSqliteRolloutStore({ dataDir: directory });
    await expect(second).rejects.toThrow(DataDirectoryInUseError);
    await expect(second).rejects.toThrow(`another gateway uses the data directory ${directory}`);
    expect(await store.load()).toEqual([]);
    await store.close();
    await (await createSqliteRolloutStore({ dataDir: directory })).close();
  });

  it('admits exactly one of several openers that come at once', async () => {
    const openings = await Promise.allSettled(Array.from({ length: 4 }, () => createSqliteRolloutStore({ dataDir: directory })));
    const opened = openings.flatMap((opening) => (opening.status === 'fulfilled' ? [opening.value] : []));
    expect(opened).toHaveLength(1);
    await Promise.all(opened.map((store) => store.close()));
  });

  it('refuses a directory that another process uses, and opens it with all that was saved after kill -9', async () => {
    const child = await otherProcess();
    await expect(createSqliteRolloutStore({ dataDir: directory })).rejects.toThrow(DataDirectoryInUseError);
    child.kill('SIGKILL');
    await once(child, 'exit');
    const store = await createSqliteRolloutStore({ dataDir: directory });
    expect(await store.load()).toEqual([recordWith()]);
    await store.close();
  });

  it('knows whether the life before ended without a close', async () => {
    const child = await otherProcess();
    child.kill('SIGKILL');
    await once(child, 'exit');
    for (const previousEndedUncleanly of [true, false]) {
      const store = await createSqliteRolloutStore({ dataDir: directory });
      expect(await store.beginLife()).toEqual({ previousEndedUncleanly });
      expect(await store.beginLife()).toEqual({ previousEndedUncleanly });
      await store.close();
    }
  });

  it('leaves the mark of a life to the gateways that begin one', async () => {
    const child = await otherProcess();
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await createSqliteRolloutStore({ dataDir: directory })).close();
    const store = await createSqliteRolloutStore({ dataDir: directory });
    expect(await store.beginLife()).toEqual({ previousEndedUncleanly: true });
    await store.close();
  });

  it('brings a store of the first schema up to date, with what had ended', async () => {
    const database = new DatabaseSync(join(directory, 'handoff.db'));
    database.exec(readFileSync(new URL('../../src/store/migrations/sqlite/0001-rollouts.sql', import.meta.url), 'utf8'));
    database.exec(
      `insert into rollouts values ('card-fraud', 'r1', 2, 'rolled-back', '1.4.0', '2.0.0', 'c', 'p', '{}', 0, 0, 5, 5, 'x', 1); pragma user_version = 1;`,
    );
    database.close();
    const store = await createSqliteRolloutStore({ dataDir: directory });
    expect(await store.load()).toMatchObject([{ rollout: 'r1', heldFor: null, signal: null, stepElapsedMs: 0, acceptance: '{"criteria":[],"faults":[]}' }]);
    expect(await store.ended('card-fraud')).toEqual([{ rollout: 'r1', candidateDigest: 'c', planDigest: 'p', attempt: 2, outcome: 'rolled-back' }]);
    await store.close();
  });

  it('can be read beside a running gateway', async () => {
    const store = await createSqliteRolloutStore({ dataDir: directory });
    const record = recordWith();
    await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
    const reader = new DatabaseSync(join(directory, 'handoff.db'), { readOnly: true });
    expect(reader.prepare('select model from rollouts').all()).toEqual([{ model: 'card-fraud' }]);
    reader.close();
    await store.close();
  });

  it.each(["update ledger set body = '{}'", 'delete from ledger'])('forbids "%s"', async (sql) => {
    await saveOne(1);
    const database = new DatabaseSync(join(directory, 'handoff.db'));
    expect(() => database.exec(sql)).toThrow('append-only');
    database.close();
  });

  it('keeps a write-ahead log', async () => {
    await saveOne(1);
    const database = new DatabaseSync(join(directory, 'handoff.db'));
    expect(database.prepare('pragma journal_mode').get()).toEqual({ journal_mode: 'wal' });
    database.close();
  });

  it('refuses a database of a newer schema', async () => {
    await saveOne(1);
    const database = new DatabaseSync(join(directory, 'handoff.db'));
    database.exec('pragma user_version = 99');
    database.close();
    await expect(createSqliteRolloutStore({ dataDir: directory })).rejects.toThrow('written by a newer one');
  });

  it('refuses a directory that cannot be made', async () => {
    const file = join(directory, 'file');
    await writeFile(file, '');
    const opening = createSqliteRolloutStore({ dataDir: join(file, 'data') });
    await expect(opening).rejects.toThrow(DataDirectoryUnusableError);
    await expect(opening).rejects.toThrow(`the data directory ${file}/data cannot be opened: ENOTDIR: not a directory, mkdir`);
  });

  it('refuses a database that is none that can be opened', async () => {
    await mkdir(join(directory, 'handoff.db'));
    await expect(createSqliteRolloutStore({ dataDir: directory })).rejects.toThrow(DataDirectoryUnusableError);
  });
});
