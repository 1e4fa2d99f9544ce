import type { Phase, RolloutRecord } from '../store/rollout-store.ts';
import { hundredthsOf, type Plan } from './plan.ts';

/** Where a rollout stands in its plan: the part of its record that moves change. */
export type Position = Pick<RolloutRecord, 'phase' | 'weightHundredths' | 'step' | 'heldFor' | 'signal' | 'stepElapsedMs' | 'stepStartUnits' | 'bakeElapsedMs'>;

/** All traffic, in hundredths of a percent. */
export const fullWeightHundredths = 10_000;

const livePhases: readonly Phase[] = ['progressing', 'held', 'paused', 'inconclusive', 'baking'];

/** Whether the candidate may have traffic now: guards are on in each of these phases. */
export const isLive = (phase: Phase): boolean => livePhases.includes(phase);

/** The position in a record, without the rest. */
export const positionOf = (record: Position): Position => ({
  phase: record.phase,
  weightHundredths: record.weightHundredths,
  step: record.step,
  heldFor: record.heldFor,
  signal: record.signal,
  stepElapsedMs: record.stepElapsedMs,
  stepStartUnits: record.stepStartUnits,
  bakeElapsedMs: record.bakeElapsedMs,
});

/** The weight that the plan gives a step, in hundredths of a percent: that of the last `setWeight` up to it, 0 before the first. */
export const plannedWeight = (plan: Plan, step: number): number => {
  const weights = plan.steps.slice(0, step + 1).flatMap((entry) => ('setWeight' in entry ? [entry.setWeight] : []));
  return hundredthsOf(weights.at(-1) ?? 0);
};

/** Whether a step waits for a person. */
export const waitsForPerson = (plan: Plan, step: number): boolean => {
  const entry = plan.steps[step];
  return entry !== undefined && 'pause' in entry && entry.pause.duration === undefined;
};

/** Weight 100 with the old baseline warm. The step stays the last one of the plan. */
export const bakingPosition = (plan: Plan, { signal, units }: { readonly signal: string | null; readonly units: number }): Position => ({
  phase: 'baking',
  weightHundredths: fullWeightHundredths,
  step: plan.steps.length - 1,
  heldFor: null,
  signal,
  stepElapsedMs: 0,
  stepStartUnits: units,
  bakeElapsedMs: 0,
});

/** The phase of a rollout that the engine drives: a signal in force holds it. */
export const drivenPhase = (signal: string | null): Pick<Position, 'phase' | 'heldFor'> =>
  signal === null ? { phase: 'progressing', heldFor: null } : { phase: 'held', heldFor: 'signal' };

/** The position at the beginning of a step; past the last step the bake begins. A signal in force stays so: it is not a move. */
export const enterStep = (plan: Plan, step: number, at: { readonly signal: string | null; readonly units: number }): Position => {
  if (step >= plan.steps.length) return bakingPosition(plan, at);
  return {
    ...(waitsForPerson(plan, step) ? { phase: 'paused', heldFor: null } : drivenPhase(at.signal)),
    weightHundredths: plannedWeight(plan, step),
    step,
    signal: at.signal,
    stepElapsedMs: 0,
    stepStartUnits: at.units,
    bakeElapsedMs: 0,
  };
};

const stepClockRuns = ({ phase, heldFor, signal }: Position): boolean =>
  signal === null && (phase === 'progressing' || (phase === 'held' && heldFor === 'evidence'));

/** The clocks after some more ticked time. A clock that stands in this phase stays as it is. */
export const ticked = <At extends Position>(at: At, tickedMs: number): At => {
  if (stepClockRuns(at)) return { ...at, stepElapsedMs: at.stepElapsedMs + tickedMs };
  return at.phase === 'baking' && at.signal === null ? { ...at, bakeElapsedMs: at.bakeElapsedMs + tickedMs } : at;
};

/** A step in words: `step 2 (analysis)`. The number is the index that the state shows. */
export const stepWords = (plan: Plan, step: number): string => {
  const entry = plan.steps[step];
  if (entry === undefined) return 'the bake';
  if ('setWeight' in entry) return `step ${step} (weight ${entry.setWeight} %)`;
  return `step ${step} (${Object.keys(entry).join()})`;
};
