import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Tensors } from '../../../src/data-plane/contract/tensor.ts';
import type { Placement } from '../../../src/data-plane/inference/placement.ts';
import type { FirstStart, WorkerPlacementDeps } from '../../../src/data-plane/inference/worker-placement.ts';
import { createWorkerPlacement } from '../../../src/data-plane/inference/worker-placement.ts';
import type { WorkerEnd } from '../../../src/data-plane/inference/worker-process.ts';
import { echoModel } from '../../support/onnx-graph.ts';
import { livingWorkers, processIsAlive } from '../../support/process-is-alive.ts';
import { brokenModel } from '../../support/real-bundles.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const columns = 17;
const features = (amount: number): Tensors => ({
  features: { datatype: 'FP32', shape: [1, columns], data: Float32Array.from([amount, ...new Array<number>(columns - 1).fill(0)]) },
});
const echo: Tensors = { x: { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(7) } };
const echoBytes = echoModel();
const opened: Placement[] = [];

interface Options extends Partial<WorkerPlacementDeps>, FirstStart {}

const open = async (
  model: Uint8Array,
  { isProven, signal, ...deps }: Options = {},
): Promise<{ readonly placement: Placement; readonly ends: readonly WorkerEnd[] }> => {
  const ends: WorkerEnd[] = [];
  const placement = await createWorkerPlacement(
    {
      launcher,
      model,
      image: null,
      maxRunMs: () => 30_000,
      maxLoadMs: 30_000,
      maxMemoryMiB: 1_024,
      warmUp: { feeds: () => (model === echoBytes ? echo : features(10)), maxRunMs: 30_000 },
      monotonicMs: () => performance.now(),
      onRestart: (reason) => void ends.push(reason),
      ...deps,
    },
    { ...(isProven === undefined ? {} : { isProven }), ...(signal === undefined ? {} : { signal }) },
  );
  opened.push(placement);
  return { placement, ends };
};

/** The process that replaced the one given. */
const nextPid = (placement: Placement, previous: number): Promise<number> =>
  vi.waitFor(
    () => {
      const pid = placement.pid();
      if (pid === null || pid === previous) throw new Error('not replaced yet');
      return pid;
    },
    { timeout: 20_000, interval: 10 },
  );

/** Less than a run of many rows takes, and than the watch leaves between two looks. */
const shortMs = 1;
const manyRows: Tensors = { x: { datatype: 'FP32', shape: [8_000_000, 1], data: new Float32Array(8_000_000).fill(7) } };

/** Stops the process that comes after the one given before its model is loaded: it never will be. */
const stopped = (previous: number): Promise<void> =>
  vi.waitFor(
    () => {
      const [pid] = livingWorkers().filter((each) => each !== previous);
      if (pid === undefined) throw new Error('not started yet');
      process.kill(pid, 'SIGSTOP');
    },
    { timeout: 20_000, interval: 1 },
  );

afterEach(async () => {
  await Promise.all(opened.splice(0).map((placement) => placement.close()));
});

describe('worker placement', { timeout: 60_000 }, () => {
  test('replaces a process that is killed from outside', async () => {
    const { placement, ends } = await open(await brokenModel('endless'));
    const first = placement.pid() ?? 0;
    const run = placement.run(features(5_000));
    process.kill(first, 'SIGKILL');
    await expect(run).rejects.toMatchObject({ reason: 'lost-worker' });
    expect(placement.pid()).toBeNull();
    await expect(placement.run(features(10))).rejects.toMatchObject({ reason: 'lost-worker' });
    const second = await nextPid(placement, first);
    expect(processIsAlive(second)).toBe(true);
    await expect(placement.run(features(10))).resolves.toMatchObject({ luma: null });
    expect(ends).toEqual(['died']);
  });

  test('replaces a process whose run does not end, again and again', async () => {
    const { placement, ends } = await open(await brokenModel('endless'), { maxRunMs: () => 100 });
    const pids = [placement.pid() ?? 0];
    for (let time = 0; time < 2; time += 1) {
      await expect(placement.run(features(5_000))).rejects.toMatchObject({ reason: 'timeout' });
      pids.push(await nextPid(placement, pids.at(-1) ?? 0));
    }
    expect(ends).toEqual(['hung', 'hung']);
    expect(pids.map(processIsAlive)).toEqual([false, false, true]);
  });

  test('replaces a process that takes too much memory', async () => {
    const { placement, ends } = await open(await brokenModel('allocates'), { maxMemoryMiB: 400 });
    await expect(placement.run(features(5_000))).rejects.toMatchObject({ reason: 'lost-worker' });
    await nextPid(placement, 0);
    expect(ends).toEqual(['memory']);
  });

  test('waits for the runs under way when it is closed, and leaves no process', async () => {
    const { placement, ends } = await open(echoBytes);
    const pid = placement.pid() ?? 0;
    const runs = [placement.run(echo), placement.run(echo)];
    await Promise.all([placement.close(), placement.close()]);
    await expect(Promise.all(runs)).resolves.toHaveLength(2);
    expect(processIsAlive(pid)).toBe(false);
    expect(placement.pid()).toBeNull();
    await expect(placement.run(echo)).rejects.toMatchObject({ reason: 'lost-worker' });
    expect(ends).toEqual([]);
  });

  test('starts no process when one hangs while it is closed', async () => {
    const { placement, ends } = await open(await brokenModel('endless'), { maxRunMs: () => 100 });
    const pid = placement.pid() ?? 0;
    const run = placement.run(features(5_000));
    const closed = placement.close();
    await expect(run).rejects.toMatchObject({ reason: 'timeout' });
    await closed;
    expect(ends).toEqual([]);
    expect(processIsAlive(pid)).toBe(false);
    expect(livingWorkers()).toEqual([]);
  });

  test('leaves no process when it is closed while a new one comes up', async () => {
    const { placement } = await open(echoBytes);
    const first = placement.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(livingWorkers().filter((pid) => pid !== first)).toHaveLength(1), { timeout: 20_000, interval: 1 });
    expect(placement.pid()).toBeNull();
    await placement.close();
    expect(livingWorkers()).toEqual([]);
    expect(placement.pid()).toBeNull();
  });

  test('lets requests meet a new process only when its first run, slower than any other may be, is over', async () => {
    let warmUps = 0;
    const feeds = (): Tensors => {
      warmUps += 1;
      return manyRows;
    };
    let maxRunMs = shortMs;
    const { placement, ends } = await open(echoBytes, { maxRunMs: () => maxRunMs, warmUp: { feeds, maxRunMs: 30_000 } });
    const first = placement.pid() ?? 0;
    expect(warmUps).toBe(0);
    process.kill(first, 'SIGKILL');
    await nextPid(placement, first);
    expect(warmUps).toBe(1);
    maxRunMs = 30_000;
    await expect(placement.run(echo)).resolves.toMatchObject({ luma: null });
    expect(ends).toEqual(['died']);
  });

  test('gives a new process up whose first run does not end, and takes the next', async () => {
    const amounts = [5_000, 10];
    const feeds = (): Tensors => features(amounts.shift() ?? 10);
    const { placement, ends } = await open(await brokenModel('endless'), { warmUp: { feeds, maxRunMs: 200 } });
    const first = placement.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    await nextPid(placement, first);
    expect(amounts).toEqual([]);
    await expect(placement.run(features(10))).resolves.toMatchObject({ luma: null });
    expect(livingWorkers()).toEqual([placement.pid()]);
    expect(ends).toEqual(['died']);
  });

  test('holds its limit for runs as soon as a new process is warm', async () => {
    const { placement, ends } = await open(await brokenModel('endless'), { maxRunMs: () => 100 });
    const first = placement.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    await nextPid(placement, first);
    await expect(placement.run(features(5_000))).rejects.toMatchObject({ reason: 'timeout' });
    expect(ends).toEqual(['died', 'hung']);
  });

  test('warms its first process too when nobody is going to prove it', async () => {
    let maxRunMs = shortMs;
    const { placement } = await open(echoBytes, { isProven: true, maxRunMs: () => maxRunMs, warmUp: { feeds: () => manyRows, maxRunMs: 30_000 } });
    maxRunMs = 30_000;
    await expect(placement.run(echo)).resolves.toMatchObject({ luma: null });
    const hangs = open(await brokenModel('endless'), { isProven: true, warmUp: { feeds: () => features(5_000), maxRunMs: 100 } });
    await expect(hangs).rejects.toMatchObject({ reason: 'timeout' });
    expect(livingWorkers()).toEqual([placement.pid()]);
  });

  test('does not wait for a process that is loading when it is closed', async () => {
    const { placement } = await open(echoBytes);
    const first = placement.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    await stopped(first);
    await placement.close();
    expect(livingWorkers()).toEqual([]);
  }, 15_000);

  test('does not wait for a process that warms up when it is closed', async () => {
    const warming = Promise.withResolvers<void>();
    const feeds = (): Tensors => {
      warming.resolve();
      return features(5_000);
    };
    const { placement } = await open(await brokenModel('endless'), { warmUp: { feeds, maxRunMs: 60_000 } });
    process.kill(placement.pid() ?? 0, 'SIGKILL');
    await warming.promise;
    await placement.close();
    expect(livingWorkers()).toEqual([]);
  }, 15_000);

  test('lives on when its start is called off too late', async () => {
    const call = new AbortController();
    const { placement } = await open(echoBytes, { isProven: true, signal: call.signal });
    call.abort();
    await expect(placement.run(echo)).resolves.toMatchObject({ luma: null });
  });

  test('is not opened, and leaves no process, when that is called off', async () => {
    const call = new AbortController();
    const opening = open(echoBytes, { signal: call.signal });
    await stopped(0);
    call.abort();
    await expect(opening).rejects.toMatchObject({ reason: 'lost-worker', message: expect.stringContaining('closed') });
    await expect(open(echoBytes, { signal: AbortSignal.abort() })).rejects.toMatchObject({ reason: 'lost-worker' });
    expect(livingWorkers()).toEqual([]);
  }, 15_000);

  test('is not opened for a model that does not load', async () => {
    await expect(open(Buffer.from('no graph'))).rejects.toMatchObject({ reason: 'error' });
    expect(livingWorkers()).toEqual([]);
  });
});
