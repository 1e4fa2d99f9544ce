import { afterEach, describe, expect, test } from 'vitest';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import { type ComparisonProcess, comparisonProcessesBy } from '../../../src/data-plane/comparison/comparison-process.ts';
import type { ComparedVersion } from '../../../src/data-plane/comparison/comparison-protocol.ts';
import { createLane, type Lane, type LaneHooks } from '../../../src/data-plane/comparison/lane.ts';
import type { DrawnRequest } from '../../../src/data-plane/comparison/pair-runner.ts';
import { createEvidence, type Evidence } from '../../../src/data-plane/observe/evidence.ts';
import { topBucket } from '../../../src/latency-bucket.ts';
import type { SecondPairs } from '../../../src/store/observation.ts';
import { goldenRows } from '../../support/bundles.ts';
import { processIsAlive } from '../../support/process-is-alive.ts';
import { createRandom } from '../../support/random.ts';
import { brokenModel, realBundle } from '../../support/real-bundles.ts';
import { testLauncher } from '../../support/test-launcher.ts';

const launcher = testLauncher();

const rollout = 'a-rollout';
const rule = { sharePercent: 100, maxCpuPercent: 100, differences: [{ output: 'flagged', tolerance: 0 }] };
const lanes: Lane[] = [];

afterEach(async () => {
  await Promise.all(lanes.splice(0).map((lane) => lane.close()));
});

const versionOf = (bundle: Bundle, model: Uint8Array = bundle.modelBytes): ComparedVersion => ({
  model,
  image: null,
  contract: bundle.contract,
  manifest: bundle.manifest,
  labels: bundle.labels,
  warmUp: bundle.golden[0]?.golden.request.inputs ?? [],
});

interface Running {
  readonly lane: Lane;
  readonly evidence: Evidence;
  readonly told: string[];
  readonly starts: () => number;
  readonly request: (more?: Partial<DrawnRequest> & { readonly amount?: number }) => DrawnRequest;
  readonly pairs: () => readonly SecondPairs[];
  readonly done: () => number;
}

interface Options {
  readonly baseline?: Uint8Array;
  readonly candidate?: Uint8Array;
  readonly deadlineMs?: number;
  readonly maxCpuPercent?: number;
  /** Draws of the coins, in turn; then those of a seed. */
  readonly draws?: readonly number[];
  readonly monotonicMs?: () => number;
}

const baselineFirst = 0;
const candidateFirst = 2 ** 32 - 1;

const startLane = async (options: Options = {}): Promise<Running> => {
  const [old, next] = [await realBundle('card-fraud', '1.4.0'), await realBundle('card-fraud', '2.0.0')];
  const versions = { baseline: versionOf(options.baseline === undefined ? old : next, options.baseline), candidate: versionOf(next, options.candidate) };
  const [row = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  const monotonicMs = options.monotonicMs ?? (() => performance.now());
  const evidence = createEvidence({ monotonicMs, incarnation: 'a-life' });
  const { deadlineMs = 10_000 } = options;
  const told: string[] = [];
  let starts = 0;
  const random = createRandom(1);
  const draws = [...(options.draws ?? [])];
  const hooks: LaneHooks = {
    onPair: (kind) => told.push(kind),
    onDropped: (reason) => told.push(`dropped ${reason}`),
    onCpu: () => undefined,
    onUp: (up) => told.push(up ? 'up' : 'down'),
    onEnd: (end) => told.push(`ended ${end}`),
    onExample: ({ kind, arm, why }) => told.push(`example ${kind} ${String(arm)} ${String(why)}`),
  };
  const lane = createLane({
    rollout,
    deadlineMs,
    maxCpuPercent: options.maxCpuPercent ?? 100,
    evidence,
    randomU32: () => draws.shift() ?? random.u32(),
    monotonicMs,
    hooks,
    start: (): Promise<ComparisonProcess> => {
      starts += 1;
      return comparisonProcessesBy(launcher)({ versions, deadlineMs, maxMemoryMiB: 2_048, monotonicMs: () => performance.now() });
    },
  });
  lanes.push(lane);
  const pairs = (): readonly SecondPairs[] => evidence.observe(rollout).pairs;
  await expect.poll(lane.pid, { timeout: 30_000 }).not.toBeNull();
  return {
    lane,
    evidence,
    told,
    starts: () => starts,
    request: ({ amount = 10, ...more } = {}) => ({ rows: [{ ...row, amount }], form: 'rows', key: null, requestId: 'a-request', rule, ...more }),
    pairs,
    done: () => pairs().reduce((sum, { done }) => sum + done, 0),
  };
};

const noDifferences = { ...rule, differences: [] };
const poll = { timeout: 30_000, interval: 5 };
const sum = (pairs: readonly SecondPairs[], value: (second: SecondPairs) => number): number => pairs.reduce((total, second) => total + value(second), 0);

describe('a lane', { timeout: 120_000 }, () => {
  test('runs each request once on both versions, and compares the baseline with itself now and then', async () => {
    const { lane, request, told, pairs, done } = await startLane();
    for (let pair = 0; pair < 60; pair += 1) {
      lane.offer(request());
      await expect.poll(() => told.filter((word) => word === 'versions' || word === 'self').length, poll).toBe(pair + 1);
    }
    const self = told.filter((word) => word === 'self').length;
    expect(self).toBeGreaterThan(0);
    expect(done()).toBe(60 - self);
    expect(sum(pairs(), ({ differences }) => differences.versions.done)).toBe(60 - self);
    expect(sum(pairs(), ({ differences }) => differences.itself.done)).toBe(self);
    expect(sum(pairs(), ({ differences }) => differences.itself.differ[0] ?? 0)).toBe(0);
    expect(
      pairs()
        .flatMap(({ latency }) => latency.map(([, , count]) => count))
        .reduce((a, b) => a + b, 0),
    ).toBe(60 - self);
    expect(lane.lacks()).toBeNull();
  });

  test.each([
    ['throws', { errors: { candidateOnly: 1 }, breaches: { neither: 1 } }, 'example error candidate'],
    ['nan', { errors: { neither: 1 }, breaches: { candidateOnly: 1 } }, 'example breach candidate'],
    ['out-of-range', { errors: { neither: 1 }, breaches: { candidateOnly: 1 } }, 'example breach candidate'],
  ] as const)('counts a run that %s for its version, and keeps an example', async (way, counted, example) => {
    const { lane, request, pairs, done, told, evidence } = await startLane({ candidate: await brokenModel(way) });
    lane.offer(request({ amount: 5_000, rule: noDifferences, requestId: 'the-one' }));
    await expect.poll(done, poll).toBe(1);
    expect(pairs()[0]?.counted).toMatchObject(counted);
    expect(told.find((word) => word.startsWith(example))).toBeDefined();
    expect(evidence.observe(rollout).examples).toMatchObject([{ arm: 'candidate', requestId: 'the-one' }]);
  });

  test.each([
    { order: 'first', draw: candidateFirst },
    { order: 'second', draw: baselineFirst },
  ])('stops a candidate that hangs as the $order run: its version gets the top bucket and an error, the other run is made', async ({ draw }) => {
    const { lane, request, pairs, done, told, starts } = await startLane({ candidate: await brokenModel('endless'), deadlineMs: 300, draws: [draw] });
    lane.offer(request({ amount: 5_000, rule: noDifferences }));
    await expect.poll(() => sum(pairs(), ({ n }) => n), poll).toBe(1);
    await expect.poll(done, poll).toBe(1);
    const [cell] = pairs();
    expect(cell?.counted.errors).toEqual({ both: 0, candidateOnly: 1, baselineOnly: 0, neither: 0 });
    const [[baseline = topBucket, candidate] = []] = cell?.latency ?? [];
    expect(candidate).toBe(topBucket);
    expect(baseline).toBeLessThan(topBucket);
    expect(told).toContain('ended hung');
    await expect.poll(starts, poll).toBe(2);
  });

  test('counts a process that is killed in the middle of a pair against the version that ran, whichever it is', async () => {
    const { lane, request, pairs, done } = await startLane({ baseline: await brokenModel('endless'), draws: [candidateFirst] });
    lane.offer(request({ amount: 5_000, rule: noDifferences }));
    // The candidate answers within milliseconds; then the baseline hangs, and half a minute is its deadline.
    await expect.poll(() => sum(pairs(), ({ n }) => n), poll).toBe(1);
    await cpuBusy(lane.pid() ?? 0);
    process.kill(lane.pid() ?? 0, 'SIGKILL');
    await expect.poll(done, poll).toBe(1);
    expect(pairs()[0]?.counted.errors).toEqual({ both: 0, candidateOnly: 0, baselineOnly: 1, neither: 0 });
    expect(pairs()[0]?.latency[0]?.[0]).toBe(topBucket);
  });

  test('leaves a pair pending that its own end cuts off, and ends the process', async () => {
    const { lane, request, pairs } = await startLane({ candidate: await brokenModel('endless'), deadlineMs: 400, draws: [candidateFirst] });
    const pid = lane.pid() ?? 0;
    lane.offer(request({ amount: 5_000, rule: noDifferences }));
    await expect.poll(() => sum(pairs(), ({ n }) => n), poll).toBe(1);
    lane.drain();
    lane.offer(request());
    await lane.close();
    expect(processIsAlive(pid)).toBe(false);
    expect(sum(pairs(), ({ n, done }) => n - done)).toBe(1);
    expect(lane.lacks()).toMatch(/closed/);
  });

  test('never holds the loop while a run hangs', async () => {
    const { lane, request, pairs } = await startLane({ candidate: await brokenModel('endless'), deadlineMs: 2_000, draws: [candidateFirst] });
    lane.offer(request({ amount: 5_000, rule: noDifferences }));
    await expect.poll(() => sum(pairs(), ({ n }) => n), poll).toBe(1);
    let turns = 0;
    const until = performance.now() + 300;
    while (performance.now() < until) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    expect(turns).toBeGreaterThan(100);
    expect(sum(pairs(), ({ n, done }) => n - done)).toBe(1);
  });

  test('drops what it cannot begin: too many that wait, and what comes after the drain', async () => {
    let nowMs = 0;
    const { lane, request, told, done } = await startLane({ maxCpuPercent: 1, monotonicMs: () => nowMs });
    // The start of the process has spent the budget for a while, and no time passes.
    for (let index = 0; index < 20; index += 1) lane.offer(request());
    expect(told.filter((word) => word === 'dropped busy')).toHaveLength(4);
    nowMs += 31_000;
    expect(lane.lacks()).toMatch(/^no drawn request could be compared for 31 s: .* within 1 % of a core$/);
    lane.drain();
    lane.offer(request());
    expect(told.filter((word) => word === 'dropped drain')).toHaveLength(17);
    expect(done()).toBe(0);
  });
});

/** Waits until a process has used a tenth of a second of CPU more: it is in the run that does not end. */
const cpuBusy = async (pid: number): Promise<void> => {
  const { readFile } = await import('node:fs/promises');
  const ticks = async (): Promise<number> => {
    const fields = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ') ?? [];
    return Number(fields[11]) + Number(fields[12]);
  };
  const before = await ticks();
  await expect.poll(ticks, poll).toBeGreaterThan(before + 10);
};
