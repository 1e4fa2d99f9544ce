import { describe, expect, test, vi } from 'vitest';
import { createInlinePlacement } from '../../../src/data-plane/inference/inline-placement.ts';
import { createMovablePlacement } from '../../../src/data-plane/inference/movable-placement.ts';
import type { Placement } from '../../../src/data-plane/inference/placement.ts';
import { createWorkerPlacement } from '../../../src/data-plane/inference/worker-placement.ts';
import { echoModel } from '../../support/onnx-graph.ts';
import { livingWorkers, processIsAlive } from '../../support/process-is-alive.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const monotonicMs = (): number => performance.now();
const pids: number[] = [];

const make = {
  inline: () => createInlinePlacement(echoModel(), monotonicMs),
  worker: async (signal?: AbortSignal): Promise<Placement> => {
    const worker = await createWorkerPlacement(
      {
        launcher,
        model: echoModel(),
        image: null,
        maxRunMs: () => 30_000,
        maxLoadMs: 30_000,
        maxMemoryMiB: 1_024,
        warmUp: { feeds: () => ({ x: { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(7) } }), maxRunMs: 30_000 },
        monotonicMs,
        onRestart: () => undefined,
      },
      { isProven: true, ...(signal === undefined ? {} : { signal }) },
    );
    pids.push(worker.pid() ?? 0);
    return worker;
  },
};
const living = (): readonly number[] => pids.filter(processIsAlive);

describe('movable placement', { timeout: 30_000 }, () => {
  test('ends where the last of several moves at once leads, and keeps only that place', async () => {
    const placement = createMovablePlacement(await make.worker(), make);
    await Promise.all([placement.move('inline'), placement.move('worker')]);
    expect(placement.current().kind).toBe('worker');
    expect(living()).toEqual([placement.current().pid()]);
    await placement.close();
    expect(living()).toEqual([]);
  });

  test('leaves no process when it is closed during a move', async () => {
    const placement = createMovablePlacement(await make.inline(), make);
    const moved = placement.move('worker');
    await Promise.all([placement.close(), placement.close(), moved]);
    expect(living()).toEqual([]);
  });

  test('does not wait for a process that is loading when it is closed', async () => {
    const placement = createMovablePlacement(await make.inline(), make);
    const moved = placement.move('worker');
    const pid = await vi.waitUntil(() => livingWorkers()[0], { timeout: 20_000, interval: 1 });
    process.kill(pid, 'SIGSTOP');
    await Promise.all([placement.close(), moved]);
    expect(processIsAlive(pid)).toBe(false);
    expect(placement.current().kind).toBe('inline');
  }, 15_000);

  test('moves nowhere after it is closed', async () => {
    const placement = createMovablePlacement(await make.inline(), make);
    await placement.close();
    await placement.move('worker');
    expect(living()).toEqual([]);
  });

  test('stays where it is when the new place cannot be made', async () => {
    const placement = createMovablePlacement(await make.inline(), { ...make, worker: () => Promise.reject(new Error('no process')) });
    await expect(placement.move('worker')).rejects.toThrow('no process');
    expect(placement.current().kind).toBe('inline');
    await placement.close();
  });
});
