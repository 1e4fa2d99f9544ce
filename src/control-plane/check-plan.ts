import { type Acceptance, isGuardrail, outcomeWindowMs } from '../bundle/acceptance.ts';
import type { Fault } from '../bundle/fault.ts';
import { outcomeGraceMs } from '../bundle/outcome-window.ts';
import type { Plan } from './plan.ts';

const hourMs = 3_600_000;

const hours = (durationMs: number): string => `${durationMs / hourMs} h`;

const bakeFaults = (file: string, plan: Plan, { criteria }: Acceptance): readonly Fault[] => {
  const windows = criteria.filter(isGuardrail).flatMap((criterion) => outcomeWindowMs(criterion) ?? []);
  const leastMs = windows.length === 0 ? 0 : Math.max(...windows) + outcomeGraceMs;
  if (plan.bake >= leastMs) return [];
  return [{ file, field: 'bake', got: hours(plan.bake), expected: `at least ${hours(leastMs)}: the longest outcome window of the candidate and 24 h` }];
};

const requireFaults = (file: string, plan: Plan, { criteria }: Acceptance): readonly Fault[] => {
  const names = criteria.filter(isGuardrail).map(({ name }) => name);
  const expected = names.length === 0 ? 'no name: the candidate has no live criterion' : `a live criterion of the candidate (${names.join(', ')})`;
  return plan.steps.flatMap((step, index) =>
    'analysis' in step
      ? (step.analysis.require ?? []).flatMap((name, place) =>
          names.includes(name) ? [] : [{ file, field: `steps.${index}.analysis.require.${place}`, got: name, expected }],
        )
      : [],
  );
};

/** What a plan asks for that its candidate's acceptance criteria do not hold. */
export const checkPlan = (file: string, plan: Plan, acceptance: Acceptance): readonly Fault[] => [
  ...bakeFaults(file, plan, acceptance),
  ...requireFaults(file, plan, acceptance),
];

const lastAnalysis = ({ steps }: Plan): number => {
  const full = steps.findIndex((step) => 'setWeight' in step && step.setWeight === 100);
  return steps.slice(0, full === -1 ? steps.length : full).findLastIndex((step) => 'analysis' in step);
};

/**
 * The plan with each analysis' `require` written out: what the file names, or else none for an early analysis and all
 * guardrails but outcomes for the last one before 100 %. A ramp must move on ordinary traffic; the end of it must be earned.
 */
export const withRequirements = (plan: Plan, { criteria }: Acceptance): Plan => {
  const last = lastAnalysis(plan);
  const earned = criteria.filter((criterion) => isGuardrail(criterion) && outcomeWindowMs(criterion) === null).map(({ name }) => name);
  const steps = plan.steps.map((step, index) =>
    'analysis' in step ? { analysis: { ...step.analysis, require: step.analysis.require ?? (index === last ? earned : []) } } : step,
  );
  return { ...plan, steps };
};
