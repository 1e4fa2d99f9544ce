import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

const hold = { model: 'card-fraud', version: '2.0.0', signal: 'feature-lag', sinceMs: 5, page: null };
const page = { lane: 'page:page-1', event: '{"id":"page-1"}', atMs: 6 };
const end = { lane: 'page:page-1', event: '{"id":"page-1-resolved"}', atMs: 7 };

/** The part of the store's suite about what waits for the webhook. `open` gives a store; `reopen` closes it and opens it again. */
export const outboxContract = (
  driver: string,
  { open, reopen }: { open: () => Promise<RolloutStore>; reopen: (store: RolloutStore) => Promise<RolloutStore> },
): void => {
  describe(`${driver} as an outbox`, () => {
    let store: RolloutStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    const save = (revision: number, rollout = 'rollout-1') => {
      const record = recordWith({ model: `model of ${rollout}`, rollout, revision });
      return store.save({ record, expectedRevision: revision === 1 ? null : revision - 1, decision: decisionFor(record, { move: `move-${revision}` }) });
    };

    it('is empty at first, and takes nothing without a webhook', async () => {
      await save(1);
      await store.outbox.keepHold(hold, page);
      await store.outbox.dropHold(hold, end);
      expect(await store.outbox.heads()).toEqual([]);
      expect(await store.outbox.backlog()).toEqual({ events: 0, oldestMs: null });
      expect(await store.outbox.holds()).toEqual([]);
    });

    it('takes a decision with its change, and none without', async () => {
      await store.outbox.setWebhook(true);
      expect([await save(1), await save(7)]).toEqual(['saved', 'conflict']);
      const [first, ...others] = await store.outbox.heads();
      expect(others).toEqual([]);
      expect(await store.outbox.read(first?.position ?? 0)).toMatchObject({ kind: 'decision', entry: { sequence: 1, body: { move: 'move-1' } } });
      expect(await store.outbox.backlog()).toEqual({ events: 1, oldestMs: recordWith().changedAtMs });
    });

    it('gives the first event of every lane, oldest first, and the next when it is taken out', async () => {
      await store.outbox.setWebhook(true);
      for (const [revision, rollout] of [
        [1, 'rollout-1'],
        [2, 'rollout-1'],
        [1, 'rollout-2'],
      ] as const)
        await save(revision, rollout);
      const heads = await store.outbox.heads();
      expect(heads.map(({ lane }) => lane)).toEqual(['rollout-1', 'rollout-2']);
      const [{ position } = { position: 0 }] = heads;
      await store.outbox.remove(position);
      await store.outbox.remove(position);
      expect(await store.outbox.read(position)).toBeNull();
      const next = (await store.outbox.heads()).find(({ lane }) => lane === 'rollout-1');
      expect(await store.outbox.read(next?.position ?? 0)).toMatchObject({ entry: { body: { move: 'move-2' } } });
      expect(await store.outbox.backlog()).toMatchObject({ events: 2 });
    });

    it('keeps what it has when the webhook goes, and takes no more', async () => {
      await store.outbox.setWebhook(true);
      await save(1);
      await store.outbox.setWebhook(false);
      await save(2);
      expect(await store.outbox.backlog()).toMatchObject({ events: 1 });
    });

    it('keeps holds and what waits over a reopening, and drops a hold once', async () => {
      await store.outbox.setWebhook(true);
      await save(1);
      await store.outbox.keepHold(hold, null);
      await store.outbox.keepHold({ ...hold, page: 'page-1' }, page);
      store = await reopen(store);
      expect(await store.outbox.holds()).toEqual([{ ...hold, page: 'page-1' }]);
      const notice = (await store.outbox.heads()).find(({ lane }) => lane === page.lane);
      expect(await store.outbox.read(notice?.position ?? 0)).toEqual({ kind: 'notice', event: page.event });
      await store.outbox.dropHold(hold, end);
      await store.outbox.dropHold(hold, end);
      expect(await store.outbox.backlog()).toEqual({ events: 3, oldestMs: recordWith().changedAtMs });
    });
  });
};
