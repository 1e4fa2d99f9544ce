import { describe, expect, it } from 'vitest';
import { type Acceptance, acceptanceSchema, noAcceptance } from '../../src/bundle/acceptance.ts';
import { checkDocument } from '../../src/bundle/fault.ts';
import { checkPlan, withRequirements } from '../../src/control-plane/check-plan.ts';
import { type Plan, planSchema } from '../../src/control-plane/plan.ts';
import { planWith } from '../support/plan.ts';

const live = { compareTo: 'baseline', margin: { relative: 0.1 }, appliesTo: ['live'] };
const acceptance: Acceptance = acceptanceSchema.parse({
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    { name: 'errors', metric: { kind: 'errorRate' }, ...live },
    { name: 'latency', metric: { kind: 'latency', quantiles: [0.5] }, ...live },
    { name: 'caught', metric: { kind: 'outcomeRate', outcome: 'x', harm: 'lower', window: '2d' }, ...live },
    { name: 'offline-only', metric: { kind: 'accuracy' }, ...live, appliesTo: ['offline'] },
    { name: 'backstop', metric: { kind: 'errorRate' }, bound: { max: 0.1 }, appliesTo: ['live'] },
  ],
});

const requirements = (plan: Plan): unknown[] => plan.steps.map((step) => ('analysis' in step ? (step.analysis.require ?? 'nothing said') : null));
const analysis = (changes: Record<string, unknown> = {}) => ({ analysis: { atLeast: '1m', deadline: '1h', ...changes } });

describe('a plan against the acceptance of its candidate', () => {
  it('bakes for the longest outcome window and a day', () => {
    expect(checkPlan('rollout/x.yaml', planWith({ bake: '72h' }), acceptance)).toEqual([]);
    expect(checkPlan('rollout/x.yaml', planWith({ bake: '71h' }), acceptance)).toEqual([
      { file: 'rollout/x.yaml', field: 'bake', got: '71 h', expected: 'at least 72 h: the longest outcome window of the candidate and 24 h' },
    ]);
  });

  it.each(['nothing', 'offline-only', 'backstop'])('requires no criterion %s that no guardrail watches', (name) => {
    expect(checkPlan('rollout/x.yaml', planWith({ bake: '3d', steps: [{ setWeight: 1 }, analysis({ require: ['errors', name] })] }), acceptance)).toEqual([
      { file: 'rollout/x.yaml', field: 'steps.1.analysis.require.1', got: name, expected: 'a live criterion of the candidate (errors, latency, caught)' },
    ]);
  });

  it('requires nothing of a candidate without criteria', () => {
    expect(checkPlan('rollout/x.yaml', planWith({ bake: '0s' }), noAcceptance).map(({ expected }) => expected)).toEqual([
      'no name: the candidate has no live criterion',
    ]);
  });
});

describe('what an analysis requires', () => {
  it.each([
    {
      what: 'before 100 %',
      steps: [{ setWeight: 1 }, analysis(), { setWeight: 10 }, analysis(), { setWeight: 100 }, analysis()],
      required: [[], ['errors', 'latency'], []],
    },
    { what: 'of a plan that ends below 100 %', steps: [{ setWeight: 1 }, analysis(), analysis()], required: [[], ['errors', 'latency']] },
    {
      what: 'unless the plan says otherwise',
      steps: [{ setWeight: 1 }, analysis({ require: ['caught'] }), analysis({ require: [] })],
      required: [['caught'], []],
    },
  ])('is all guardrails but outcomes for the last one $what', ({ steps, required }) => {
    expect(requirements(withRequirements(planWith({ steps }), acceptance)).filter((entry) => entry !== null)).toEqual(required);
  });
});

it('refuses a deadline before the least time, with its path', () => {
  const document = { ...JSON.parse(JSON.stringify(planWith())), bake: '1d', steps: [{ setWeight: 1 }, analysis({ atLeast: '2h' })] };
  expect(checkDocument(planSchema, 'rollout/x.yaml', document).faults).toEqual([
    { file: 'rollout/x.yaml', field: 'steps.1.analysis.deadline', got: '1h', expected: 'a deadline that is not before atLeast' },
  ]);
});
