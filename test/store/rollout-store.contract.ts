import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/ledger/canonical-json.ts';
import { verifyChain } from '../../src/ledger/verify-chain.ts';
import type { RolloutRecord, RolloutStore } from '../../src/store/rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

/** The suite that every driver of the port passes. `open` gives a store with nothing in it. */
export const rolloutStoreContract = (driver: string, open: () => Promise<RolloutStore>): void => {
  describe(`${driver} as a rollout store`, () => {
    let store: RolloutStore;
    beforeEach(async () => {
      store = await open();
    });
    afterEach(() => store.close());

    const saveNext = async (expectedRevision: number | null, changes: Partial<RolloutRecord>) => {
      const record = recordWith(changes);
      return store.save({ record, expectedRevision, decision: decisionFor(record) });
    };

    it('is empty at first', async () => {
      expect(await store.load()).toEqual([]);
      expect(await store.decisions({ model: 'card-fraud', limit: 10 })).toEqual([]);
    });

    it('gives back every field of a record and of its decision', async () => {
      const record = recordWith({ phase: 'paused', weightHundredths: 1234, step: 3, attempt: 2, epoch: 9, revision: 7 });
      const decision = decisionFor(record, { fromWeightHundredths: 1000 });
      expect(await store.save({ record, expectedRevision: null, decision })).toBe('saved');
      expect(await store.load()).toEqual([record]);
      expect(await store.decisions({ model: 'card-fraud', limit: 10 })).toEqual([{ ...decision, sequence: expect.any(Number) }]);
    });

    it('replaces a record whose revision is the expected one', async () => {
      await saveNext(null, {});
      expect(await saveNext(1, { revision: 2, epoch: 2, phase: 'paused', weightHundredths: 1000 })).toBe('saved');
      expect(await store.load()).toEqual([recordWith({ revision: 2, epoch: 2, phase: 'paused', weightHundredths: 1000 })]);
    });

    it.each([
      { title: 'an older revision', expectedRevision: 1 },
      { title: 'a newer revision', expectedRevision: 3 },
      { title: 'no record', expectedRevision: null },
    ])('answers conflict and changes nothing when $title is expected', async ({ expectedRevision }) => {
      await saveNext(null, {});
      await saveNext(1, { revision: 2 });
      expect(await saveNext(expectedRevision, { revision: 9, weightHundredths: 5000 })).toBe('conflict');
      expect(await store.load()).toEqual([recordWith({ revision: 2 })]);
      expect(await store.decisions({ model: 'card-fraud', limit: 10 })).toHaveLength(2);
    });

    it('answers conflict when a record is expected that was never there', async () => {
      expect(await saveNext(1, { revision: 2 })).toBe('conflict');
      expect(await store.load()).toEqual([]);
      expect(await store.decisions({ model: 'card-fraud', limit: 10 })).toEqual([]);
    });

    it('lets one of many writers with the same expectation win', async () => {
      await saveNext(null, {});
      const results = await Promise.all(Array.from({ length: 20 }, (_, index) => saveNext(1, { revision: 2, weightHundredths: index })));
      expect(results.filter((result) => result === 'saved')).toHaveLength(1);
      const [kept] = await store.load();
      expect(kept?.weightHundredths).toBe(results.indexOf('saved'));
      expect(await store.decisions({ model: 'card-fraud', limit: 50 })).toHaveLength(2);
    });

    it('keeps the record as it was when its decision cannot be written', async () => {
      await saveNext(null, {});
      const record = recordWith({ revision: 2, weightHundredths: 5000 });
      const broken = { ...decisionFor(record), actor: null as unknown as string };
      await expect(store.save({ record, expectedRevision: 1, decision: broken })).rejects.toThrow();
      expect(await store.load()).toEqual([recordWith()]);
      expect(await saveNext(1, { revision: 2 })).toBe('saved');
    });

    it('keeps models apart', async () => {
      await saveNext(null, {});
      await saveNext(null, { model: 'search-ranker' });
      expect((await store.load()).map((record) => record.model)).toEqual(['card-fraud', 'search-ranker']);
      expect((await store.decisions({ model: 'search-ranker', limit: 10 })).map((decision) => decision.model)).toEqual(['search-ranker']);
    });

    it('lists decisions newest first, a page at a time', async () => {
      await saveNext(null, { revision: 1 });
      for (let revision = 2; revision <= 5; revision += 1) await saveNext(revision - 1, { revision });
      const newest = await store.decisions({ model: 'card-fraud', limit: 2 });
      expect(newest.map((decision) => decision.revision)).toEqual([5, 4]);
      const before = newest.at(-1)?.sequence ?? 0;
      const older = await store.decisions({ model: 'card-fraud', limit: 10, before });
      expect(older.map((decision) => decision.revision)).toEqual([3, 2, 1]);
    });

    const progress = { stepElapsedMs: 4_000, bakeElapsedMs: 70 };
    const rollout = recordWith().rollout;

    it('gives back where a rollout stands in its step', async () => {
      const record = recordWith({
        phase: 'held',
        heldFor: 'sample-ratio',
        signal: 'feature-lag',
        stepElapsedMs: 7,
        stepStartUnits: 12,
        bakeElapsedMs: 9,
        acceptance: '{"criteria":[1]}',
        baselineDigest: 'b'.repeat(64),
      });
      await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
      expect(await store.load()).toEqual([record]);
    });

    it('keeps clocks and evidence without a new revision', async () => {
      await saveNext(null, {});
      expect(await store.loadProgress({ model: 'card-fraud', rollout })).toEqual({ progress: { stepElapsedMs: 0, bakeElapsedMs: 0 }, evidence: null });
      for (const evidence of ['first', 'second']) {
        expect(await store.saveProgress({ model: 'card-fraud', rollout, expectedRevision: 1, progress, evidence })).toBe('saved');
        expect(await store.loadProgress({ model: 'card-fraud', rollout })).toEqual({ progress, evidence });
      }
      expect(await store.load()).toEqual([recordWith({ ...progress })]);
      expect(await store.decisions({ model: 'card-fraud', limit: 10 })).toHaveLength(1);
      await store.saveProgress({ model: 'card-fraud', rollout, expectedRevision: 1, progress, evidence: null });
      expect(await store.loadProgress({ model: 'card-fraud', rollout })).toEqual({ progress, evidence: null });
    });

    it.each([
      { title: 'another revision', change: { expectedRevision: 2 } },
      { title: 'another rollout', change: { rollout: 'other' } },
      { title: 'another model', change: { model: 'search-ranker' } },
    ])('answers conflict and keeps clocks and evidence when $title is expected', async ({ change }) => {
      await saveNext(null, {});
      expect(await store.saveProgress({ model: 'card-fraud', rollout, expectedRevision: 1, progress, evidence: 'x', ...change })).toBe('conflict');
      expect(await store.loadProgress({ model: 'card-fraud', rollout })).toEqual({ progress: { stepElapsedMs: 0, bakeElapsedMs: 0 }, evidence: null });
    });

    it('keeps neither when the clocks cannot be kept', async () => {
      await saveNext(null, {});
      const broken = { ...progress, stepElapsedMs: -1 };
      await expect(store.saveProgress({ model: 'card-fraud', rollout, expectedRevision: 1, progress: broken, evidence: 'x' })).rejects.toThrow();
      expect(await store.loadProgress({ model: 'card-fraud', rollout })).toMatchObject({ evidence: null });
    });

    it('gives the evidence of an earlier rollout to no later one', async () => {
      await saveNext(null, {});
      await store.saveProgress({ model: 'card-fraud', rollout, expectedRevision: 1, progress, evidence: 'old' });
      await saveNext(1, { revision: 2, rollout: 'next' });
      expect(await store.loadProgress({ model: 'card-fraud', rollout: 'next' })).toMatchObject({ evidence: null });
      expect(await store.loadProgress({ model: 'card-fraud', rollout })).toBeNull();
    });

    it('remembers every rollout that ended, once each', async () => {
      await saveNext(null, {});
      await saveNext(1, { revision: 2, phase: 'rolled-back' });
      await saveNext(2, { revision: 3, phase: 'rolled-back', reason: 'a note' });
      await saveNext(3, { revision: 4, rollout: 'second', attempt: 2, phase: 'progressing' });
      await saveNext(4, { revision: 5, rollout: 'second', attempt: 2, phase: 'promoted' });
      await saveNext(null, { model: 'search-ranker', rollout: 'other', phase: 'promoted' });
      const digests = { candidateDigest: 'c'.repeat(64), planDigest: 'p'.repeat(64) };
      expect(await store.ended('card-fraud')).toEqual([
        { ...digests, rollout, attempt: 1, outcome: 'rolled-back' },
        { ...digests, rollout: 'second', attempt: 2, outcome: 'promoted' },
      ]);
      expect(await store.ended('search-ranker')).toHaveLength(1);
    });

    it('gives one answer for the life before in all of a life', async () => {
      expect(await store.beginLife()).toEqual({ previousEndedUncleanly: false });
      expect(await store.beginLife()).toEqual({ previousEndedUncleanly: false });
    });

    /** Whether the chain that the store gives holds; without its key. */
    const verdict = async () => {
      const entries = await store.ledger.following({ after: 0, limit: 1_000 });
      return verifyChain(entries.map(canonicalJson), { keys: null, head: await store.ledger.head() });
    };

    it('seals each decision with the state that it led to', async () => {
      const record = recordWith({ phase: 'paused', weightHundredths: 1234, step: 3, attempt: 2, epoch: 9, revision: 7 });
      await store.save({ record, expectedRevision: null, decision: decisionFor(record, { fromWeightHundredths: 1000 }) });
      const { candidateDigest, planDigest } = record;
      expect(await store.ledger.page({ limit: 10 })).toEqual([
        {
          format: 1,
          sequence: 1,
          at: '2026-01-01T00:00:00.123Z',
          model: 'card-fraud',
          rollout: record.rollout,
          kind: 'decision',
          body: {
            move: 'set-weight',
            actor: 'someone',
            reason: record.reason,
            fromWeightHundredths: 1000,
            toWeightHundredths: 1234,
            epoch: 9,
            revision: 7,
            migrated: false,
            state: { attempt: 2, phase: 'paused', baseline: '1.4.0', candidate: '2.0.0', candidateDigest, planDigest, step: 3 },
          },
          prevHash: '0'.repeat(64),
          keyId: store.ledger.keyId,
          hash: expect.stringMatching(/^[0-9a-f]{64}$/),
          mac: expect.stringMatching(/^[0-9a-f]{64}$/),
        },
      ]);
    });

    it('has no head at first, then that of the newest entry of all models', async () => {
      expect(await store.ledger.head()).toBeNull();
      await saveNext(null, {});
      await saveNext(null, { model: 'search-ranker' });
      const [newest] = await store.ledger.page({ limit: 1 });
      expect(newest).toMatchObject({ sequence: 2, model: 'search-ranker' });
      expect(await store.ledger.head()).toEqual({ sequence: 2, hash: newest?.hash });
    });

    it('makes one chain of the decisions of all models, also when many are saved at once', async () => {
      const models = Array.from({ length: 20 }, (_, index) => `model-${index}`);
      await Promise.all(models.map((model) => saveNext(null, { model })));
      await Promise.all(models.map((model) => saveNext(1, { model, revision: 2 })));
      expect(await verdict()).toMatchObject({ verifies: true, entries: 40 });
    });

    it('adds nothing to the ledger for a conflict or a failure', async () => {
      await saveNext(null, {});
      await saveNext(9, { revision: 10 });
      const record = recordWith({ revision: 2 });
      await expect(store.save({ record, expectedRevision: 1, decision: decisionFor(record, { reason: 'half a pair \ud800' }) })).rejects.toThrow('surrogate');
      expect(await store.load()).toEqual([recordWith()]);
      expect(await verdict()).toMatchObject({ verifies: true, entries: 1 });
    });

    it('gives the ledger in pages: of one model or of all, newest first or in order', async () => {
      await saveNext(null, {});
      for (let revision = 2; revision <= 4; revision += 1) await saveNext(revision - 1, { revision });
      await saveNext(null, { model: 'search-ranker' });
      const sequences = (entries: readonly { readonly sequence: number }[]) => entries.map(({ sequence }) => sequence);
      expect(sequences(await store.ledger.page({ limit: 2 }))).toEqual([5, 4]);
      expect(sequences(await store.ledger.page({ limit: 2, before: 4 }))).toEqual([3, 2]);
      expect(sequences(await store.ledger.page({ model: 'card-fraud', limit: 2 }))).toEqual([4, 3]);
      expect(sequences(await store.ledger.page({ model: 'search-ranker', limit: 2 }))).toEqual([5]);
      expect(sequences(await store.ledger.following({ after: 0, limit: 3 }))).toEqual([1, 2, 3]);
      expect(sequences(await store.ledger.following({ after: 3, limit: 3 }))).toEqual([4, 5]);
      expect(await store.ledger.following({ after: 5, limit: 3 })).toEqual([]);
    });

    it('remembers which bundle stood behind a name, one entry a change', async () => {
      const of = (digest: string, servedFromMs: number, version = '1.4.0') => ({
        model: 'card-fraud',
        version,
        digest,
        contractId: 'features',
        contractVersion: '1.0.0',
        files: [{ name: 'model.onnx', sha256: 'ab' }],
        keyHint: digest === 'a' ? 'hint' : null,
        servedFromMs,
      });
      for (const bundle of [of('a', 1), of('a', 2), of('c', 3, '2.0.0'), of('b', 4), of('a', 5)]) await store.servedBundles.record(bundle);
      expect(await store.servedBundles.history({ model: 'card-fraud', version: '1.4.0' })).toEqual([of('a', 1), of('b', 4), of('a', 5)]);
      expect(await store.servedBundles.history({ model: 'search-ranker', version: '1.4.0' })).toEqual([]);
    });

    it('finishes the writes that are under way when it closes, and refuses later ones', async () => {
      const saving = saveNext(null, {});
      const closing = store.close();
      expect(await saving).toBe('saved');
      await closing;
      await store.close();
      await expect(store.load()).rejects.toThrow('closed');
    });
  });
};
