import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, copyFile, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { LedgerEntry, LedgerHead } from '../../src/ledger/ledger-entry.ts';
import { deriveLedgerKey, parseSecret } from '../../src/ledger/ledger-key.ts';
import { verifyChain } from '../../src/ledger/verify-chain.ts';
import { LedgerDamagedError, openLedgerReader } from '../../src/store/sqlite-ledger-reader.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { ledgerKey, ledgerSecret } from '../support/ledger-lines.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

let directory = '';
let children: ChildProcess[] = [];
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-ledger-'));
});
afterEach(async () => {
  for (const child of children) child.kill('SIGKILL');
  children = [];
  await rm(directory, { recursive: true, force: true });
});

const path = (name: string): string => join(directory, name);

const ownKey = async () => {
  const key = deriveLedgerKey(parseSecret(await readFile(path('ledger.key'), 'utf8')) ?? Buffer.alloc(0));
  return new Map([[key.id, key]]);
};

/** Verifies what is in the file, beside whoever writes it. */
const verifyFile = async (head: LedgerHead | null = null) => {
  const reader = openLedgerReader(directory);
  try {
    return await verifyChain(reader.lines(), { keys: await ownKey(), head });
  } finally {
    reader.close();
  }
};

const save = async (revisions: readonly number[], options: { readonly ledgerSecret?: Uint8Array; readonly onEntry?: (entry: LedgerEntry) => void } = {}) => {
  const store = await createSqliteRolloutStore({ dataDir: directory, ...options });
  for (const revision of revisions) {
    const record = recordWith({ revision });
    expect(await store.save({ record, expectedRevision: revision === 1 ? null : revision - 1, decision: decisionFor(record) })).toBe('saved');
  }
  await store.close();
};

describe('the ledger in the file', () => {
  it('verifies beside a running gateway and after it', async () => {
    const store = await createSqliteRolloutStore({ dataDir: directory });
    const record = recordWith();
    await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
    expect(await verifyFile(await store.ledger.head())).toMatchObject({ verifies: true, entries: 1, authenticated: true });
    await store.close();
    expect(await verifyFile()).toMatchObject({ verifies: true, entries: 1 });
  });

  it('goes on where it stood when the gateway starts again', async () => {
    const heard: number[] = [];
    await save([1, 2]);
    await save([3, 4], { onEntry: ({ sequence }) => heard.push(sequence) });
    expect(heard).toEqual([3, 4]);
    expect(await verifyFile()).toMatchObject({ verifies: true, entries: 4 });
  });

  it('is told entry by entry, before the save that made it is answered', async () => {
    const events: unknown[] = [];
    const store = await createSqliteRolloutStore({ dataDir: directory, onEntry: (entry) => events.push(entry.sequence) });
    const record = recordWith();
    const change = { record, expectedRevision: null, decision: decisionFor(record) };
    await store.save(change).then((result) => events.push(result));
    await store.save(change).then((result) => events.push(result));
    expect(events).toEqual([1, 'saved', 'conflict']);
    await store.close();
  });

  it('can be copied and read where nothing can be written', async () => {
    await save([1, 2]);
    const copy = path('copy');
    await mkdir(copy);
    await copyFile(path('handoff.db'), join(copy, 'handoff.db'));
    await chmod(copy, 0o500);
    const reader = openLedgerReader(copy);
    expect([...reader.lines()]).toHaveLength(2);
    reader.close();
    await chmod(copy, 0o700);
  });

  it('is not read from a folder without a database, or from a database of before', async () => {
    expect(() => openLedgerReader(directory)).toThrow('there is no handoff.db');
    new DatabaseSync(path('handoff.db')).close();
    expect(() => openLedgerReader(directory)).toThrow('has no ledger yet');
  });

  it('is damaged when the file is no database any more', async () => {
    await writeFile(path('handoff.db'), 'not a database, but long enough to be looked at as one'.repeat(100));
    expect(() => openLedgerReader(directory)).toThrow(LedgerDamagedError);
  });
});

describe('who writes to the file itself', () => {
  const tamper = (sql: string): void => {
    const database = new DatabaseSync(path('handoff.db'));
    database.exec(
      'pragma ignore_check_constraints = on; drop trigger ledger_has_no_gap; drop trigger ledger_entries_are_never_changed; drop trigger ledger_entries_are_never_removed;',
    );
    database.exec(sql);
    database.close();
  };

  it.each([
    { what: 'changes a body', sql: `update ledger set body = replace(body, 'someone', 'anyone!') where sequence = 2`, sequence: 2, fault: 'changed' },
    { what: 'writes a body otherwise', sql: `update ledger set body = replace(body, '":', '": ') where sequence = 2`, sequence: 2, fault: 'malformed' },
    {
      what: 'puts members into a body',
      sql: `update ledger set body = body || ',"at":"2020-01-01T00:00:00.000Z"' where sequence = 2`,
      sequence: 2,
      fault: 'malformed',
    },
    { what: 'changes a time', sql: `update ledger set at = '2020-01-01T00:00:00.000Z' where sequence = 1`, sequence: 1, fault: 'changed' },
    { what: 'removes an entry', sql: 'delete from ledger where sequence = 2', sequence: 2, fault: 'out-of-place' },
    { what: 'changes a number', sql: 'update ledger set sequence = 9 where sequence = 2', sequence: 2, fault: 'out-of-place' },
    {
      what: 'exchanges two numbers',
      sql: 'update ledger set sequence = 9 where sequence = 2; update ledger set sequence = 2 where sequence = 3; update ledger set sequence = 3 where sequence = 9',
      sequence: 2,
      fault: 'unlinked',
    },
    { what: 'cuts the tail', sql: 'delete from ledger where sequence > 1', sequence: 2, fault: 'cut' },
  ])('is found out when it $what', async ({ sql, sequence, fault }) => {
    let head: LedgerHead | null = null;
    await save([1, 2, 3], {
      onEntry: (entry) => {
        head = { sequence: entry.sequence, hash: entry.hash };
      },
    });
    tamper(sql);
    expect(await verifyFile(head)).toMatchObject({ verifies: false, sequence, fault });
  });

  it('cannot leave a gap while the triggers are there', async () => {
    await save([1]);
    const database = new DatabaseSync(path('handoff.db'));
    expect(() => database.exec('insert into ledger select 3, format, at, model, rollout, kind, body, prev_hash, key_id, hash, mac from ledger')).toThrow(
      'no gap',
    );
    expect(() => database.exec('insert or replace into ledger select * from ledger')).toThrow('no gap');
    database.close();
  });
});

describe('the key', () => {
  it('is made once, for the owner alone, and kept', async () => {
    await save([1]);
    const made = await readFile(path('ledger.key'), 'utf8');
    expect(made).toMatch(/^[0-9a-f]{64}\n$/);
    expect((await stat(path('ledger.key'))).mode & 0o777).toBe(0o600);
    await save([2]);
    expect(await readFile(path('ledger.key'), 'utf8')).toBe(made);
  });

  it('is that of the setting when there is one, and no file is made', async () => {
    await save([1], { ledgerSecret: Buffer.from(ledgerSecret, 'hex') });
    await expect(stat(path('ledger.key'))).rejects.toThrow('ENOENT');
    const reader = openLedgerReader(directory);
    expect(await verifyChain(reader.lines(), { keys: new Map([[ledgerKey.id, ledgerKey]]), head: null })).toMatchObject({ verifies: true, entries: 1 });
    reader.close();
  });

  it('that is none keeps the store from opening, and nothing is sealed with another', async () => {
    await writeFile(path('ledger.key'), 'not a key');
    await expect(createSqliteRolloutStore({ dataDir: directory })).rejects.toThrow('ledger.key holds no key, expected 64 hexadecimal digits');
    await expect(stat(path('handoff.db'))).rejects.toThrow('ENOENT');
  });
});

describe('a database from before the chain', () => {
  const moves = ['accept', 'set-weight', 'candidate-unavailable'];

  const makeOld = async (breaking = ''): Promise<void> => {
    const database = new DatabaseSync(path('handoff.db'));
    database.exec(await readFile(new URL('../../src/store/migrations/sqlite/0001-rollouts.sql', import.meta.url), 'utf8'));
    const insert = database.prepare('insert into decisions values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)');
    // The numbers had a gap: they were given by the database.
    for (const [index, move] of moves.entries())
      insert.run(index * 2 + 1, 'card-fraud', 'r-1', move, 'olga', `reason ${index}`, 1_700_000_000_000 + index, 0, index * 100, index + 1, index + 1);
    database.exec(`${breaking} pragma user_version = 1;`);
    database.close();
  };

  it('is chained in its order, with its own times, and marked', async () => {
    await makeOld();
    const store = await createSqliteRolloutStore({ dataDir: directory });
    const entries = await store.ledger.following({ after: 0, limit: 10 });
    expect(entries.map(({ sequence, at, body }) => ({ sequence, at, body }))).toEqual(
      moves.map((move, index) => ({
        sequence: index + 1,
        at: `2023-11-14T22:13:20.00${index}Z`,
        body: {
          move,
          actor: 'olga',
          reason: `reason ${index}`,
          fromWeightHundredths: 0,
          toWeightHundredths: index * 100,
          epoch: index + 1,
          revision: index + 1,
          migrated: true,
        },
      })),
    );
    expect((await store.decisions({ model: 'card-fraud', limit: 10 })).map(({ move, atMs }) => ({ move, atMs }))).toEqual(
      moves.map((move, index) => ({ move, atMs: 1_700_000_000_000 + index })).reverse(),
    );
    await store.close();
    await save([1]);
    expect(await verifyFile()).toMatchObject({ verifies: true, entries: 4 });
  });

  it('is left as it was when a row cannot be sealed', async () => {
    await makeOld(`insert into decisions values (9, 'card-fraud', 'r-1', 'x', 'olga', 'x', 9e17, 0, 0, 1, 1);`);
    await expect(createSqliteRolloutStore({ dataDir: directory })).rejects.toThrow('cannot be opened');
    const database = new DatabaseSync(path('handoff.db'));
    expect(database.prepare('select count(*) as rows from decisions').get()).toEqual({ rows: 4 });
    expect(database.prepare('pragma user_version').get()).toEqual({ user_version: 1 });
    expect(database.prepare(`select count(*) as tables from sqlite_schema where name = 'ledger'`).get()).toEqual({ tables: 0 });
    database.close();
  });
});

const fixture = fileURLToPath(new URL('./save-in-a-loop.fixture.ts', import.meta.url));

const run = (command: string, args: readonly string[]): { readonly child: ChildProcess; readonly lines: () => string[] } => {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  children.push(child);
  let said = '';
  child.stdout.on('data', (chunk) => {
    said += chunk;
  });
  return { child, lines: () => said.split('\n').slice(0, -1) };
};

describe('a gateway that is killed while it writes', () => {
  it('leaves a chain that verifies with every head that it had told', { timeout: 30_000 }, async () => {
    for (const [life, told] of [5, 17, 40].entries()) {
      const { child, lines } = run(process.execPath, [fixture, directory, String(life)]);
      await expect.poll(() => lines().length, { timeout: 8_000, interval: 1 }).toBeGreaterThanOrEqual(told);
      child.kill('SIGKILL');
      await once(child, 'close');
      const [sequence, hash] = lines().at(-1)?.split(':') ?? [];
      expect(await verifyFile({ sequence: Number(sequence), hash: hash ?? '' })).toMatchObject({ verifies: true });
    }
    expect((await verifyFile()).verifies).toBe(true);
  });
});

describe('a disk that takes no more', () => {
  it('rejects the move and changes nothing: state, traffic, record and ledger stay', { timeout: 30_000 }, async () => {
    // The kernel refuses writes beyond this size of a file (RLIMIT_FSIZE), as a full disk does.
    const { child, lines } = run('/bin/sh', ['-c', 'ulimit -f 1024; exec "$0" "$1" "$2"', process.execPath, fixture, directory]);
    await once(child, 'close');
    const left = JSON.parse(lines().at(-1) ?? '{}');
    const heads = lines().slice(0, -1);
    expect(left.error).toContain('The store failed, and nothing was changed.');
    expect(left.after).toEqual(left.before);
    expect(heads.length).toBeGreaterThan(3);
    expect(`${left.head.sequence}:${left.head.hash}`).toBe(heads.at(-1));
    expect(left.record).toMatchObject({ revision: left.before.state.revision, weightHundredths: left.before.state.weight * 100 });
    expect(await verifyFile(left.head)).toMatchObject({ verifies: true, entries: heads.length });
  });
});
