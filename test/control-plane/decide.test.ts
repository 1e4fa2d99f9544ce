import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Assessment } from '../../src/control-plane/assessment.ts';
import { type Decided, decide } from '../../src/control-plane/decide.ts';
import { plannedWeight } from '../../src/control-plane/position.ts';
import { phases, type RolloutRecord } from '../../src/store/rollout-store.ts';
import { assessmentWith, errorsGuardrail } from '../support/assessment.ts';
import { planWith } from '../support/plan.ts';
import { recordWith } from '../support/rollout-record.ts';

const plan = planWith();
const livePhases = ['progressing', 'held', 'paused', 'inconclusive', 'baking'] as const;
const worse = { name: 'errors', sentence: '45 of 1,000 candidate requests failed against 90 of 9,000 on the baseline' };
const lag = { name: 'feature-lag', sinceMs: 3_000, words: 'the signal feature-lag is 412 s, above its limit of 300 s' };

const at = (record: Partial<RolloutRecord>, assessment: Partial<Assessment> = {}, tickedMs = 1_000): Decided =>
  decide({ record: recordWith({ phase: 'progressing', ...record }), plan, assessment: assessmentWith(assessment), tickedMs });

/** The second analysis, which requires `errors`, with its least time ticked but for one second. */
const last = { step: 4, weightHundredths: 1_000, stepElapsedMs: 4_000, stepStartUnits: 200 };

const moved = (decided: Decided) => {
  if (decided.action === 'nothing') throw new Error(`nothing is decided: ${decided.waitsFor}`);
  return decided;
};

describe('rolling back', () => {
  it.each(livePhases)('happens when the evidence reaches its threshold while %s', (phase) => {
    const decided = moved(at({ phase, weightHundredths: 1_000, signal: null }, { evidence: { value: 100, threshold: 100 }, worse }));
    expect(decided).toMatchObject({ action: 'roll-back', to: { phase: 'rolled-back', weightHundredths: 0 } });
  });

  it('says both numbers and the evidence', () => {
    expect(moved(at({}, { evidence: { value: 689_458_537, threshold: 100 }, worse })).sentence).toBe(
      'Rolled back: 45 of 1,000 candidate requests failed against 90 of 9,000 on the baseline; evidence 6.9e8, needed 100.',
    );
  });

  it.each([
    { what: 'below the threshold', evidence: { value: 99.999, threshold: 100 } },
    { what: 'that is no number', evidence: { value: Number.NaN, threshold: 100 } },
    { what: 'that is not there', evidence: null },
  ])('does not happen on evidence $what', ({ evidence }) => {
    expect(at({}, { evidence }).action).not.toBe('roll-back');
  });

  it('happens with the store down and under a signal too', () => {
    expect(at({ signal: 'lag' }, { evidence: { value: 101, threshold: 100 }, storeDown: true, signal: lag }).action).toBe('roll-back');
  });

  it.each(['pending', 'promoted', 'rolled-back'] as const)('never happens to a %s rollout', (phase) => {
    expect(at({ phase }, { evidence: { value: 101, threshold: 100 } })).toEqual({ action: 'nothing', waitsFor: null });
  });
});

describe('an analysis', () => {
  it('advances when its time has ticked, its units are there and what it requires is within the margin', () => {
    expect(moved(at(last))).toMatchObject({
      action: 'advance',
      to: { phase: 'progressing', step: 5, weightHundredths: 1_000, stepElapsedMs: 0, stepStartUnits: 1_000_000 },
    });
    expect(moved(at(last, { candidateUnits: 300 })).sentence).toBe(
      'step 4 (analysis) is done: 100 candidate requests and nothing is worse; step 5 (pause) begins',
    );
  });

  it('waits in silence before its time', () => {
    expect(at({ ...last, stepElapsedMs: 3_999 })).toEqual({ action: 'nothing', waitsFor: null });
  });

  it.each([
    { what: 'too few units since the step began', change: { candidateUnits: 299 }, why: 'held: 99 of 100 candidate requests' },
    {
      what: 'a required criterion undecided',
      change: { guardrails: [errorsGuardrail('undecided')] },
      why: 'held: errors undecided: 4 of 1,020 against 31 of 9,100',
    },
    { what: 'a required criterion not measured', change: { guardrails: [errorsGuardrail('not-measured')] }, why: 'held: errors is not measured' },
    { what: 'a required criterion that nobody knows', change: { guardrails: [] }, why: 'held: errors is not measured' },
    { what: 'something that may be worse', change: { worse }, why: `held: errors may be worse: ${worse.sentence}` },
  ])('is held with $what', ({ change, why }) => {
    expect(moved(at(last, change))).toMatchObject({
      action: 'hold',
      sentence: why,
      to: { phase: 'held', heldFor: 'evidence', weightHundredths: 1_000, step: 4, stepElapsedMs: 5_000 },
    });
  });

  it('goes on waiting, and says for what', () => {
    expect(at({ ...last, phase: 'held', heldFor: 'evidence' }, { candidateUnits: 250 })).toEqual({
      action: 'nothing',
      waitsFor: '50 of 100 candidate requests',
    });
  });

  it('requires nothing but time and units when it names nothing', () => {
    expect(at({ step: 2, weightHundredths: 100, stepElapsedMs: 4_000 }, { guardrails: [], candidateUnits: 100 }).action).toBe('advance');
  });

  it('is inconclusive at its deadline, and keeps the weight', () => {
    const undecided = { guardrails: [errorsGuardrail('undecided')] };
    expect(at({ ...last, phase: 'held', heldFor: 'evidence', stepElapsedMs: 18_999 }, undecided).action).toBe('nothing');
    expect(moved(at({ ...last, phase: 'held', heldFor: 'evidence', stepElapsedMs: 19_000 }, undecided))).toMatchObject({
      action: 'inconclusive',
      to: { phase: 'inconclusive', heldFor: null, weightHundredths: 1_000, step: 4 },
      sentence: 'step 4 (analysis) passed its deadline undecided: errors undecided: 4 of 1,020 against 31 of 9,100',
    });
  });

  it('advances when the evidence comes with the deadline', () => {
    expect(at({ ...last, phase: 'held', heldFor: 'evidence', stepElapsedMs: 19_000 }).action).toBe('advance');
  });
});

describe('the other steps', () => {
  it('leaves a shadow step after its duration for the first weight', () => {
    expect(at({ step: 0, stepElapsedMs: 3_999 })).toEqual({ action: 'nothing', waitsFor: null });
    expect(moved(at({ step: 0, stepElapsedMs: 4_000 }))).toMatchObject({ action: 'advance', to: { step: 1, weightHundredths: 100 } });
  });

  it('holds at the end of a shadow step while something may be worse', () => {
    expect(moved(at({ step: 0, stepElapsedMs: 4_000 }, { worse }))).toMatchObject({ action: 'hold', to: { heldFor: 'evidence', weightHundredths: 0 } });
  });

  it('holds at the end of a shadow step that compared nothing, and goes on when it does', () => {
    const notCompared = 'the comparison process died and is being replaced';
    expect(moved(at({ step: 0, stepElapsedMs: 4_000 }, { notCompared }))).toMatchObject({
      action: 'hold',
      to: { heldFor: 'evidence', weightHundredths: 0 },
      sentence: `held: ${notCompared}`,
    });
    expect(moved(at({ step: 0, stepElapsedMs: 4_000, phase: 'held', heldFor: 'evidence' }))).toMatchObject({ action: 'advance', to: { step: 1 } });
    expect(at({ step: 3, weightHundredths: 1_000 }, { notCompared }, 0).action).toBe('advance');
  });

  it('says why a required guardrail is silent', () => {
    const silent = { ...errorsGuardrail('undecided'), note: 'silent until a block begins after 2,000 compared requests: 812 so far' };
    expect(moved(at({ ...last, stepElapsedMs: 5_000 }, { guardrails: [silent] }))).toMatchObject({
      sentence: expect.stringContaining('errors undecided: silent until a block begins after 2,000 compared requests: 812 so far') as string,
    });
  });

  it('leaves a weight at once', () => {
    expect(moved(at({ step: 3, weightHundredths: 1_000 }, {}, 0))).toMatchObject({ action: 'advance', to: { step: 4, weightHundredths: 1_000 } });
  });

  it('leaves a pause after its duration', () => {
    expect(at({ step: 5, weightHundredths: 1_000, stepElapsedMs: 1_999 }).action).toBe('nothing');
    expect(moved(at({ step: 5, weightHundredths: 1_000, stepElapsedMs: 2_000 }))).toMatchObject({ to: { step: 6, weightHundredths: 10_000 } });
  });

  it('pauses at a pause without duration', () => {
    const decided = decide({
      record: recordWith({ phase: 'progressing' }),
      plan: planWith({ steps: [{ setWeight: 5 }, { pause: {} }] }),
      assessment: assessmentWith(),
      tickedMs: 1_000,
    });
    expect(moved(decided)).toMatchObject({ action: 'advance', to: { phase: 'paused', step: 1 } });
  });

  it('bakes after the last step and is promoted after the bake', () => {
    expect(moved(at({ step: 6, weightHundredths: 10_000 }))).toMatchObject({
      action: 'bake',
      to: { phase: 'baking', step: 6, weightHundredths: 10_000, bakeElapsedMs: 0 },
    });
    expect(at({ phase: 'baking', step: 6, weightHundredths: 10_000, bakeElapsedMs: 8_999 })).toEqual({ action: 'nothing', waitsFor: null });
    expect(moved(at({ phase: 'baking', step: 6, weightHundredths: 10_000, bakeElapsedMs: 9_000 }))).toMatchObject({
      action: 'promoted',
      to: { phase: 'promoted', weightHundredths: 10_000 },
    });
  });

  it.each([{ worse }, { ineligibleShare: 0.01 }, { sampleRatioAlarm: 'the coin is off' }, { outcomesDueAtMs: 1_767_225_600_000 }])(
    'does not promote with %o',
    (change) => {
      expect(at({ phase: 'baking', step: 6, weightHundredths: 10_000, bakeElapsedMs: 9_000 }, change)).toMatchObject({
        action: 'nothing',
        waitsFor: expect.any(String),
      });
    },
  );
});

describe('what holds a rollout', () => {
  it('holds an advance while too many requests are ineligible, then goes on', () => {
    expect(moved(at(last, { ineligibleShare: 0.0011 })).sentence).toBe(
      "held: 0.11 % of the requests of the last hour satisfy only the baseline's contract, the plan allows 0.1 %",
    );
    expect(at({ ...last, phase: 'held', heldFor: 'ineligible', stepElapsedMs: 5_000 }, { ineligibleShare: 0.001 }).action).toBe('advance');
  });

  it('holds at once on a sample-ratio alarm, and goes on when it is over', () => {
    expect(moved(at({ step: 0 }, { sampleRatioAlarm: 'the coin is off' }))).toMatchObject({
      action: 'hold',
      to: { heldFor: 'sample-ratio' },
      sentence: 'held: the coin is off',
    });
    expect(moved(at({ step: 0, phase: 'held', heldFor: 'sample-ratio' }))).toMatchObject({ action: 'continue', to: { phase: 'progressing', heldFor: null } });
  });

  it('holds while the labels of an outcome are not trusted, but not the end of a bake, which asks for no outcome', () => {
    const labelAlarm = 'ndcg came for 600 candidate requests where 300 were due: the labels are not trusted';
    expect(moved(at({ step: 0 }, { labelAlarm }))).toMatchObject({ action: 'hold', to: { heldFor: 'sample-ratio' }, sentence: `held: ${labelAlarm}` });
    expect(at({ phase: 'baking', step: 6, weightHundredths: 10_000, bakeElapsedMs: 9_000 }, { labelAlarm }).action).toBe('promoted');
  });

  it('says when the last outcomes are mature, at the end of a bake', () => {
    expect(at({ phase: 'baking', step: 6, weightHundredths: 10_000, bakeElapsedMs: 9_000 }, { outcomesDueAtMs: 1_767_225_600_000 })).toEqual({
      action: 'nothing',
      waitsFor: 'the last outcomes, which are mature at 2026-01-01T00:00:00.000Z',
    });
  });

  it.each([
    { phase: 'progressing', during: 'held', after: 'progressing' },
    { phase: 'paused', during: 'paused', after: 'paused' },
    { phase: 'inconclusive', during: 'inconclusive', after: 'inconclusive' },
    { phase: 'baking', during: 'baking', after: 'baking' },
  ] as const)('keeps the weight of a $phase rollout while a signal rests it', ({ phase, during, after }) => {
    const rested = moved(at({ phase, step: 4, weightHundredths: 1_000 }, { signal: lag }));
    expect(rested).toMatchObject({ action: 'hold', to: { phase: during, signal: 'feature-lag', weightHundredths: 1_000 } });
    expect(at(rested.to, { signal: lag }).action).toBe('nothing');
    expect(moved(at(rested.to))).toMatchObject({ action: 'continue', to: { phase: after, signal: null, weightHundredths: 1_000 } });
  });

  it('moves nothing while the store is down', () => {
    expect(at(last, { storeDown: true })).toEqual({ action: 'nothing', waitsFor: 'the store, which is down' });
  });

  it.each([
    { record: { phase: 'held', heldFor: 'signal', signal: 'feature-lag' }, change: { signal: lag } },
    { record: { phase: 'held', heldFor: 'sample-ratio' }, change: { sampleRatioAlarm: 'x' } },
    { record: { phase: 'paused' }, change: {} },
  ] as const)('lets no step time pass in %o', ({ record, change }) => {
    expect(at({ ...last, stepElapsedMs: 0, ...record }, change, 1e9).action).toBe('nothing');
  });
});

describe('decide, whatever the evidence', () => {
  const guardrail = fc.constantFrom('worse', 'within-margin', 'undecided', 'not-measured').map((verdict) => errorsGuardrail(verdict as 'worse'));
  const assessments = fc.record({
    evidence: fc.option(fc.record({ value: fc.double({ min: 0, max: 200 }), threshold: fc.constant(100) })),
    worse: fc.option(fc.constant(worse)),
    guardrails: fc.array(guardrail, { maxLength: 1 }),
    candidateUnits: fc.nat(2_000),
    ineligibleShare: fc.option(fc.constantFrom(0, 0.5)),
    notCompared: fc.option(fc.constant('the comparison process died'), { freq: 4 }),
    sampleRatioAlarm: fc.option(fc.constant('the coin is off'), { freq: 4 }),
    labelAlarm: fc.option(fc.constant('the labels are not trusted'), { freq: 4 }),
    outcomesDueAtMs: fc.option(fc.constant(1_767_225_600_000), { freq: 2 }),
    signal: fc.option(fc.constant(lag), { freq: 4 }),
    storeDown: fc.boolean(),
  });
  const records = fc
    .record({
      phase: fc.constantFrom(...phases),
      step: fc.nat(plan.steps.length - 1),
      heldFor: fc.constantFrom('evidence', 'signal', 'ineligible', 'sample-ratio' as const),
      signal: fc.option(fc.constant('feature-lag')),
      stepElapsedMs: fc.nat(30_000),
      stepStartUnits: fc.nat(1_000),
      bakeElapsedMs: fc.nat(20_000),
    })
    .map((entry) =>
      recordWith({
        ...(entry as Partial<RolloutRecord>),
        heldFor: entry.phase === 'held' ? (entry.heldFor as RolloutRecord['heldFor']) : null,
        weightHundredths: plannedWeight(plan, entry.step),
      }),
    );

  it('raises the weight only by an advance with nothing worse, no signal, a trusted coin and a store', () => {
    fc.assert(
      fc.property(records, assessments, fc.nat(5_000), (record, assessment, tickedMs) => {
        const decided = decide({ record, plan, assessment, tickedMs });
        if (decided.action === 'nothing') return;
        const { to } = decided;
        if (to.weightHundredths > record.weightHundredths) {
          expect(['advance', 'bake']).toContain(decided.action);
          expect(assessment).toMatchObject({ worse: null, signal: null, sampleRatioAlarm: null, labelAlarm: null, storeDown: false });
        }
        if (to.weightHundredths < record.weightHundredths) expect(decided.action).toBe('roll-back');
      }),
    );
  });

  it('never skips or repeats a step, and reverses none', () => {
    fc.assert(
      fc.property(records, assessments, fc.nat(5_000), (record, assessment, tickedMs) => {
        const decided = decide({ record, plan, assessment, tickedMs });
        const step = decided.action === 'nothing' ? record.step : decided.to.step;
        expect(step - record.step).toBe(decided.action === 'advance' ? 1 : 0);
        if (decided.action === 'bake') expect(record.step).toBe(plan.steps.length - 1);
      }),
    );
  });

  it('passes the last analysis when and only when time, units and what it requires are there', () => {
    const open = assessments.map((assessment) => ({
      ...assessment,
      evidence: null,
      worse: null,
      ineligibleShare: 0,
      notCompared: null,
      sampleRatioAlarm: null,
      labelAlarm: null,
      signal: null,
      storeDown: false,
    }));
    const analysing = records.map((record): RolloutRecord => ({ ...record, phase: 'progressing', step: 4, heldFor: null, signal: null }));
    fc.assert(
      fc.property(analysing, open, fc.nat(5_000), (record, assessment, tickedMs) => {
        const complete =
          record.stepElapsedMs + tickedMs >= 5_000 &&
          assessment.candidateUnits - record.stepStartUnits >= 100 &&
          assessment.guardrails[0]?.verdict === 'within-margin';
        expect(decide({ record, plan, assessment, tickedMs }).action === 'advance').toBe(complete);
      }),
    );
  });

  it('rolls back when and only when the evidence of a live rollout reaches the threshold', () => {
    fc.assert(
      fc.property(records, assessments, (record, assessment) => {
        const reached = assessment.evidence !== null && assessment.evidence.value >= assessment.evidence.threshold;
        const live = (livePhases as readonly string[]).includes(record.phase);
        expect(decide({ record, plan, assessment, tickedMs: 1_000 }).action === 'roll-back').toBe(reached && live);
      }),
    );
  });

  it('gives the same decision for the same input, and changes no input', () => {
    fc.assert(
      fc.property(records, assessments, (record, assessment) => {
        const input = { record, plan, assessment, tickedMs: 1_000 };
        const before = structuredClone(input);
        expect(decide(input)).toEqual(decide(structuredClone(input)));
        expect(input).toEqual(before);
      }),
    );
  });
});
