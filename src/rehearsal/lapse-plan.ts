import { blockSecondsOf, type Plan, type Step } from '../control-plane/plan.ts';

/** Seconds of the plan that pass in one second of a rehearsal: a block becomes a second, the finest that evidence is counted in. */
export const lapseOf = (plan: Plan): number => blockSecondsOf(plan);

const lapsedStep = (step: Step, lapsed: (ms: number) => number): Step => {
  if ('analysis' in step) return { analysis: { ...step.analysis, atLeast: lapsed(step.analysis.atLeast), deadline: lapsed(step.analysis.deadline) } };
  if ('shadow' in step) return { shadow: { ...step.shadow, duration: lapsed(step.shadow.duration) } };
  return 'pause' in step && step.pause.duration !== undefined ? { pause: { duration: lapsed(step.pause.duration) } } : step;
};

/** The same plan in a time lapse: steps, blocks and bake shrink alike, so that the evidence is cut into the same blocks with the same counts. */
export const lapsePlan = (plan: Plan): Plan => {
  const lapse = lapseOf(plan);
  const lapsed = (ms: number): number => Math.ceil(ms / lapse);
  return { ...plan, steps: plan.steps.map((step) => lapsedStep(step, lapsed)), block: 1_000, bake: lapsed(plan.bake) };
};
