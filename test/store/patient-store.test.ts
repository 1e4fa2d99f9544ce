import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createPatientStore } from '../../src/store/patient-store.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';

let folder = '';
let store: RolloutStore;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'handoff-patient-'));
  store = await createSqliteRolloutStore({ dataDir: folder });
});
afterEach(async () => {
  await store.close();
  await rm(folder, { recursive: true });
});

const limitMs = 20;
const record = recordWith();
const progress = {
  model: record.model,
  rollout: record.rollout,
  expectedRevision: record.revision,
  progress: { stepElapsedMs: 1, bakeElapsedMs: 0 },
  evidence: null,
};

/** A store whose answers come when they are let through. */
const createSlow = () => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = 0;
  const saveProgress: RolloutStore['saveProgress'] = async (change) => {
    asked += 1;
    await promise;
    return store.saveProgress(change);
  };
  return { patient: createPatientStore({ ...store, saveProgress }, limitMs), letThrough: resolve, asked: () => asked };
};

describe('a patient store', () => {
  it('answers as the store does, and fails as it does', async () => {
    const patient = createPatientStore(store, 5_000);
    expect(await patient.saveProgress(progress)).toBe('conflict');
    expect(await patient.save({ record, expectedRevision: null, decision: decisionFor(record) })).toBe('saved');
    expect(await patient.saveProgress(progress)).toBe('saved');
    await store.close();
    await expect(patient.saveProgress(progress)).rejects.toThrow('closed');
  });

  it('fails when the store hangs, at once while it still does, and works again when the answer came', async () => {
    await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
    const { patient, letThrough, asked } = createSlow();
    await expect(patient.saveProgress(progress)).rejects.toThrow('the store does not answer');
    await expect(patient.saveProgress(progress)).rejects.toThrow('the store does not answer');
    expect(asked()).toBe(1);
    letThrough();
    await expect.poll(() => patient.saveProgress(progress).catch(() => 'it hangs')).toBe('saved');
  });
});
