import { describe, expect, test, vi } from 'vitest';
import { comparisonProcessesBy } from '../../../src/data-plane/comparison/comparison-process.ts';
import type { ComparedVersion } from '../../../src/data-plane/comparison/comparison-protocol.ts';
import { keepProcess } from '../../../src/data-plane/comparison/kept-process.ts';
import { livingBelow, processIsAlive } from '../../support/process-is-alive.ts';
import { realBundle } from '../../support/real-bundles.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const versionOf = async (version: string): Promise<ComparedVersion> => {
  const { modelBytes: model, contract, manifest, labels, golden } = await realBundle('card-fraud', version);
  return { model, image: null, contract, manifest, labels, warmUp: golden[0]?.golden.request.inputs ?? [] };
};

const keep = async () => {
  const versions = { baseline: await versionOf('1.4.0'), candidate: await versionOf('2.0.0') };
  const monotonicMs = (): number => performance.now();
  return keepProcess({
    start: (signal) => comparisonProcessesBy(launcher)({ versions, deadlineMs: 10_000, maxMemoryMiB: 2_048, monotonicMs }, signal),
    monotonicMs,
    onRunning: () => undefined,
    onEnd: () => undefined,
  });
};

const living = (): readonly number[] => livingBelow(process.pid, '/comparison-worker-main.ts');
const poll = { timeout: 20_000, interval: 1 };

describe('a kept comparison process', { timeout: 15_000 }, () => {
  test.runIf(process.platform === 'linux')('is not waited for when it is closed while it loads', async () => {
    const kept = await keep();
    const pid = await vi.waitUntil(() => living()[0], poll);
    // It never loads.
    process.kill(pid, 'SIGSTOP');
    await kept.close();
    expect(processIsAlive(pid)).toBe(false);
    expect(kept.lacks()).toMatch(/closed/);
  });

  test.runIf(process.platform === 'linux')('is not waited for when it is closed while its successor loads', async () => {
    const kept = await keep();
    const first = (await vi.waitUntil(kept.current, poll)).pid;
    process.kill(first, 'SIGKILL');
    const next = await vi.waitUntil(() => living().find((pid) => pid !== first), poll);
    process.kill(next, 'SIGSTOP');
    await kept.close();
    expect(living()).toEqual([]);
    expect(kept.current()).toBeNull();
  });
});
