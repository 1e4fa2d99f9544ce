import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { outcomeDigest } from '../../src/data-plane/outcomes/outcome-digest.ts';
import type { PostedOutcome } from '../../src/store/outcome-store.ts';
import type { RolloutRecord, RolloutStore } from '../../src/store/rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

const hourMs = 3_600_000;
const { rollout } = recordWith();

/** An outcome of the unit `name`, with changes to its count. */
const unit = (name: string, changes: Partial<NonNullable<PostedOutcome['count']>> = {}): PostedOutcome => ({
  digest: outcomeDigest(name, 900 * hourMs),
  expiresAtMs: 900 * hourMs,
  rollout,
  outcome: 'caught',
  count: { bucket: 700, w: 0.1, arm: 'candidate', source: 'unit', value: 100, ...changes },
  firstEvent: null,
});

const firstEvent = (keyHash: string, { bucket, arm = 'baseline' }: { readonly bucket: number; readonly arm?: 'baseline' | 'candidate' }): PostedOutcome => ({
  ...unit(`${keyHash} at ${bucket}`, { source: 'later', bucket, arm }),
  firstEvent: { keyHash, bucket, arm, w: 0.25, assignedAtMs: bucket * hourMs },
});

const all = { rollout, outcome: 'caught', from: 0, to: 1_000 };

/** The suite that every driver passes for what it keeps of outcomes and of epochs. `open` gives a store with nothing in it. */
export const outcomeStoreContract = (driver: string, open: () => Promise<RolloutStore>): void => {
  describe(`${driver} as a store of outcomes`, () => {
    let store: RolloutStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    it('counts by bucket, probability, arm and value', async () => {
      const posted = [unit('a'), unit('b'), unit('c', { value: 0 }), unit('d', { arm: 'baseline' }), unit('e', { w: 0.2 }), unit('f', { bucket: 701 })];
      expect(await store.outcomes.record(posted)).toEqual(posted.map(() => true));
      const cell = { bucket: 700, w: 0.1, arm: 'candidate', value: 100 };
      expect(await store.outcomes.counts(all)).toEqual({
        units: [
          { ...cell, arm: 'baseline', count: 1 },
          { ...cell, value: 0, count: 1 },
          { ...cell, count: 2 },
          { ...cell, w: 0.2, count: 1 },
          { ...cell, bucket: 701, count: 1 },
        ],
        firstEvents: [],
      });
      expect((await store.outcomes.counts({ ...all, to: 700 })).units).toHaveLength(4);
      expect((await store.outcomes.counts({ ...all, outcome: 'other' })).units).toEqual([]);
    });

    it('keeps an outcome once: in one batch, in the next, and when many come together', async () => {
      expect(await store.outcomes.record([unit('a'), unit('a'), unit('b')])).toEqual([true, false, true]);
      expect(await store.outcomes.record([unit('b'), unit('c')])).toEqual([false, true]);
      const together = await Promise.all(Array.from({ length: 50 }, (_, index) => store.outcomes.record([unit('d'), unit(`only ${index}`)])));
      expect(together.filter(([isNew]) => isNew)).toHaveLength(1);
      expect(together.every(([, isNew]) => isNew)).toBe(true);
      expect((await store.outcomes.counts(all)).units).toMatchObject([{ count: 54 }]);
    });

    it('gives exact probabilities back', async () => {
      const w = 429_496_730 / 2 ** 32;
      await store.outcomes.record([unit('a', { w })]);
      expect((await store.outcomes.counts(all)).units[0]?.w).toBe(w);
    });

    it('counts only units: outcomes of later requests and of bare keys are for display', async () => {
      await store.outcomes.record([unit('a', { source: 'later' }), unit('b', { source: 'keyed' }), { ...unit('c'), count: null }]);
      expect((await store.outcomes.counts(all)).units).toEqual([]);
    });

    it('takes the earliest assigned event of a key for its first, in whatever order they come', async () => {
      await store.outcomes.record([firstEvent('k1', { bucket: 702 }), firstEvent('k2', { bucket: 700, arm: 'candidate' })]);
      await store.outcomes.record([firstEvent('k1', { bucket: 701 }), firstEvent('k2', { bucket: 703 }), firstEvent('k3', { bucket: 701 })]);
      expect((await store.outcomes.counts(all)).firstEvents).toEqual([
        { bucket: 700, w: 0.25, arm: 'candidate', count: 1 },
        { bucket: 701, w: 0.25, arm: 'baseline', count: 2 },
      ]);
    });

    it('takes an earlier event of a key for its first also when the key has been counted before', async () => {
      const ofKey = (bucket: number, value: 0 | 100): PostedOutcome => ({
        ...unit('k1', { source: 'keyed', bucket, value }),
        firstEvent: value === 0 ? null : { keyHash: 'k1', bucket, arm: 'candidate', w: 0.25, assignedAtMs: bucket * hourMs },
      });
      const isNew = [];
      for (const posted of [ofKey(700, 0), ofKey(703, 100), ofKey(701, 100), ofKey(702, 100)]) isNew.push(...(await store.outcomes.record([posted])));
      expect(isNew).toEqual([true, false, false, false]);
      expect(await store.outcomes.counts(all)).toEqual({ units: [], firstEvents: [{ bucket: 701, w: 0.25, arm: 'candidate', count: 1 }] });
    });

    it('takes no other value for a prediction than its first', async () => {
      const event: PostedOutcome = { ...firstEvent('k1', { bucket: 700 }), digest: unit('a').digest };
      expect(await store.outcomes.record([unit('a', { value: 0 }), event])).toEqual([true, false]);
      expect(await store.outcomes.counts(all)).toMatchObject({ units: [{ value: 0, count: 1 }], firstEvents: [] });
    });

    it('changes nothing when one outcome of a batch cannot be written', async () => {
      const broken = unit('b', { value: 101 });
      await expect(store.outcomes.record([unit('a'), broken])).rejects.toThrow();
      expect((await store.outcomes.counts(all)).units).toEqual([]);
      expect(await store.outcomes.record([unit('a')])).toEqual([true]);
    });

    it('drops what has expired, a part at a time, and then knows it no more', async () => {
      const late: PostedOutcome = { ...unit('late'), digest: outcomeDigest('late', 901 * hourMs), expiresAtMs: 901 * hourMs };
      const ofKey: PostedOutcome = { ...unit('k'), digest: outcomeDigest('k', null) };
      await saveRollout({ phase: 'progressing' });
      await store.outcomes.record([unit('a'), unit('b'), late, ofKey]);
      expect(await store.outcomes.prune({ nowMs: 900 * hourMs, limit: 1 })).toBe(false);
      expect(await store.outcomes.prune({ nowMs: 901 * hourMs, limit: 1 })).toBe(true);
      expect(await store.outcomes.prune({ nowMs: 901 * hourMs, limit: 10 })).toBe(false);
      expect(await store.outcomes.record([unit('a'), unit('b'), late, ofKey])).toEqual([true, true, false, true]);
    });

    it('keeps the counts of a live rollout however old, and drops those of one that is over', async () => {
      await saveRollout({ phase: 'baking' });
      await store.outcomes.record([unit('a'), firstEvent('k1', { bucket: 700 }), firstEvent('k2', { bucket: 700 })]);
      while (await store.outcomes.prune({ nowMs: 2_000 * hourMs, limit: 1 }));
      expect(await store.outcomes.counts(all)).toMatchObject({ units: [{ count: 1 }], firstEvents: [{ count: 2 }] });
      await saveRollout({ phase: 'rolled-back', revision: 2, epoch: 2 });
      while (await store.outcomes.prune({ nowMs: 2_000 * hourMs, limit: 1 }));
      expect(await store.outcomes.counts(all)).toEqual({ units: [], firstEvents: [] });
    });

    const saveRollout = async (changes: Partial<RolloutRecord>, move = 'set-weight'): Promise<void> => {
      const record = recordWith(changes);
      const expectedRevision = record.revision === 1 ? null : record.revision - 1;
      expect(await store.save({ record, expectedRevision, decision: decisionFor(record, { move }) })).toBe('saved');
    };

    it('keeps every assignment that was in force', async () => {
      const plan = '{"steps":[],"routingKey":{"header":"x-routing-key"}}';
      const next = (revision: number, changes: Partial<RolloutRecord>) => ({ plan, revision, epoch: revision, changedAtMs: revision * 1_000, ...changes });
      await saveRollout(next(1, { phase: 'paused', weightHundredths: 100 }));
      await saveRollout(next(2, { phase: 'paused', weightHundredths: 1_000 }));
      await saveRollout(next(3, { phase: 'held', heldFor: 'signal', signal: 'lag', weightHundredths: 1_000 }));
      await saveRollout(next(4, { phase: 'paused', weightHundredths: 1_000 }), 'candidate-unavailable');
      await saveRollout(next(5, { phase: 'paused', weightHundredths: 2_000 }));
      await saveRollout(next(6, { phase: 'paused', weightHundredths: 2_000 }), 'available');
      await saveRollout(next(7, { phase: 'promoted', weightHundredths: 10_000 }));
      await saveRollout(next(8, { rollout: 'second', phase: 'paused', weightHundredths: 300, plan: '{"steps":[]}' }));
      const at = (epoch: number, weightHundredths: number, of: string | null = rollout) => ({
        epoch,
        rollout: of,
        weightHundredths,
        keyed: of !== 'second',
        fromMs: epoch * 1_000,
      });
      expect(await store.epochs('card-fraud')).toEqual([
        at(1, 100),
        at(2, 1_000),
        at(3, 0),
        at(4, 0, null),
        at(5, 0, null),
        at(6, 2_000),
        at(7, 0, null),
        at(8, 300, 'second'),
      ]);
      expect(await store.epochs('search-ranker')).toEqual([]);
    });

    it('keeps no assignment of a save that conflicts', async () => {
      await saveRollout({});
      const record = recordWith({ revision: 3, epoch: 3 });
      expect(await store.save({ record, expectedRevision: 2, decision: decisionFor(record) })).toBe('conflict');
      expect(await store.epochs('card-fraud')).toHaveLength(1);
    });
  });
};
