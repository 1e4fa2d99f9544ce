/**
 * What keeping a rollout's evidence costs: `node bench/keep-evidence.ts [requests a second] [seconds]`. Every request has a new key. Time is
 * simulated, the store is real. Prints one JSON object.
 */
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMeasure } from '../src/control-plane/measure.ts';
import { planSchema } from '../src/control-plane/plan.ts';
import { createEvidence } from '../src/data-plane/observe/evidence.ts';
import { mix32 } from '../src/data-plane/observe/key-hash.ts';
import { canonicalJson } from '../src/ledger/canonical-json.ts';
import { createSqliteRolloutStore } from '../src/store/sqlite-rollout-store.ts';
import { decisionFor, recordWith } from '../test/support/rollout-record.ts';

const [perSecond = 1_000, seconds = 300] = process.argv.slice(2).map(Number);
const threshold = Math.ceil(0.1 * 2 ** 32);

const plan = planSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model: 'card-fraud',
  baseline: '1.4.0',
  candidate: '2.0.0',
  routingKey: { header: 'x-user' },
  steps: [{ setWeight: 10 }, { analysis: { atLeast: '10h', deadline: '20h' } }, { setWeight: 100 }],
});
const live = (name: string, metric: object, margin: object) => ({ name, metric, compareTo: 'baseline', margin, appliesTo: ['live'] });
const acceptance = {
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    live('errors', { kind: 'errorRate' }, { absolute: 0.002 }),
    live('breaches', { kind: 'breachRate' }, { absolute: 0.001 }),
    live('abstained', { kind: 'abstainRate' }, { relative: 0.3 }),
    live('flagged', { kind: 'outputRate', output: 'flagged' }, { relative: 0.3 }),
  ],
  faults: [],
};
const record = recordWith({ phase: 'progressing', weightHundredths: 1_000, plan: JSON.stringify(plan), acceptance: JSON.stringify(acceptance) });

const dataDir = await mkdtemp(join(tmpdir(), 'handoff-keep-'));
const entrySizes: number[] = [];
const store = await createSqliteRolloutStore({ dataDir, onEntry: (entry) => entry.kind === 'block' && entrySizes.push(canonicalJson(entry).length) });
await store.save({ record, expectedRevision: null, decision: decisionFor(record) });
let nowMs = 0;
const evidence = createEvidence({ monotonicMs: () => nowMs, incarnation: 'bench' });
const measure = createMeasure({ counters: { ...evidence, incarnation: 'bench' }, deadlineSecondsOf: () => 1, wallMs: () => 1_767_225_600_000 + nowMs });
await measure.evidence.restore('card-fraud', record, null);

const times = { observe: [] as number[], assess: [] as number[], prepare: [] as number[], save: [] as number[] };
let filterBytes = 0;
let largestFilterBytes = 0;
/** CPU time of this thread, which others on the machine do not lengthen as they do the time on the wall; the store has a thread of its own. */
const timed = async <Result>(into: number[], body: () => Result | Promise<Result>): Promise<Result> => {
  const before = process.threadCpuUsage();
  const result = await body();
  const { user, system } = process.threadCpuUsage(before);
  into.push((user + system) / 1_000);
  return result;
};
const request = (index: number): void => {
  const draw = mix32(index ^ 0x5bd1e995);
  const keyed = { key: { high: mix32(index + 77), low: mix32(index ^ 0x2545f491) }, draw };
  const unit = evidence.begin({
    rollout: record.rollout,
    threshold,
    arm: draw < threshold ? 'candidate' : 'baseline',
    assignedAtMs: Date.UTC(2026, 0, 1),
    watchedOutputs: 1,
    keyed,
  });
  unit.end({ error: index % 100 === 0, breach: false, abstained: index % 50 === 0, flagged: () => index % 20 === 0 });
};

for (let second = 0; second < seconds; second += 1) {
  await timed(times.observe, () => {
    for (let index = 0; index < perSecond; index += 1) request(second * perSecond + index);
  });
  nowMs += 1_000;
  await timed(times.assess, () => measure.assess('card-fraud', record));
  const kept = await timed(times.prepare, () => measure.evidence.toKeep('card-fraud', record));
  const bytes = kept.filters.reduce((sum, change) => sum + (change.kind === 'entries' ? change.entries.length : change.chunks.length * 4_096), 0);
  filterBytes += bytes;
  largestFilterBytes = Math.max(largestFilterBytes, bytes);
  const change = { model: 'card-fraud', rollout: record.rollout, expectedRevision: 1, progress: { stepElapsedMs: second, bakeElapsedMs: 0 } };
  const sentMs = performance.now();
  await store.saveProgress({ ...change, ...kept });
  times.save.push(performance.now() - sentMs);
  measure.evidence.kept('card-fraud', record);
}
await store.close();

const rounded = (value: number): number => Number(value.toPrecision(3));
const quantile = (values: readonly number[], q: number): number => rounded(values.toSorted((a, b) => a - b)[Math.floor(q * (values.length - 1))] ?? Number.NaN);
/** The kernel counts CPU time in steps of milliseconds: only its mean says anything. */
const mean = (values: readonly number[]): number => rounded(values.reduce((sum, value) => sum + value, 0) / values.length);
const summary = (values: readonly number[]) => ({ medianMs: quantile(values, 0.5), p99Ms: quantile(values, 0.99), mostMs: quantile(values, 1) });
const meanEntry = entrySizes.reduce((sum, size) => sum + size, 0) / Math.max(1, entrySizes.length);
process.stdout.write(
  `${JSON.stringify(
    {
      perSecond,
      seconds,
      observeCpuUsPerRequest: rounded((mean(times.observe) * 1_000) / perSecond),
      assessCpuMs: mean(times.assess),
      prepareCpuMs: mean(times.prepare),
      saveWall: summary(times.save),
      filterBytesPerSecond: Math.round(filterBytes / seconds),
      largestFilterBytes,
      blockEntries: entrySizes.length,
      bytesPerBlockEntry: Math.round(meanEntry),
      ledgerMegabytesPerDay: rounded((meanEntry * 1_440) / 1e6),
      databaseMegabytes: rounded((await stat(join(dataDir, 'handoff.db'))).size / 1e6),
    },
    null,
    2,
  )}\n`,
);
await rm(dataDir, { recursive: true, force: true });
