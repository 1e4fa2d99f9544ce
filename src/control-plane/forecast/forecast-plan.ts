/**
 * What a plan will do: for each step that takes time and each guard, how long a rollback of a bad candidate takes and what it
 * costs meanwhile, and whether a candidate that is as good as the baseline gets through before the deadline. Pure.
 */
import { outcomeWindowMs } from '../../bundle/acceptance.ts';
import type { Guard } from '../analysis/guard-test.ts';
import { stepWords } from '../position.ts';
import type { Forecast, GuardForecast, RollbackForecast, StepForecast } from './forecast.ts';
import { type Context, contextOf, type ForecastInput, likeBaseline, marchTo, stretchOf, type Timed, type Watched, watchedOf } from './forecast-context.ts';
import { type March, secondsUntil } from './march.ts';
import { stepFaults } from './plan-faults.ts';
import { type Effect, supposeEffects } from './suppose-effects.ts';
import { baselineRate } from './supposed-traffic.ts';

/** Outcomes enter the evidence when their window and a day have passed. */
const delaySeconds = ({ criterion }: Watched): number => {
  const windowMs = outcomeWindowMs(criterion);
  return windowMs === null ? 0 : (windowMs + 86_400_000) / 1_000;
};

const countsOnRequests = (kind: Guard['kind']): boolean => kind !== 'latency' && kind !== 'disagreement';

const forecastRollback = (
  watched: Watched,
  effect: Effect,
  { step, march, context }: { readonly step: Timed; readonly march: March; readonly context: Context },
): RollbackForecast => {
  const { traffic } = context;
  const delay = delaySeconds(watched);
  const stretch = stretchOf(watched, effect, { pace: step.pace, context });
  // Outcomes of a step come after it as well: they are watched to the end of the bake.
  const crossed = secondsUntil(stretch, march, { outcome: 'roll-back', limitSeconds: step.mostSeconds });
  const baselineValue = baselineRate(watched.criterion, traffic);
  const candidateRequests = traffic.requestsPerSecond * step.pace.w * Math.min(step.mostSeconds, (crossed ?? step.mostSeconds) + delay);
  const isLatency = watched.guard.kind === 'latency';
  return {
    effect: effect.name,
    baselineValue: isLatency ? 1 : baselineValue,
    candidateValue: isLatency ? (traffic.runMs * effect.slowness.factor + effect.slowness.addMs) / traffic.runMs : effect.rate,
    afterSeconds: crossed === null ? null : crossed + delay,
    candidateRequests,
    excessEvents: countsOnRequests(watched.guard.kind) ? candidateRequests * Math.abs(effect.rate - baselineValue) : null,
  };
};

const isRequired = ({ entry }: Timed, name: string): boolean => 'analysis' in entry && (entry.analysis.require ?? []).includes(name);

const forecastGuard = (watched: Watched, step: Timed, context: Context): GuardForecast => {
  const march = marchTo(watched, step.index, context);
  const identical = stretchOf(watched, likeBaseline(watched, context), { pace: step.pace, context });
  const isOutcome = outcomeWindowMs(watched.criterion) !== null;
  return {
    name: watched.guard.name,
    kind: watched.guard.kind,
    isRequired: isRequired(step, watched.guard.name),
    rollbacks: supposeEffects(watched.criterion, context.acceptance, context.traffic).map((effect) =>
      forecastRollback(watched, effect, { step, march, context }),
    ),
    withinMarginSeconds: isOutcome ? null : secondsUntil(identical, march, { outcome: 'within-margin', limitSeconds: step.mostSeconds }),
  };
};

/** At weight 0 nothing but pairs is counted. */
const countsIn = ({ pace }: Timed, { rollback }: Guard): boolean => pace.w > 0 || rollback.some(({ source }) => source === 'pairs' || source === 'differences');

const samplesSeconds = ({ entry, pace }: Timed): number | null => ('analysis' in entry ? entry.analysis.minSamples / (pace.unitsPerSecond * pace.w) : null);

const forecastStep = (step: Timed, watched: readonly Watched[], context: Context): StepForecast => ({
  step: step.index,
  words: stepWords(context.plan, step.index),
  weight: step.weightHundredths / 100,
  leastSeconds: step.leastSeconds,
  mostSeconds: step.mostSeconds,
  samplesSeconds: samplesSeconds(step),
  guards: watched.filter(({ guard }) => countsIn(step, guard)).map((entry) => forecastGuard(entry, step, context)),
});

/** Forecasts a plan. */
export const forecastPlan = (input: ForecastInput): Forecast => {
  const context = contextOf(input);
  const watched = watchedOf(context);
  const steps = context.timed.map((step) => forecastStep(step, watched, context));
  return { steps, faults: steps.flatMap((step) => stepFaults(step, context)) };
};
