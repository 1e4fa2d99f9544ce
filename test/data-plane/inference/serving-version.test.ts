import { afterEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import type { Row } from '../../../src/data-plane/contract/compile-contract.ts';
import type { InferenceFailure } from '../../../src/data-plane/inference/inference-failure.ts';
import { openVersion } from '../../../src/data-plane/inference/open-version.ts';
import type { ServingVersion } from '../../../src/data-plane/inference/serving-version.ts';
import { livingWorkers } from '../../support/process-is-alive.ts';
import { brokenModel, createRecordingHooks, realBundle } from '../../support/real-bundles.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const monotonicMs = (): number => performance.now();
const opened: ServingVersion[] = [];

const open = async (bundle: Bundle): Promise<ServingVersion & { readonly restarts: readonly string[] }> => {
  const { hooks, restarts } = createRecordingHooks();
  const { version, faults } = await openVersion(bundle, { launcher, monotonicMs, hooks });
  if (version === null) throw new Error(JSON.stringify(faults));
  opened.push(version);
  return { ...version, restarts };
};

afterEach(async () => {
  await Promise.all(opened.splice(0).map((version) => version.close()));
  expect(livingWorkers()).toEqual([]);
});

const farMs = 30_000;
const rowsOf = ({ bundle }: ServingVersion, index = 0): readonly Row[] => bundle.golden[index]?.golden.request.inputs ?? [];
const predict = (version: ServingVersion, rows: readonly Row[], timeoutMs = farMs) =>
  version.predict({ rows, deadlineMs: monotonicMs() + timeoutMs, span: null });
const reasonOf = (answer: Promise<unknown>): Promise<string> =>
  answer.then(
    () => 'answered',
    (error: InferenceFailure) => error.reason,
  );

describe('serving version', { timeout: 60_000 }, () => {
  test('moves a cheap baseline into the process and anything else back out', async () => {
    const version = await open(await realBundle('card-fraud', '1.4.0'));
    expect([version.placement(), version.workerPid()]).toEqual(['worker', expect.any(Number)]);
    await version.place('baseline');
    expect([version.placement(), version.workerPid()]).toEqual(['inline', null]);
    expect(livingWorkers()).toEqual([]);
    await version.place('other');
    expect([version.placement(), livingWorkers()]).toEqual(['worker', [version.workerPid()]]);
  });

  test('never moves a model of images into the process', async () => {
    const version = await open(await realBundle('photo-classifier', '1.0.0'));
    const pid = version.workerPid();
    await version.place('baseline');
    expect([version.placement(), version.workerPid()]).toEqual(['worker', pid]);
  });

  test('answers every request rightly while it moves back and forth under load', async () => {
    const version = await open(await realBundle('card-fraud', '2.0.0'));
    const expected = version.bundle.golden.map(({ golden }) => golden.expected.outputs.map((row) => row.fraud_probability as number));
    let isMoving = true;
    const wrong: string[] = [];
    let answered = 0;
    const client = async (offset: number): Promise<void> => {
      for (let count = offset; isMoving; count += 1) {
        const index = count % expected.length;
        const { outputs } = await predict(version, rowsOf(version, index));
        answered += 1;
        Array.from(outputs.fraud_probability?.data ?? [], Number).forEach((value, row) => {
          if (!(Math.abs(value - (expected[index]?.[row] ?? Number.NaN)) < 1e-4)) wrong.push(`case ${index}, row ${row}: ${value}`);
        });
      }
    };
    const clients = Array.from({ length: 16 }, (_, offset) => client(offset));
    for (const role of ['baseline', 'other', 'baseline', 'other'] as const) await version.place(role);
    isMoving = false;
    await Promise.all(clients);
    expect(wrong).toEqual([]);
    expect(answered).toBeGreaterThan(100);
    expect(version.restarts).toEqual([]);
  });

  test('ends where the last of two placements at once leads', async () => {
    const version = await open(await realBundle('card-fraud', '1.4.0'));
    await Promise.all([version.place('baseline'), version.place('other')]);
    expect(version.placement()).toBe('worker');
  });

  test('answers what is queued before it closes', async () => {
    const version = await open(await realBundle('card-fraud', '1.4.0'));
    const answers = Array.from({ length: 50 }, () => predict(version, rowsOf(version)));
    await version.close();
    await expect(Promise.all(answers)).resolves.toHaveLength(50);
    expect(livingWorkers()).toEqual([]);
  });

  test('leaves no process when it is closed while it moves', async () => {
    const version = await open(await realBundle('card-fraud', '1.4.0'));
    await version.place('baseline');
    await Promise.all([version.place('other'), version.close()]);
    expect(livingWorkers()).toEqual([]);
  });

  test('fails a request whose run throws alone, and answers those beside it', async () => {
    const version = await open({ ...(await realBundle('card-fraud', '2.0.0')), modelBytes: await brokenModel('throws') });
    const sound = rowsOf(version);
    const breaking = sound.map((row) => ({ ...row, amount: 5_000 }));
    const outcomes = await Promise.all([sound, breaking, sound].map((rows) => reasonOf(predict(version, rows))));
    expect(outcomes).toEqual(['answered', 'error', 'answered']);
    expect(version.restarts).toEqual([]);
  });

  test('ends a request at its own deadline although its run never ends, and comes back', async () => {
    const bundle = await realBundle('card-fraud', '2.0.0');
    const version = await open({ ...bundle, modelBytes: await brokenModel('endless') });
    const startedMs = monotonicMs();
    expect(
      await reasonOf(
        predict(
          version,
          rowsOf(version).map((row) => ({ ...row, amount: 5_000 })),
          100,
        ),
      ),
    ).toBe('timeout');
    const tookMs = monotonicMs() - startedMs;
    expect(tookMs).toBeGreaterThanOrEqual(100);
    // Sooner than the process is killed on a quiet machine; the margin is for a busy one.
    expect(tookMs).toBeLessThan(100 + 1_000);
    await version.close();
    expect(version.restarts.length).toBeLessThanOrEqual(1);
  });

  test("blames the caller's image, not the version, for what does not decode", async () => {
    const version = await open(await realBundle('photo-classifier', '1.0.0'));
    const bad = [{ image: 'AAAA' }];
    const [good] = [rowsOf(version)];
    for (let time = 0; time < 12; time += 1) expect(await reasonOf(predict(version, bad))).toBe('invalid-input');
    const failure = await predict(version, [...(good ?? []), ...bad]).catch((error: InferenceFailure) => error.invalid);
    expect(failure).toMatchObject({ row: 1, field: 'image' });
    expect(version.breakerIsOpen()).toBe(false);
    expect(await reasonOf(predict(version, good ?? []))).toBe('answered');
  });
});
