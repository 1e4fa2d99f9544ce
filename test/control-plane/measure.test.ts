import { beforeEach, describe, expect, test } from 'vitest';
import { createMeasure } from '../../src/control-plane/measure.ts';
import { planSchema } from '../../src/control-plane/plan.ts';
import { createEvidence, type Evidence } from '../../src/data-plane/observe/evidence.ts';
import type { RolloutRecord } from '../../src/store/rollout-store.ts';
import { createRandom } from '../support/random.ts';
import { recordWith } from '../support/rollout-record.ts';

const u32Range = 2 ** 32;
const model = 'card-fraud';

const plan = planSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model,
  baseline: '1.4.0',
  candidate: '2.0.0',
  steps: [{ setWeight: 10 }, { analysis: { atLeast: '1h', deadline: '2h' } }, { setWeight: 100 }],
});

const acceptance = {
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    { name: 'errors', metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] },
    { name: 'flagged', metric: { kind: 'outputRate', output: 'flagged' }, compareTo: 'baseline', margin: { relative: 0.3 }, appliesTo: ['live'] },
    { name: 'latency', metric: { kind: 'latency', quantiles: [0.5] }, compareTo: 'baseline', margin: { relative: 0.1 }, appliesTo: ['live'] },
  ],
  faults: [],
};

const record: RolloutRecord = recordWith({
  model,
  phase: 'progressing',
  weightHundredths: 1_000,
  plan: JSON.stringify(plan),
  acceptance: JSON.stringify(acceptance),
});

let nowMs = 0;
let evidence: Evidence;
let measure: ReturnType<typeof createMeasure>;

const life = (incarnation: string): void => {
  evidence = createEvidence({ monotonicMs: () => nowMs, incarnation });
  measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf: () => 1, wallMs: () => 1_767_225_600_000 + nowMs });
};

beforeEach(() => {
  nowMs = 0;
  life('first');
});

/** Requests of one second, assigned by a fair coin of 10 %; each arm fails with its own probability. */
const second = (random: ReturnType<typeof createRandom>, rates: { readonly baseline: number; readonly candidate: number }, requests = 100): void => {
  for (let index = 0; index < requests; index += 1) {
    const arm = random.uniform() < 0.1 ? 'candidate' : 'baseline';
    const unit = evidence.begin({ rollout: record.rollout, threshold: Math.ceil(0.1 * u32Range), arm, watchedOutputs: 1, assignedAtMs: nowMs, keyed: null });
    unit.end({ error: random.uniform() < rates[arm], breach: false, abstained: false, flagged: () => false });
  }
  nowMs += 1_000;
};

const assess = async () => measure.assess(model, record);

describe('the measure of a rollout', () => {
  test('is undecided without data, and says what cannot be measured', async () => {
    const assessment = await assess();
    expect(assessment).toMatchObject({ evidence: { threshold: 100 }, worse: null, candidateUnits: 0, ineligibleShare: null, sampleRatioAlarm: null });
    expect(assessment.evidence?.value).toBeCloseTo(1, 9);
    expect(assessment.guardrails.map(({ name, verdict }) => [name, verdict])).toEqual([
      ['errors', 'undecided'],
      ['flagged', 'undecided'],
      ['latency', 'not-measured'],
    ]);
  });

  test('finds a candidate that fails 5 % of its requests, and says so with both arms', async () => {
    const random = createRandom(1);
    for (let seconds = 0; seconds < 180; seconds += 1) second(random, { baseline: 0.002, candidate: 0.05 });
    const assessment = await assess();
    expect(assessment.evidence?.value).toBeGreaterThan(100);
    expect(assessment.worse?.name).toBe('errors');
    expect(assessment.worse?.sentence).toMatch(
      /^\d+ of [\d,]+ candidate requests failed against \d+ of [\d,]+ on the baseline, beyond the allowed \+0\.2 points \(difference \+[\d.]+ points\)$/,
    );
  });

  test('does not blame a candidate for what hits both arms', async () => {
    const random = createRandom(2);
    for (let seconds = 0; seconds < 180; seconds += 1)
      second(random, seconds % 60 < 20 ? { baseline: 0.3, candidate: 0.3 } : { baseline: 0.002, candidate: 0.002 });
    expect((await assess()).worse).toBeNull();
  });

  const valueAfter = async (look: () => Promise<unknown>): Promise<number> => {
    nowMs = 0;
    life('first');
    const random = createRandom(3);
    for (let seconds = 0; seconds < 150; seconds += 1) {
      second(random, { baseline: 0.01, candidate: 0.02 });
      await look();
    }
    return (await assess()).evidence?.value ?? Number.NaN;
  };

  test('gives the same value whether it looks every second or once', async () => {
    expect(await valueAfter(assess)).toBeCloseTo(await valueAfter(() => Promise.resolve()), 9);
  });

  test('goes on after a restart with everything that was kept', async () => {
    const random = createRandom(4);
    for (let seconds = 0; seconds < 90; seconds += 1) second(random, { baseline: 0.01, candidate: 0.02 });
    const before = await assess();
    const text = measure.evidence.toKeep(model, record).evidence;
    nowMs = 0;
    life('second');
    await measure.evidence.restore(model, record, text);
    const after = await assess();
    expect(after.candidateUnits).toBe(before.candidateUnits);
    expect(after.evidence?.value).toBeCloseTo(before.evidence?.value ?? 0, 9);
    second(random, { baseline: 0.01, candidate: 0.02 });
    expect((await assess()).candidateUnits).toBeGreaterThan(before.candidateUnits);
  });

  const sealedBlocksAfter = async (seconds: number, judged: RolloutRecord): Promise<number> => {
    const random = createRandom(6);
    for (let passed = 0; passed < seconds; passed += 1) {
      second(random, { baseline: 0.01, candidate: 0.01 });
      await measure.evidence.restore(model, judged, null);
      await measure.assess(model, judged);
    }
    const kept = JSON.parse(measure.evidence.toKeep(model, judged).evidence ?? '') as { readonly evidence: { readonly sealedBlocks: number } };
    return kept.evidence.sealedBlocks;
  };

  test.each([
    ['60 s when the plan says nothing', undefined, 0],
    ['as long as the plan says', 5_000, 6],
  ])('cuts blocks of %s', async (_, block, sealed) => {
    expect(await sealedBlocksAfter(30, { ...record, plan: JSON.stringify({ ...plan, block }) })).toBe(sealed);
  });

  test('takes a pending request against the evidence, never for it', async () => {
    const random = createRandom(5);
    for (let seconds = 0; seconds < 30; seconds += 1) second(random, { baseline: 0, candidate: 0.1 });
    const known = (await assess()).evidence?.value ?? 0;
    for (let index = 0; index < 50; index += 1)
      evidence.begin({ rollout: record.rollout, threshold: Math.ceil(0.1 * u32Range), arm: 'candidate', watchedOutputs: 1, assignedAtMs: nowMs, keyed: null });
    nowMs += 1_000;
    expect((await assess()).evidence?.value).toBeLessThan(known);
  });

  test('alarms when the coin is not fair', async () => {
    for (let index = 0; index < 3_000; index += 1) {
      const arm = index % 5 === 0 ? 'candidate' : 'baseline';
      evidence
        .begin({ rollout: record.rollout, threshold: Math.ceil(0.1 * u32Range), arm, watchedOutputs: 1, assignedAtMs: nowMs, keyed: null })
        .end({ error: false, breach: false, abstained: false, flagged: () => false });
    }
    nowMs += 1_000;
    expect((await assess()).sampleRatioAlarm).toMatch(/600 requests where 300 were due/);
  });

  test('counts a key once, and not at all in a life that does not know the keys', async () => {
    const keyed = { key: { high: 1, low: 2 }, draw: 5 };
    const begin = () =>
      evidence.begin({ rollout: record.rollout, threshold: Math.ceil(0.1 * u32Range), arm: 'candidate', watchedOutputs: 1, assignedAtMs: nowMs, keyed });
    expect([begin().evidence, begin().evidence]).toEqual(['unit', 'later']);
    evidence.disownKeys(record.rollout);
    expect(
      evidence.begin({
        rollout: record.rollout,
        threshold: 5_000,
        arm: 'baseline',
        watchedOutputs: 1,
        assignedAtMs: nowMs,
        keyed: { key: { high: 3, low: 4 }, draw: 9_999 },
      }).evidence,
    ).toBe('later');
  });

  test('keeps what was counted in the second that is not over, for an end of the process', async () => {
    nowMs = 500;
    const begin = () =>
      evidence.begin({ rollout: record.rollout, threshold: Math.ceil(0.1 * u32Range), arm: 'candidate', watchedOutputs: 1, assignedAtMs: nowMs, keyed: null });
    for (let index = 0; index < 7; index += 1) begin().end({ error: false, breach: false, abstained: false, flagged: () => false });
    begin();
    expect((await assess()).candidateUnits).toBe(0);
    const { evidence: text } = measure.evidence.toKeep(model, record);
    life('second');
    await measure.evidence.restore(model, record, text);
    expect((await assess()).candidateUnits).toBe(8);
  });

  test('gives each sealed block to the ledger until it is kept, and not after', async () => {
    const random = createRandom(6);
    await measure.evidence.restore(model, record, null);
    for (let seconds = 0; seconds < 62; seconds += 1) {
      second(random, { baseline: 0.01, candidate: 0.02 });
      await assess();
    }
    const numbers = () => measure.evidence.toKeep(model, record).blocks.map(({ body }) => body.number);
    expect([numbers(), numbers()]).toEqual([[1], [1]]);
    measure.evidence.kept(model, record);
    expect(numbers()).toEqual([]);
  });

  test('takes an observation before the evidence is back for no loss: nothing is forgotten until it is', async () => {
    const random = createRandom(7);
    for (let seconds = 0; seconds < 130; seconds += 1) {
      second(random, { baseline: 0.01, candidate: 0.02 });
      await assess();
    }
    const before = await assess();
    await measure.evidence.restore(model, record, null);
    expect((await assess()).candidateUnits).toBe(before.candidateUnits);
  });
});
