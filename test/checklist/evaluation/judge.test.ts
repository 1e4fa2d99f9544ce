import { describe, expect, it } from 'vitest';
import { acceptanceSchema, type Criterion } from '../../../src/bundle/acceptance.ts';
import type { CaseAnswer, EvaluationCase } from '../../../src/checklist/evaluation/cases.ts';
import { judge } from '../../../src/checklist/evaluation/judge.ts';
import type { Answered } from '../../../src/checklist/evaluation/metrics.ts';

const criterion = (entry: object): Criterion => {
  const [one] = acceptanceSchema.parse({
    apiVersion: 'handoff/v1',
    kind: 'Acceptance',
    criteria: [{ name: 'one', appliesTo: ['offline'], ...entry }],
  }).criteria;
  if (one === undefined) throw new Error('there is no criterion');
  return one;
};

const noLoss = { compareTo: 'baseline', margin: { relative: 0 } };
const recall = { kind: 'recallAtPrecision', precision: 0.9 };
const area = { kind: 'areaUnderPrecisionRecall' };
const cost = { kind: 'cost', falsePositive: 1, falseNegative: 25 };
const ndcg = { kind: 'ndcg', k: 10 };
const flagRate = { kind: 'outputRate', output: 'flagged' };
const byNight = { kind: 'sliceGap', of: 'recallAtPrecision', by: 'is_night' };

const size = 40;
const indexes = Array.from({ length: size }, (_, index) => index);
const isFraud = (index: number): boolean => index % 2 === 1;

const casesWith = (labelOf: (index: number) => number | string): readonly EvaluationCase[] =>
  indexes.map((index) => ({ id: `case ${index}`, inputs: [{ is_night: index % 3 === 0 ? 1 : 0 }], labels: [labelOf(index)] }));
const frauds = casesWith((index) => Number(isFraud(index)));

const answer = (score: number): CaseAnswer => ({ outputs: [{ score, flagged: score > 0.5 }], breach: false, detail: null });
const none: CaseAnswer = { outputs: null, breach: false, detail: 'refused' };
/** Scores that tell frauds from the rest without a fault. */
const perfect = indexes.map((index) => answer(isFraud(index) ? 0.9 : 0.1));
const without = (leftOut: (index: number) => boolean): readonly CaseAnswer[] => perfect.map((one, index) => (leftOut(index) ? none : one));

const answered = (answers: readonly CaseAnswer[], cases = frauds): Answered => ({ cases, answers, groups: new Map() });
const both = (answers: readonly CaseAnswer[], cases = frauds) => ({ candidate: answered(answers, cases), baseline: answered(answers, cases) });

describe('judging a version that leaves cases unanswered', () => {
  const halfOfTheFrauds = without((index) => index % 4 === 1);

  it.each([
    ['recall at a precision', recall],
    ['the area under the curve', area],
  ])('counts them as not caught in %s', (_, metric) => {
    const judged = judge(criterion({ metric, ...noLoss }), { candidate: answered(halfOfTheFrauds), baseline: answered(perfect) });
    expect(judged).toMatchObject({ candidate: 0.5, baseline: 1, effect: -0.5, verdict: 'missed' });
  });

  it('flags them at no threshold, however low a precision is asked for', () => {
    const lowest = { kind: 'recallAtPrecision', precision: 0.01 };
    expect(judge(criterion({ metric: lowest, bound: { min: 0.9 } }), { candidate: answered(halfOfTheFrauds), baseline: null }).candidate).toBe(0.5);
  });

  it.each([recall, area, cost, flagRate])('says nothing for a candidate when the baseline answers none, by $kind', (metric) => {
    const judged = judge(criterion({ metric, ...noLoss }), { candidate: answered(perfect), baseline: answered(without(() => true)) });
    expect(judged).toMatchObject({ verdict: 'missed', why: 'on the baseline: no case was answered' });
  });

  it('says nothing where a share of nothing is asked for', () => {
    const nothingCaught = indexes.map((index) => answer(isFraud(index) ? 0.1 : 0.9));
    const judged = judge(criterion({ metric: recall, ...noLoss }), { candidate: answered(perfect), baseline: answered(nothingCaught) });
    expect(judged).toMatchObject({ effect: Number.POSITIVE_INFINITY, verdict: 'missed', why: expect.stringContaining('the baseline is at 0') });
  });

  it('says nothing when too many resamples have no value', () => {
    const oneFraud = casesWith((index) => Number(index === 1));
    const judged = judge(criterion({ metric: recall, bound: { min: 0.5 } }), {
      candidate: answered(
        indexes.map((index) => answer(index === 1 ? 0.9 : 0.1)),
        oneFraud,
      ),
      baseline: null,
    });
    expect(judged).toMatchObject({ candidate: 1, verdict: 'missed', why: expect.stringContaining('95 % interval has no end') });
  });
});

describe('judging by a margin and a bound', () => {
  const withBound = (bound: object) => criterion({ metric: flagRate, compareTo: 'baseline', margin: { absolute: 0.1 }, bound });

  it('meets it when both hold', () => {
    expect(judge(withBound({ max: 0.9 }), both(perfect))).toMatchObject({ verdict: 'met', allowed: 'within +-0.1, and the value at most 0.9' });
  });

  it('misses it when the bound alone is broken, and says so', () => {
    expect(judge(withBound({ max: 0.1 }), both(perfect))).toMatchObject({
      effect: 0,
      verdict: 'missed',
      why: expect.stringMatching(/^the value itself is 0\.5 /),
    });
  });

  it('misses it when the margin alone is broken', () => {
    const compared = { candidate: answered(perfect), baseline: answered(without(isFraud)) };
    expect(judge(withBound({ max: 0.9 }), compared)).toMatchObject({ effect: 0.5, verdict: 'missed', why: null });
  });

  it('does not show it when the bound is within the interval', () => {
    expect(judge(withBound({ max: 0.52 }), both(perfect)).verdict).toBe('met-not-shown');
  });

  it.each([
    [{ max: 0.9 }, 'not-compared'],
    [{ max: 0.1 }, 'missed'],
  ])('holds the bound %j without a baseline', (bound, verdict) => {
    expect(judge(withBound(bound), { candidate: answered(perfect), baseline: null }).verdict).toBe(verdict);
  });

  it('leaves the baseline out of a bound alone', () => {
    const compared = { candidate: answered(perfect), baseline: answered(without(() => true)) };
    expect(judge(criterion({ metric: flagRate, bound: { max: 0.9 } }), compared)).toMatchObject({ baseline: null, effect: null, verdict: 'met' });
  });
});

describe('judging on cases that cannot tell', () => {
  const one = frauds.slice(1, 2);
  const day = frauds.map((entry) => ({ ...entry, inputs: [{ is_night: 0 }] }));
  const nowhere = frauds.map((entry) => ({ ...entry, inputs: [{ hour: 1 }] }));
  const noNightFraud = casesWith((index) => Number(isFraud(index) && index % 3 !== 0));
  const scoresAlone = indexes.map((): CaseAnswer => ({ outputs: [{ score: 0.5 }], breach: false, detail: null }));
  const words = casesWith((index) => (isFraud(index) ? 'fraud' : 'fine'));
  const ordinary = casesWith(() => 0);

  it.each<[string, object, readonly EvaluationCase[], readonly CaseAnswer[], string]>([
    ['labels of words', recall, words, perfect, 'label fine of case case 0 is neither 0 nor 1'],
    ['labels of words', cost, words, perfect, 'label fine of case case 0 is neither 0 nor 1'],
    ['labels of words', ndcg, words, perfect, 'case case 0 has a label that is no grade'],
    ['no positive', recall, ordinary, perfect, 'no case has the label 1'],
    ['no positive', area, ordinary, perfect, 'no case has the label 1'],
    ['no positive', cost, ordinary, perfect, 'no case has the label 1'],
    ['no negative', recall, casesWith(() => 1), perfect, 'no case has the label 0'],
    ['rows of one grade', ndcg, frauds, perfect, 'no case has rows of different grades: every order is as good'],
    ['one case', flagRate, one, perfect.slice(1, 2), 'held-out cases: 1, and an interval needs 4 or more'],
    ['answers without a class', { kind: 'accuracy' }, words, perfect, 'no answer has a class'],
    ['answers without a flag', cost, frauds, scoresAlone, 'no answer has an output that is true or false'],
    ['answers without the output', flagRate, frauds, scoresAlone, 'no answer has the output flagged, true or false'],
    ['a field that no case has', byNight, nowhere, perfect, 'no case has the field is_night'],
    ['one slice', byNight, day, perfect, 'every case has the same is_night'],
    ['a slice without positives', byNight, noNightFraud, perfect, 'where is_night is 1: no case has the label 1'],
  ])('misses on %s, and says why', (_, ...[metric, cases, answers, why]) => {
    expect(judge(criterion({ metric, ...noLoss }), both(answers, cases))).toMatchObject({ verdict: 'missed', why });
    expect(judge(criterion({ metric, bound: { max: 1e6 } }), both(answers, cases))).toMatchObject({ verdict: 'missed', why });
  });

  it('judges as before on those that can', () => {
    for (const metric of [recall, area, cost, flagRate, byNight])
      expect(judge(criterion({ metric, ...noLoss }), both(perfect))).toMatchObject({ effect: 0, verdict: 'met', why: null });
  });
});
