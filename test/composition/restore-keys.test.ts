import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptanceSchema } from '../../src/bundle/acceptance.ts';
import { beginLife, type Life, type World } from '../support/live-rollouts.ts';
import { createRandom } from '../support/random.ts';
import { found, planFile } from '../support/rollout-files.ts';

let world: World;
let life: Life;

const acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [{ name: 'errors', metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] }],
});
const files = found(['1.4.0', '2.0.0'], [planFile({ routingKey: { header: 'x-user' }, steps: [{ setWeight: 50 }, { pause: {} }, { setWeight: 100 }] })]);
const withAcceptance = { ...files, versions: files.versions.map((version) => ({ ...version, acceptance })) };
const byHand = { reason: 'a try', actor: 'olga' };

beforeEach(async () => {
  world = { dataDir: await mkdtemp(join(tmpdir(), 'handoff-keys-')), random: createRandom(5), nowMs: 1_767_225_600_000, lives: 0, ids: 0 };
  life = await beginLife(world, withAcceptance);
  await life.control.move('card-fraud', { move: 'start' }, byHand);
  await life.second({ perSecond: 0 });
});
afterEach(async () => {
  await life.store.close();
  await rm(world.dataDir, { recursive: true, force: true });
});

const onDatabase = <Result>(use: (database: DatabaseSync) => Result): Result => {
  const database = new DatabaseSync(join(world.dataDir, 'handoff.db'));
  try {
    return use(database);
  } finally {
    database.close();
  }
};

const restart = async (between: (database: DatabaseSync) => void = () => undefined): Promise<void> => {
  await life.store.close();
  onDatabase(between);
  life = await beginLife(world, withAcceptance);
};

const evidenceOf = (users: readonly number[]) => users.map((user) => life.evidenceOf('card-fraud', user));
const verdicts = () => life.control.get('card-fraud').guardrails.map(({ verdict }) => verdict);

describe('the keys that a rollout has seen', () => {
  it('are known in the next life before its first request, and new keys count', async () => {
    expect(evidenceOf([1, 2])).toEqual(['unit', 'unit']);
    await life.second({ perSecond: 0 });
    for (const count of [0, 1, 2]) {
      await restart();
      expect(evidenceOf([1, 2, 10 + count])).toEqual(['later', 'later', 'unit']);
      await life.second({ perSecond: 0 });
    }
    expect(verdicts()).toEqual(['undecided']);
    expect(life.faults).toEqual([]);
  });

  it('are known also when the candidate was not there at the start', async () => {
    evidenceOf([1]);
    await life.second({ perSecond: 0 });
    await life.store.close();
    life = await beginLife(world, { ...withAcceptance, versions: withAcceptance.versions.slice(0, 1) });
    await life.second({ perSecond: 0 });
    await life.control.reconcile(withAcceptance);
    expect(evidenceOf([1, 2])).toEqual(['later', 'unit']);
  });

  it.each([
    { what: 'are not in the store', lose: 'delete from key_filters' },
    { what: 'are there in part', lose: 'delete from key_filter_chunks; delete from key_filter_entries' },
  ])('end the keyed evidence when they $what', async ({ lose }) => {
    // Enough for a snapshot of bits.
    await life.second({ perSecond: 70_000, users: 1_000_000 });
    await restart((database) => database.exec(lose));
    await life.second({ perSecond: 10, users: 10 });
    expect(verdicts()).toEqual(['not-measured']);
    expect(evidenceOf([2_000_000])).toEqual(['later']);
  });

  it('are dropped with the end of the rollout', async () => {
    evidenceOf([1, 2, 3]);
    await life.second({ perSecond: 0 });
    const rows = () =>
      onDatabase((database) =>
        ['key_filters', 'key_filter_entries'].map((table) => Number(database.prepare(`select count(*) as rows from ${table}`).get()?.rows)),
      );
    // Seen keys, and those of pairs and of the baseline's pairs with itself.
    expect(rows()).toEqual([3, 1]);
    await life.control.move('card-fraud', { move: 'rollback' }, byHand);
    expect(rows()).toEqual([0, 0]);
    await life.second({ perSecond: 0 });
    expect(rows()).toEqual([0, 0]);
  });
});
