/** What pairs of the comparison process do to a rollout, from the counters to the decision's words. The clock and the runs are simulated. */
import { beforeEach, describe, expect, test } from 'vitest';
import type { Assessment } from '../../src/control-plane/assessment.ts';
import { createMeasure } from '../../src/control-plane/measure.ts';
import { planSchema } from '../../src/control-plane/plan.ts';
import type { RunOutcome } from '../../src/data-plane/comparison/pair-counters.ts';
import { createEvidence, type Evidence } from '../../src/data-plane/observe/evidence.ts';
import { bucketOf, topBucket } from '../../src/latency-bucket.ts';
import { selfPairThreshold, versionsProbability } from '../../src/pair-sampling.ts';
import type { RolloutRecord } from '../../src/store/rollout-store.ts';
import { createRandom, type Random } from '../support/random.ts';
import { recordWith } from '../support/rollout-record.ts';

const model = 'card-fraud';

const plan = planSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model,
  baseline: '1.4.0',
  candidate: '2.0.0',
  steps: [{ shadow: { share: 20, duration: '10m' } }, { setWeight: 10 }, { analysis: { atLeast: '1h', deadline: '2h' } }, { setWeight: 100 }],
});

const live = (name: string, metric: object, margin: object) => ({ name, metric, compareTo: 'baseline', margin, appliesTo: ['live'] });
const acceptance = {
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    live('errors', { kind: 'errorRate' }, { absolute: 0.002 }),
    live('latency', { kind: 'latency', quantiles: [0.5, 0.8, 0.95, 0.99] }, { relative: 0.1 }),
    live('bad-outputs', { kind: 'breachRate' }, { absolute: 0.001 }),
    live('same-answers', { kind: 'disagreement', output: 'flagged' }, { absolute: 0.01 }),
  ],
  faults: [],
};

const record: RolloutRecord = recordWith({ model, phase: 'progressing', plan: JSON.stringify(plan), acceptance: JSON.stringify(acceptance) });

let nowMs = 0;
let evidence: Evidence;
let measure: ReturnType<typeof createMeasure>;

const life = (incarnation: string): void => {
  evidence = createEvidence({ monotonicMs: () => nowMs, incarnation });
  evidence.compareWith(record.rollout, () => null);
  measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf: () => 1, wallMs: () => nowMs });
};

beforeEach(() => {
  nowMs = 0;
  life('first');
});

interface World {
  /** What the candidate's run is multiplied by. */
  readonly factor?: number;
  readonly candidateErrors?: number;
  readonly candidateBreaches?: number;
  readonly differ?: number;
  /** How often the baseline differs from itself. */
  readonly noise?: number;
}

const run = (us: number, more: Partial<RunOutcome> = {}): RunOutcome => ({ bucket: bucketOf(us), error: false, breach: false, ...more });

const pairsPerSecond = 20;

/** The pairs of one second: each of its own input, which both runs share, with noise of their own. */
const second = (random: Random, { factor = 1, candidateErrors = 0, candidateBreaches = 0, differ = 0, noise = 0 }: World = {}): void => {
  const asked = { rollout: record.rollout, key: null, differences: 1 };
  const time = (input: number): number => input * Math.exp(random.normal() * 0.15) * (random.uniform() < 0.03 ? 4 : 1);
  for (let pair = 0; pair < pairsPerSecond; pair += 1) {
    if (random.u32() < selfPairThreshold) {
      evidence.beginSelfPair(asked).end([random.uniform() < noise]);
      continue;
    }
    const input = 5_000 * Math.exp(random.normal() * 0.3);
    const candidate = run(time(input) * factor, { error: random.uniform() < candidateErrors, breach: random.uniform() < candidateBreaches });
    evidence.beginPair(asked).end({ baseline: run(time(input)), candidate, differ: [random.uniform() < differ] });
  }
  nowMs += 1_000;
};

const assess = async (): Promise<Assessment> => measure.assess(model, record);
const guardrail = ({ guardrails }: Assessment, name: string) => guardrails.find((entry) => entry.name === name);

/** Looks every second, as the engine does, until somebody is to blame. @returns the last look, and the seconds that it took */
const watch = async (random: Random, world: World, seconds: number) => {
  for (let elapsed = 1; elapsed <= seconds; elapsed += 1) {
    second(random, world);
    const assessment = await assess();
    if (assessment.worse !== null) return { assessment, seconds: elapsed };
  }
  return { assessment: await assess(), seconds };
};

describe('the latency of pairs', () => {
  test('is undecided and says why until a block begins after 2,000 compared requests', async () => {
    const random = createRandom(1);
    second(random);
    expect(guardrail(await assess(), 'latency')).toMatchObject({
      verdict: 'undecided',
      note: expect.stringMatching(/^silent until a block begins after 2,000 compared requests: \d+ so far$/) as string,
    });
    for (let seconds = 0; seconds < 180; seconds += 1) {
      second(random);
      await assess();
    }
    const latency = guardrail(await assess(), 'latency');
    expect(latency?.note).toBeUndefined();
    expect(latency?.candidate?.n).toBeGreaterThan(0);
  });

  test('finds a candidate that takes a quarter longer at weight 0, and says by how much with both numbers', async () => {
    const { assessment, seconds } = await watch(createRandom(2), { factor: 1.25 }, 600);
    expect(assessment.worse?.name).toBe('latency');
    expect(assessment.worse?.sentence).toMatch(
      /^the candidate was slower than the baseline's p(50|80|95|99) and the allowed \+10 % \([\d.]+ ms or more\) in [\d,]+ of [\d,]+ compared requests, the baseline slower than its p\1 \([\d.]+ ms or more\) in [\d,]+ of them$/,
    );
    // Two blocks of silence, then at most twice the 640 pairs of the 95th percentile of such rollouts.
    expect(seconds).toBeLessThan(180 + (2 * 640) / (pairsPerSecond * versionsProbability));
  });

  test('does not fire for a candidate that is just as slow as allowed', async () => {
    expect((await watch(createRandom(3), { factor: 1.1 }, 600)).assessment.worse).toBeNull();
  });

  test('lets a candidate be within its margin at last', async () => {
    const random = createRandom(4);
    for (let elapsed = 0; elapsed < 1_800; elapsed += 1) {
      second(random, { factor: 0.9 });
      if (elapsed % 60 === 59) await assess();
    }
    expect(guardrail(await assess(), 'latency')?.verdict).toBe('within-margin');
  });

  test('goes on after a restart with its thresholds and its history', async () => {
    const random = createRandom(5);
    await watch(random, {}, 200);
    const before = await assess();
    const text = measure.evidence.toKeep(model, record).evidence;
    nowMs = 0;
    life('second');
    await measure.evidence.restore(model, record, text);
    second(random);
    const after = await assess();
    expect(guardrail(before, 'latency')?.note).toBeUndefined();
    expect(guardrail(after, 'latency')?.note).toBeUndefined();
    expect(guardrail(after, 'latency')?.candidate?.n).toBeGreaterThanOrEqual(guardrail(before, 'latency')?.candidate?.n ?? 0);
  });
});

describe('a pair that has begun', () => {
  test('counts against the evidence until it ends, and for ever when its process life ends', async () => {
    const random = createRandom(6);
    for (let seconds = 0; seconds < 3; seconds += 1) second(random, { candidateErrors: 0.3 });
    const known = (await assess()).evidence?.value ?? 0;
    const asked = { rollout: record.rollout, key: null, differences: 1 };
    const pending = Array.from({ length: 5 }, () => evidence.beginPair(asked));
    nowMs += 1_000;
    const withPending = (await assess()).evidence?.value ?? 0;
    expect(withPending).toBeLessThan(known);

    const text = measure.evidence.toKeep(model, record).evidence;
    life('second');
    await measure.evidence.restore(model, record, text);
    nowMs += 1_000;
    expect((await assess()).evidence?.value).toBeCloseTo(withPending, 9);
    // The end that comes too late is another life's.
    for (const pair of pending) pair.end({ baseline: run(1), candidate: { bucket: topBucket, error: true, breach: false }, differ: null });
    expect((await assess()).evidence?.value).toBeCloseTo(withPending, 9);
  });

  test('keeps its block open for its second run and a new process', async () => {
    const asked = { rollout: record.rollout, key: null, differences: 1 };
    nowMs = 59_000;
    const pending = evidence.beginPair(asked);
    nowMs = 65_000;
    await assess();
    pending.end({ baseline: run(1_000), candidate: { bucket: topBucket, error: true, breach: false }, differ: null });
    nowMs += 1_000;
    expect(guardrail(await assess(), 'errors')?.candidate).toMatchObject({ n: 1, events: 1 });
  });
});

describe('errors, breaches and differences in pairs', () => {
  test.each([
    {
      world: { candidateErrors: 0.3 },
      name: 'errors',
      words: /^the candidate failed in [\d,]+ of [\d,]+ compared requests against 0 of the baseline, beyond the allowed \+0\.2 points/,
    },
    { world: { candidateBreaches: 0.3 }, name: 'bad-outputs', words: /^the candidate gave an output that was rejected in [\d,]+ of [\d,]+ compared requests/ },
  ])('roll a candidate back at weight 0: $name', async ({ world, name, words }) => {
    const { assessment } = await watch(createRandom(7), world, 120);
    expect(assessment.worse?.name).toBe(name);
    expect(assessment.worse?.sentence).toMatch(words);
    expect(assessment.candidateUnits).toBe(0);
  });

  test('say that the versions disagree more than the baseline with itself', async () => {
    const { assessment } = await watch(createRandom(8), { differ: 0.1, noise: 0.01 }, 600);
    expect(assessment.worse?.name).toBe('same-answers');
    expect(assessment.worse?.sentence).toMatch(
      /^the outputs of the two versions differed in [\d,]+ of [\d,]+ compared requests against [\d,]+ of [\d,]+ of the baseline with itself, beyond the allowed \+1 points \(difference \+[\d.]+ points\)/,
    );
  });

  test('leave alone a candidate that differs as often as the baseline from itself', async () => {
    expect((await watch(createRandom(9), { differ: 0.05, noise: 0.05 }, 300)).assessment.worse).toBeNull();
  });

  test('count a pair of the baseline with itself that has begun against the rollback', async () => {
    const asked = { rollout: record.rollout, key: null, differences: 1 };
    nowMs = 59_000;
    const pending = evidence.beginSelfPair(asked);
    for (let pair = 0; pair < 20; pair += 1) evidence.beginPair(asked).end({ baseline: run(1), candidate: run(1), differ: [true] });
    nowMs = 65_000;
    const before = (await assess()).evidence?.value ?? 0;
    pending.end([false]);
    nowMs += 1_000;
    const after = await assess();
    expect(after.evidence?.value).toBeGreaterThan(before);
    expect(guardrail(after, 'same-answers')).toMatchObject({ candidate: { n: 20, events: 20 }, baseline: { n: 1, events: 0 } });
  });

  test('name the newest requests of the blamed kind', async () => {
    for (const [index, kind] of (['error', 'difference', 'error', 'error', 'error'] as const).entries())
      evidence.keepExample(record.rollout, { kind, arm: kind === 'difference' ? null : 'candidate', requestId: `request-${index}` });
    const { assessment } = await watch(createRandom(10), { candidateErrors: 0.5 }, 60);
    expect(assessment.worse?.sentence).toMatch(/; for example request request-2, request-3, request-4$/);
  });
});

describe('a comparison that does not run', () => {
  test('is not measured, in its own words, and never a success', async () => {
    const random = createRandom(11);
    await watch(random, { factor: 0.9 }, 120);
    evidence.compareWith(record.rollout, () => 'the comparison process died and is being replaced');
    const assessment = await assess();
    for (const name of ['latency', 'same-answers'])
      expect(guardrail(assessment, name)).toMatchObject({ verdict: 'not-measured', note: 'the comparison process died and is being replaced', evidence: null });
    expect(guardrail(assessment, 'errors')?.verdict).toBe('undecided');
    expect(assessment.notCompared).toBe('the comparison process died and is being replaced');
  });

  test('is one that has compared nothing yet', async () => {
    expect((await assess()).notCompared).toBe('no request has been compared yet');
    second(createRandom(12));
    expect((await assess()).notCompared).toBeNull();
  });

  test('is one that the plan does not ask for', async () => {
    const without = planSchema.parse({
      ...JSON.parse(JSON.stringify({ ...plan, bake: undefined })),
      bake: '0ms',
      compare: { share: 0, maxCpuPercent: 1 },
      steps: [{ setWeight: 10 }],
    });
    const assessment = await measure.assess(model, { ...record, rollout: 'another', plan: JSON.stringify(without) });
    expect(guardrail(assessment, 'latency')).toMatchObject({
      verdict: 'not-measured',
      note: expect.stringContaining('the plan compares no requests') as string,
    });
  });
});
