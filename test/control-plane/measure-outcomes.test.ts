import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { outcomeBucketMs, outcomeBucketOf } from '../../src/bundle/outcome-window.ts';
import type { Assessment } from '../../src/control-plane/assessment.ts';
import { createMeasure } from '../../src/control-plane/measure.ts';
import { planSchema } from '../../src/control-plane/plan.ts';
import { createSteadyWall } from '../../src/control-plane/steady-wall.ts';
import { createEvidence, type Evidence } from '../../src/data-plane/observe/evidence.ts';
import { outcomeDigest } from '../../src/data-plane/outcomes/outcome-digest.ts';
import type { OutcomeStore, PostedOutcome } from '../../src/store/outcome-store.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { acceptanceWithOutcomes } from '../support/card-fraud-outcomes.ts';
import { createRandom, type Random } from '../support/random.ts';
import { recordWith } from '../support/rollout-record.ts';

const dayMs = 86_400_000;
const threshold = Math.ceil(0.1 * 2 ** 32);
const w = threshold / 2 ** 32;
const startMs = Date.UTC(2026, 4, 1);

const planWith = (changes: Record<string, unknown> = {}) =>
  planSchema.parse({
    apiVersion: 'handoff/v1',
    kind: 'Rollout',
    model: 'card-fraud',
    baseline: '1.4.0',
    candidate: '2.0.0',
    steps: [{ setWeight: 10 }, { analysis: { atLeast: '72h', deadline: '168h' } }, { setWeight: 100 }],
    bake: '8d',
    ...changes,
  });

/** A rollout with one of the criteria, and perhaps another margin. */
const recordOf = (criterion: string, plan = planWith(), margin: object | null = null) =>
  recordWith({
    phase: 'progressing',
    weightHundredths: 1_000,
    plan: JSON.stringify(plan),
    acceptance: JSON.stringify({
      ...acceptanceWithOutcomes,
      criteria: acceptanceWithOutcomes.criteria.filter(({ name }) => name === criterion).map((entry) => ({ ...entry, ...(margin === null ? {} : { margin }) })),
    }),
  });

let directory = '';
let store: RolloutStore;
let nowMs = startMs;
let evidence: Evidence;
let measure: ReturnType<typeof createMeasure>;
let record = recordOf('fraud-caught');

/** A life of the gateway; its monotonic clock begins anew. */
const life = (incarnation: string, counts: OutcomeStore['counts'] = store.outcomes.counts): void => {
  const bornMs = nowMs;
  evidence = createEvidence({ monotonicMs: () => nowMs - bornMs, incarnation });
  measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf: () => 1, wallMs: () => nowMs, outcomes: { counts } });
};

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-outcomes-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  nowMs = startMs;
  record = recordOf('fraud-caught');
  life('first');
});
afterEach(async () => {
  await store.close();
  await rm(directory, { recursive: true, force: true });
});

/** As the engine looks: it restores what there was of a rollout first, nothing for a new one. */
const assess = async (): Promise<Assessment> => {
  await measure.evidence.restore(record.model, record, null);
  return measure.assess(record.model, record);
};
const guardrail = (assessment: Assessment) => assessment.guardrails[0];

/** What a decision that is made from an assessment says of its data. */
const healthOf = (assessment: Assessment) => {
  const { findings } = measure.evidence.forDecision(record.model, record, { before: record, assessment });
  return (findings as { readonly dataHealth: { readonly labelJoinRate0?: number | null; readonly labelJoinRate1?: number | null } }).dataHealth;
};

let serial = 0;
const outcomeOf = (arm: 'baseline' | 'candidate', value: number, changes: Partial<PostedOutcome> = {}): PostedOutcome => {
  serial += 1;
  return {
    digest: outcomeDigest(`outcome ${serial}`, startMs + 90 * dayMs),
    expiresAtMs: startMs + 90 * dayMs,
    rollout: record.rollout,
    outcome: 'caught',
    count: { bucket: outcomeBucketOf(nowMs), w, arm, source: 'unit', value },
    firstEvent: null,
    ...changes,
  };
};

type ValueOf = (arm: 'baseline' | 'candidate') => number | null;

/** Requests of one moment, and the outcomes that they will have; null for one without. */
const traffic = async (random: Random, requests: number, { valueFor, outcome = 'caught' }: { readonly valueFor: ValueOf; readonly outcome?: string }) => {
  const posted: PostedOutcome[] = [];
  for (let index = 0; index < requests; index += 1) {
    const arm = random.u32() < threshold ? 'candidate' : 'baseline';
    evidence
      .begin({ rollout: record.rollout, threshold, arm, watchedOutputs: 0, assignedAtMs: nowMs, keyed: null })
      .end({ error: false, breach: false, abstained: false, flagged: () => false });
    const value = valueFor(arm);
    if (value !== null) posted.push(outcomeOf(arm, value, { outcome }));
  }
  await store.outcomes.record(posted);
};

/** Some hours of traffic; the engine looks once a minute of it, and a last time when everything is sealed. */
const hoursOf = async (hours: number, random: Random, made: Parameters<typeof traffic>[2]): Promise<void> => {
  for (let hour = 0; hour < hours; hour += 1) {
    await traffic(random, 2_000, made);
    nowMs += outcomeBucketMs;
    await assess();
  }
};

const rates =
  (random: Random, rate: { readonly baseline: number; readonly candidate: number }): ValueOf =>
  (arm) =>
    random.uniform() < rate[arm] ? 100 : 0;

const worseTraffic = (random: Random) => ({ valueFor: rates(random, { baseline: 0.2, candidate: 0.1 }) });

const textNow = (): string => measure.evidence.toKeep(record.model, record).evidence ?? '';

/** Killed, and started again from what was saved. */
const restart = async (text: string): Promise<void> => {
  life(`second of ${record.rollout}`);
  await measure.evidence.restore(record.model, record, text);
  await assess();
};
/** Eight hours in which buckets mature, one an hour. */
const hoursAfter = async (isLast: (hour: number) => boolean, saved: 'before' | 'after' | null): Promise<void> => {
  for (let hour = 0; hour < 8; hour += 1) {
    const before = textNow();
    nowMs += outcomeBucketMs;
    await assess();
    // Killed before the evidence of this look was saved, or right after it.
    if (isLast(hour)) await restart(saved === 'before' ? before : textNow());
  }
};
/** A rollout whose gateway restarts in one of the hours, or in none. */
const run = async (restartAfter: number | null, saved: 'before' | 'after' | null): Promise<Assessment> => {
  nowMs = startMs;
  life('first');
  const random = createRandom(4);
  record = { ...record, rollout: `rollout ${restartAfter} ${saved}` };
  await hoursOf(5, random, { valueFor: rates(random, { baseline: 0.2, candidate: 0.18 }) });
  nowMs = startMs + 8 * dayMs;
  await hoursAfter((hour) => hour === restartAfter, saved);
  nowMs += 120_000;
  return assess();
};

describe('an outcome criterion', () => {
  test('is undecided until something is mature, and says when that will be', async () => {
    expect(guardrail(await assess())).toMatchObject({ verdict: 'undecided', note: 'no request yet that an outcome could be counted for' });
    const random = createRandom(1);
    await hoursOf(2, random, worseTraffic(random));
    const assessment = await assess();
    expect(guardrail(assessment)).toMatchObject({
      verdict: 'undecided',
      baseline: { n: 0 },
      candidate: { n: 0 },
      // One hour of the bucket, seven days of the window, one of grace.
      note: `no outcome is mature yet, the first are counted at ${new Date(startMs + outcomeBucketMs + 8 * dayMs).toISOString()}`,
    });
    expect(assessment.outcomesDueAtMs).toBe(startMs + 2 * outcomeBucketMs + 8 * dayMs);
  });

  test('counts a bucket when it is mature, not a millisecond before, and once', async () => {
    const random = createRandom(2);
    await hoursOf(1, random, worseTraffic(random));
    nowMs = startMs + outcomeBucketMs + 8 * dayMs - 1;
    expect(guardrail(await assess())?.candidate?.n).toBe(0);
    nowMs += 1;
    const first = await assess();
    const { baseline, candidate } = guardrail(first) ?? {};
    expect((baseline?.n ?? 0) + (candidate?.n ?? 0)).toBe(2_000);
    expect(first.outcomesDueAtMs).toBeNull();
    expect(guardrail(first)?.note).toBeUndefined();
    nowMs += 5 * 60_000;
    expect(guardrail(await assess())).toMatchObject({ baseline, candidate, evidence: guardrail(first)?.evidence });
  });

  test('finds a candidate with half of the wanted outcomes, also when it gets no traffic any more', async () => {
    const random = createRandom(3);
    await hoursOf(4, random, worseTraffic(random));
    nowMs += 9 * dayMs;
    const assessment = await assess();
    expect(assessment.evidence?.value).toBeGreaterThan(100);
    expect(guardrail(assessment)?.verdict).toBe('worse');
    expect(assessment.worse?.sentence).toMatch(
      /^\d+ of [\d,]+ candidate requests had caught against [\d,]+ of [\d,]+ on the baseline, beyond the allowed -5 % \(difference -[\d.]+ points\)$/,
    );
  });

  test('finds the same in a restarted gateway, whenever it restarts: nothing is skipped or counted twice', async () => {
    const undisturbed = await run(null, null);
    expect(guardrail(undisturbed)?.candidate?.n).toBeGreaterThan(900);
    for (const [restartAfter, saved] of [
      [0, 'before'],
      [0, 'after'],
      [2, 'before'],
      [4, 'after'],
    ] as const) {
      const restarted = await run(restartAfter, saved);
      expect(guardrail(restarted)?.candidate).toEqual(guardrail(undisturbed)?.candidate);
      expect(guardrail(restarted)?.baseline).toEqual(guardrail(undisturbed)?.baseline);
    }
  });

  test('keeps the units of a life that ended before it was sealed', async () => {
    const random = createRandom(5);
    await traffic(random, 2_000, worseTraffic(random));
    nowMs += 2_000;
    await assess();
    const text = textNow();
    nowMs += 9 * dayMs;
    life('second');
    await measure.evidence.restore(record.model, record, text);
    const { baseline, candidate } = guardrail(await assess()) ?? {};
    expect((baseline?.n ?? 0) + (candidate?.n ?? 0)).toBe(2_000);
  });

  test('counts requests without an outcome as no event, and never more events than requests', async () => {
    await assess();
    const random = createRandom(6);
    await traffic(random, 1_000, { valueFor: (arm) => (arm === 'candidate' ? null : 100) });
    // Outcomes of units whose count a crash has lost.
    await store.outcomes.record(Array.from({ length: 200 }, () => outcomeOf('baseline', 100)));
    nowMs += 9 * dayMs;
    // The machine was suspended: the first look seals what it finds, the next one takes what has matured.
    await assess();
    const { baseline, candidate } = guardrail(await assess()) ?? {};
    expect(candidate).toMatchObject({ events: 0, value: 0 });
    expect(candidate?.n).toBeGreaterThan(50);
    expect(baseline?.events).toBe(baseline?.n);
  });

  test('takes all of it later when the store fails, and lets nothing advance meanwhile', async () => {
    const random = createRandom(7);
    await hoursOf(1, random, worseTraffic(random));
    const text = textNow();
    nowMs += 9 * dayMs;
    life('second', () => Promise.reject(new Error('the disk is gone')));
    await measure.evidence.restore(record.model, record, text);
    expect(await assess()).toMatchObject({ storeDown: true });
    const again = textNow();
    life('third');
    await measure.evidence.restore(record.model, record, again);
    const assessment = await assess();
    expect(assessment.storeDown).toBe(false);
    expect((guardrail(assessment)?.candidate?.n ?? 0) + (guardrail(assessment)?.baseline?.n ?? 0)).toBe(2_000);
  });

  test('takes nothing early while the clock is days ahead, and all of it when it is due', async () => {
    let aheadMs = 0;
    const wallMs = (): number => nowMs + aheadMs;
    const maturityMs = createSteadyWall({ wallMs, monotonicMs: () => nowMs - startMs });
    measure = createMeasure({ counters: { ...evidence, incarnation: 'first' }, deadlineSecondsOf: () => 1, wallMs, maturityMs, outcomes: store.outcomes });
    const random = createRandom(11);
    await hoursOf(1, random, worseTraffic(random));
    aheadMs = 10 * dayMs;
    const ahead = await assess();
    expect(guardrail(ahead)).toMatchObject({ baseline: { n: 0 }, candidate: { n: 0 } });
    expect(ahead.outcomesDueAtMs).toBe(startMs + outcomeBucketMs + 8 * dayMs);
    aheadMs = 0;
    await hoursOf(1, random, worseTraffic(random));
    nowMs = startMs + 2 * outcomeBucketMs + 8 * dayMs;
    const { baseline, candidate } = guardrail(await assess()) ?? {};
    expect((baseline?.n ?? 0) + (candidate?.n ?? 0)).toBe(4_000);
  });

  test('is not measured where no outcome can come', async () => {
    measure = createMeasure({ counters: { ...evidence, incarnation: 'first' }, deadlineSecondsOf: () => 1, wallMs: () => nowMs });
    expect(guardrail(await assess())).toMatchObject({ verdict: 'not-measured', baseline: null });
  });
});

describe('a mean of outcomes', () => {
  beforeEach(() => {
    record = recordOf('ranking');
  });

  const values = (random: Random, low: { readonly baseline: number; readonly candidate: number }, labelled = { baseline: 1, candidate: 1 }) => ({
    outcome: 'ndcg',
    valueFor: (arm: 'baseline' | 'candidate') => (random.uniform() < labelled[arm] ? low[arm] + Math.floor(random.uniform() * 40) : null),
  });

  test('finds a candidate whose mean is lower, and says both means', async () => {
    const random = createRandom(8);
    await hoursOf(4, random, values(random, { baseline: 40, candidate: 30 }));
    nowMs += 3 * dayMs;
    const assessment = await assess();
    expect(assessment.evidence?.value).toBeGreaterThan(100);
    expect(assessment.worse?.sentence).toMatch(
      /^ndcg was 0\.\d+ on average over [\d,]+ candidate requests against 0\.5\d+ over [\d,]+ on the baseline, beyond the allowed -2 % \(difference -0\.\d+\)$/,
    );
    expect(assessment.labelAlarm).toBeNull();
  });

  test('counts labelled requests alone, and alarms when labels reach the arms unequally', async () => {
    const random = createRandom(9);
    await hoursOf(4, random, values(random, { baseline: 40, candidate: 40 }, { baseline: 0.4, candidate: 0.7 }));
    nowMs += 3 * dayMs;
    const assessment = await assess();
    expect(assessment.sampleRatioAlarm).toBeNull();
    expect(assessment.labelAlarm).toMatch(/^ndcg came for \d+ candidate requests where \d+ were due: the labels are not trusted$/);
    expect(guardrail(assessment)?.note).toBe(assessment.labelAlarm);
    expect(guardrail(assessment)?.baseline?.n).toBeLessThan(4_000);
    const { labelJoinRate0, labelJoinRate1 } = healthOf(assessment);
    expect(labelJoinRate0).toBeCloseTo(0.4, 1);
    expect(labelJoinRate1).toBeCloseTo(0.7, 1);
  });

  test('has no share of labelled requests while none is mature, nor when an earlier gateway did not count them', async () => {
    await traffic(createRandom(9), 100, values(createRandom(9), { baseline: 40, candidate: 40 }));
    expect(healthOf(await assess())).toMatchObject({ labelJoinRate0: null, labelJoinRate1: null });
    const { evidence: text } = measure.evidence.toKeep(record.model, record);
    const kept = JSON.parse(text ?? '{}');
    kept.outcomes.labelled = { ranking: { strata: [], hasZero: false } };
    life('next');
    await measure.evidence.restore(record.model, record, JSON.stringify(kept));
    const health = healthOf(await measure.assess(record.model, record));
    expect(health).not.toHaveProperty('labelJoinRate0');
    expect(health).not.toHaveProperty('labelJoinRate1');
  });

  test('does not alarm on equal labels, nor for a rate of which only events are posted', async () => {
    const random = createRandom(10);
    await hoursOf(4, random, values(random, { baseline: 40, candidate: 40 }, { baseline: 0.5, candidate: 0.5 }));
    nowMs += 3 * dayMs;
    expect((await assess()).labelAlarm).toBeNull();
    nowMs = startMs;
    record = { ...recordOf('fraud-caught'), rollout: 'events only' };
    life('events only');
    await hoursOf(4, random, { valueFor: (arm) => (random.uniform() < (arm === 'candidate' ? 0.5 : 0.2) ? 100 : null) });
    nowMs += 9 * dayMs;
    expect((await assess()).labelAlarm).toBeNull();
  });
});

describe('first events of keys', () => {
  const keyed = planWith({ routingKey: { header: 'x-routing-key' } });

  const eventsOfKeys = async (random: Random, keys: number, shareOfCandidate: number): Promise<void> => {
    const posted = Array.from({ length: keys }, (_, index) => {
      const arm = random.uniform() < shareOfCandidate ? 'candidate' : 'baseline';
      const cell = { bucket: outcomeBucketOf(nowMs), w, arm } as const;
      return outcomeOf(arm, 100, {
        outcome: 'complaint',
        count: { ...cell, source: 'later', value: 100 },
        firstEvent: { ...cell, keyHash: `k${index}`, assignedAtMs: nowMs },
      });
    });
    await store.outcomes.record(posted);
    nowMs += 4 * dayMs;
  };

  test('show a late regression of known keys, for which no unit is counted any more', async () => {
    record = recordOf('complaints', keyed, { relative: 0.5 });
    await assess();
    await eventsOfKeys(createRandom(11), 2_000, 0.4);
    const assessment = await assess();
    expect(assessment.evidence?.value).toBeGreaterThan(100);
    expect(guardrail(assessment)?.verdict).toBe('worse');
  });

  test('are silent under an absolute margin while no unit of the baseline is mature', async () => {
    record = recordOf('complaints', keyed);
    await assess();
    await eventsOfKeys(createRandom(11), 2_000, 0.4);
    expect((await assess()).worse).toBeNull();
  });

  test('show nothing where the candidate has its share of them', async () => {
    record = recordOf('complaints', keyed, { relative: 0.5 });
    await assess();
    await eventsOfKeys(createRandom(12), 2_000, w);
    expect((await assess()).worse).toBeNull();
  });
});
