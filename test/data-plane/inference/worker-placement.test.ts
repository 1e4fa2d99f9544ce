import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Tensors } from '../../../src/data-plane/contract/tensor.ts';
import type { Placement } from '../../../src/data-plane/inference/placement.ts';
import type { WorkerPlacementDeps } from '../../../src/data-plane/inference/worker-placement.ts';
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
const opened: Placement[] = [];

const open = async (
  model: Uint8Array,
  deps: Partial<WorkerPlacementDeps> = {},
): Promise<{ readonly placement: Placement; readonly ends: readonly WorkerEnd[] }> => {
  const ends: WorkerEnd[] = [];
  const placement = await createWorkerPlacement({
    launcher,
    model,
    image: null,
    maxRunMs: () => 30_000,
    maxLoadMs: 30_000,
    maxMemoryMiB: 1_024,
    monotonicMs: () => performance.now(),
    onRestart: (reason) => void ends.push(reason),
    ...deps,
  });
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
    const { placement, ends } = await open(echoModel());
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
    const { placement } = await open(echoModel());
    const first = placement.pid() ?? 0;
    process.kill(first, 'SIGKILL');
    await vi.waitFor(() => expect(livingWorkers().filter((pid) => pid !== first)).toHaveLength(1), { timeout: 20_000, interval: 1 });
    expect(placement.pid()).toBeNull();
    await placement.close();
    expect(livingWorkers()).toEqual([]);
    expect(placement.pid()).toBeNull();
  });

  test('is not opened for a model that does not load', async () => {
    await expect(open(Buffer.from('no graph'))).rejects.toMatchObject({ reason: 'error' });
    expect(livingWorkers()).toEqual([]);
  });
});
