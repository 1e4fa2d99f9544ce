// Does with a store on the small disk of the first argument what the lines of standard input say, and tells how each came out.
import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

const directory = process.argv[2] ?? '';
const dataDir = join(directory, 'data');
const reserveBytes = 2 ** 20;
const say = (line: string): void => void process.stdout.write(`${line}\n`);
const open = () => createSqliteRolloutStore({ dataDir, reserveBytes, keepReserveAfterMs: 1, onDiskFull: () => say('reserve given') });
let store = await open();
let revision = 0;
say('opened');

const save = async (): Promise<string> => {
  const record = recordWith({ revision: revision + 1 });
  const saved = await store.save({ record, expectedRevision: revision === 0 ? null : revision, decision: decisionFor(record) });
  revision += 1;
  return saved;
};

const reserveSize = (): number => {
  try {
    return statSync(join(dataDir, 'reserve')).size;
  } catch {
    return 0;
  }
};

const awaitReserve = async (): Promise<string> => {
  while (reserveSize() < reserveBytes) await pause(5);
  return 'reserve is there';
};

const fill = (): string => {
  const file = openSync(join(directory, 'others'), 'a');
  const page = Buffer.alloc(4_096, 1);
  try {
    for (;;) writeSync(file, page);
  } catch {
    return 'full';
  } finally {
    closeSync(file);
  }
};

const reopen = async (): Promise<string> => {
  store = await open();
  return `reopened at ${(await store.load())[0]?.revision}`;
};

const actions: Readonly<Record<string, () => string | Promise<string>>> = {
  save,
  'wait for the reserve': awaitReserve,
  'fill the disk': fill,
  reopen: async () => {
    await store.close();
    return reopen();
  },
  'fill the disk once the store is closed, and open it': async () => {
    await store.close();
    fill();
    return reopen();
  },
};

for await (const line of createInterface({ input: process.stdin })) say(await Promise.resolve(actions[line]?.()).then(String, String));
await store.close();
