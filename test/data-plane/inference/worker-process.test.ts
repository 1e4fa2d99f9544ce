import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { Tensors } from '../../../src/data-plane/contract/tensor.ts';
import type { WorkerDeps, WorkerProcess } from '../../../src/data-plane/inference/worker-process.ts';
import { startWorker } from '../../../src/data-plane/inference/worker-process.ts';
import { createLauncher } from '../../../src/data-plane/processes/launcher.ts';
import { echoModel } from '../../support/onnx-graph.ts';
import { livingWorkers, processIsAlive } from '../../support/process-is-alive.ts';
import { brokenModel } from '../../support/real-bundles.ts';

const columns = 17;
const started: WorkerProcess[] = [];

const start = async (model: Uint8Array, deps: Partial<WorkerDeps> = {}): Promise<WorkerProcess> => {
  const worker = await startWorker({
    launcher,
    model,
    image: null,
    maxRunMs: () => 30_000,
    maxLoadMs: 30_000,
    maxMemoryMiB: 1_024,
    monotonicMs: () => performance.now(),
    ...deps,
  });
  started.push(worker);
  return worker;
};

afterEach(async () => {
  for (const worker of started.splice(0)) {
    worker.kill();
    await worker.ended;
  }
});

const rowOf = (amount: number): readonly number[] => [amount, ...new Array<number>(columns - 1).fill(0)];
/** Rows for the broken candidates, which break when an amount is above 1000. */
const features = (...amounts: readonly number[]): Tensors => ({
  features: { datatype: 'FP32', shape: [amounts.length, columns], data: Float32Array.from(amounts.flatMap(rowOf)) },
});
const sound = features(10);
const breaking = features(5_000);
const echo = (rows: number): Tensors => ({ x: { datatype: 'FP32', shape: [rows, 1], data: new Float32Array(rows).fill(7) } });

describe('worker process', { timeout: 60_000 }, () => {
  test('answers in a process of its own', async () => {
    const worker = await start(echoModel());
    expect(worker.pid).not.toBe(process.pid);
    expect(processIsAlive(worker.pid)).toBe(true);
    expect(worker.signature.inputs).toEqual([{ name: 'x', datatype: 'FP32', shape: [-1, 1] }]);
    const { outputs, luma } = await worker.run(echo(3));
    expect({ outputs, luma }).toEqual({ outputs: { y: { datatype: 'FP32', shape: [3, 1], data: Float32Array.of(7, 7, 7) } }, luma: null });
  });

  test('fails a run that throws, and lives on', async () => {
    const worker = await start(await brokenModel('throws'));
    const runs = await Promise.allSettled([worker.run(sound), worker.run(breaking), worker.run(sound)]);
    expect(runs.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(runs[1]).toMatchObject({ reason: { reason: 'error', message: expect.stringContaining('Gather') } });
    expect(processIsAlive(worker.pid)).toBe(true);
  });

  test('is killed when a run does not end, soon after its limit', async () => {
    const maxRunMs = 200;
    const worker = await start(await brokenModel('endless'), { maxRunMs: () => maxRunMs });
    await worker.run(sound);
    const startedMs = performance.now();
    const runs = await Promise.allSettled([worker.run(breaking), worker.run(sound)]);
    const tookMs = performance.now() - startedMs;
    expect(runs).toMatchObject([{ reason: { reason: 'timeout' } }, { reason: { reason: 'timeout' } }]);
    expect(tookMs).toBeGreaterThanOrEqual(maxRunMs);
    expect(tookMs).toBeLessThan(maxRunMs + 1_500);
    expect(await worker.ended).toBe('hung');
    expect(processIsAlive(worker.pid)).toBe(false);
  });

  test('is killed when a run takes more memory than its budget', async () => {
    const worker = await start(await brokenModel('allocates'), { maxMemoryMiB: 400 });
    await expect(worker.run(breaking)).rejects.toMatchObject({ reason: 'lost-worker', message: expect.stringContaining('memory') });
    expect(await worker.ended).toBe('memory');
  });

  test('is killed when the load takes more memory than its budget', async () => {
    await expect(start(echoModel(), { maxMemoryMiB: 20 })).rejects.toMatchObject({ reason: 'lost-worker', message: expect.stringContaining('memory') });
  });

  test('is killed when the load takes too long', async () => {
    const clock = { ms: 0 };
    const monotonicMs = (): number => {
      clock.ms += 1_000;
      return clock.ms;
    };
    await expect(start(echoModel(), { maxLoadMs: 1_500, monotonicMs })).rejects.toMatchObject({
      reason: 'lost-worker',
      message: expect.stringContaining('loaded'),
    });
  });

  test('fails what is under way when it is killed from outside', async () => {
    const worker = await start(await brokenModel('endless'));
    const runs = [worker.run(breaking), worker.run(sound)];
    process.kill(worker.pid, 'SIGKILL');
    expect(await Promise.allSettled(runs)).toMatchObject([{ reason: { reason: 'lost-worker' } }, { reason: { reason: 'lost-worker' } }]);
    expect(await worker.ended).toBe('died');
  });

  test('fails a run that comes after its end', async () => {
    const worker = await start(echoModel());
    worker.kill();
    const dying = worker.run(echo(1));
    await expect(dying).rejects.toMatchObject({ reason: 'lost-worker' });
    expect(await worker.ended).toBe('closed');
    await expect(worker.run(echo(1))).rejects.toMatchObject({ reason: 'lost-worker' });
  });

  test('counts the time of a run from the end of the one before it', async () => {
    const clock = { ms: 0 };
    const worker = await start(echoModel(), { maxRunMs: () => 1_000, monotonicMs: () => clock.ms });
    const first = worker.run(echo(1));
    const second = worker.run(echo(8_000_000));
    clock.ms = 900;
    await first;
    // More than the limit since both were sent, less since the second could begin.
    clock.ms = 1_500;
    await expect(second).resolves.toMatchObject({ luma: null });
  });

  test('ignores a signal that reaches the whole process group', async () => {
    const worker = await start(echoModel());
    process.kill(worker.pid, 'SIGINT');
    process.kill(worker.pid, 'SIGTERM');
    await expect(worker.run(echo(1))).resolves.toMatchObject({ luma: null });
  });

  test.each([
    ['junk', Buffer.from('no graph at all')],
    ['nothing', new Uint8Array()],
    ['half a graph', echoModel().subarray(0, 60)],
  ])('refuses %s, with its process gone', async (_, model) => {
    await expect(start(model)).rejects.toMatchObject({ reason: 'error' });
    expect(livingWorkers()).toEqual([]);
  });

  test('fails when no process can be started', async () => {
    const { execPath } = process;
    try {
      process.execPath = '/nowhere/node';
      await expect(start(echoModel(), { launcher: createLauncher() })).rejects.toMatchObject({ reason: 'lost-worker' });
    } finally {
      process.execPath = execPath;
    }
  });

  test.runIf(process.platform === 'linux')('ends itself when its gateway is killed while the graph loops for ever', async () => {
    const gateway = spawn(process.execPath, [helper, fixture, JSON.stringify(rowOf(5_000))], { stdio: ['ignore', 'pipe', 'inherit'] });
    const lines = createInterface({ input: gateway.stdout })[Symbol.asyncIterator]();
    const pid = Number((await lines.next()).value?.split(' ')[1]);
    expect((await lines.next()).value).toBe('running');
    expect(processIsAlive(pid)).toBe(true);
    const exited = once(gateway, 'exit');
    gateway.kill('SIGKILL');
    await exited;
    await vi.waitFor(() => expect(processIsAlive(pid)).toBe(false), { timeout: 10_000, interval: 20 });
  });
});

const helper = new URL('../../support/doomed-gateway.ts', import.meta.url).pathname;

import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();
const fixture = new URL('../../fixtures/broken-candidates/endless.onnx', import.meta.url).pathname;
