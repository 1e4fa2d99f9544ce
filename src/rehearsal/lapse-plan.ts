import { blockSecondsOf, type Plan, type Step } from '../control-plane/plan.ts';

/** A look costs as much whatever has come in since the last one: a plan of days is looked at so often. */
const mostSeconds = 1_000;

const plannedMs = (step: Step): number => {
  if ('analysis' in step) return step.analysis.atLeast;
  if ('shadow' in step) return step.shadow.duration;
  return 'pause' in step ? (step.pause.duration ?? 0) : 0;
};

/** Seconds of the plan that pass in one second of a rehearsal: at least a block, since a second is the finest that evidence is counted in. */
export const lapseOf = (plan: Plan): number => {
  const wholeMs = plan.steps.reduce((sum, step) => sum + plannedMs(step), plan.bake);
  return Math.max(blockSecondsOf(plan), Math.ceil(wholeMs / 1_000 / mostSeconds));
};

/** The longest that a step takes while its clock runs. */
const longestMs = (step: Step): number => ('analysis' in step ? step.analysis.deadline : plannedMs(step));

const lapsedStep = (step: Step, lapsed: (ms: number) => number): Step => {
  if ('analysis' in step) return { analysis: { ...step.analysis, atLeast: lapsed(step.analysis.atLeast), deadline: lapsed(step.analysis.deadline) } };
  if ('shadow' in step) return { shadow: { ...step.shadow, duration: lapsed(step.shadow.duration) } };
  return 'pause' in step && step.pause.duration !== undefined ? { pause: { duration: lapsed(step.pause.duration) } } : step;
};

/** The same plan in a time lapse: steps and bake shrink alike, and a block is a second. */
export const lapsePlan = (plan: Plan): Plan => {
  const lapse = lapseOf(plan);
  const lapsed = (ms: number): number => Math.ceil(ms / lapse);
  return { ...plan, steps: plan.steps.map((step) => lapsedStep(step, lapsed)), block: 1_000, bake: lapsed(plan.bake) };
};

/** The engine looks once a second of a rehearsal: so long is a step at least. */
const lookMs = 1_000;

/**
 * Seconds of a rehearsal after which a rollout that has not ended waits for what does not come: twice what the plan allows. A hold for
 * ineligible requests or uneven arms stops the clock of the step, and with it the deadline; a shadow step has none.
 */
export const patienceSecondsOf = (plan: Plan): number => {
  const { steps, bake } = lapsePlan(plan);
  const longest = [...steps.map(longestMs), bake].map((ms) => Math.max(lookMs, ms));
  return (2 * longest.reduce((sum, ms) => sum + ms, 0)) / 1_000;
};
