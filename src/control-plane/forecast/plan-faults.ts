import type { Acceptance } from '../../bundle/acceptance.ts';
import type { Plan } from '../plan.ts';
import { plannedWeight } from '../position.ts';
import { durationWords } from './duration-words.ts';
import type { GuardForecast, PlanFault, StepForecast } from './forecast.ts';
import { type Context, contextOf, type ForecastInput, likeBaseline, marchTo, stretchOf, watchedOf } from './forecast-context.ts';
import { secondsUntil } from './march.ts';

const yearSeconds = 365 * 86_400;

/** Why a step of a plan cannot be decided in its time; empty when it can. */
export const stepFaults = (step: StepForecast, context: Context): readonly PlanFault[] => [
  ...sampleFaults(step),
  ...step.guards.filter((guard) => guard.isRequired && guard.withinMarginSeconds === null).map((guard) => guardFault(step, guard, context)),
];

const sampleFaults = ({ step, words, samplesSeconds: needed, mostSeconds }: StepForecast): readonly PlanFault[] => {
  if (needed === null || needed <= mostSeconds) return [];
  const when = Number.isFinite(needed) ? `after ${durationWords(needed)}` : 'never';
  const problem = `${words}: the candidate gets the least number of requests ${when}, the deadline is ${durationWords(mostSeconds)}`;
  return [{ step, guard: null, problem, remedies: sampleRemedies(needed) }];
};

const sampleRemedies = (samples: number): readonly string[] =>
  Number.isFinite(samples) ? [`a deadline of ${durationWords(samples)}`, 'a larger weight', 'a smaller minSamples'] : ['a weight above 0'];

const guardFault = (step: StepForecast, { name, kind }: GuardForecast, context: Context): PlanFault => ({
  step: step.step,
  guard: name,
  problem: `${step.words} requires ${name} to be within its margin: a candidate like the baseline does not get there before the deadline of ${durationWords(step.mostSeconds)}`,
  remedies: [
    longerDeadline(step.step, name, context),
    kind === 'latency' || kind === 'disagreement' ? largerShare(step.step, name, context) : largerWeight(step.step, name, context),
    widerMargin(step.step, name, context),
  ].flatMap((remedy) => remedy ?? []),
});

/** Seconds in a step until a candidate like the baseline is within the margin of a guard, in a plan that was changed. */
const withinMargin = (input: ForecastInput, at: { readonly step: number; readonly name: string; readonly limitSeconds?: number }): number | null => {
  const context = contextOf(input);
  const watched = watchedOf(context).find(({ guard }) => guard.name === at.name);
  const step = context.timed.find(({ index }) => index === at.step);
  if (watched === undefined || step === undefined) return null;
  const stretch = stretchOf(watched, likeBaseline(watched, context), { pace: step.pace, context });
  return secondsUntil(stretch, marchTo(watched, step.index, context), { outcome: 'within-margin', limitSeconds: at.limitSeconds ?? step.mostSeconds });
};

const longerDeadline = (step: number, name: string, context: Context): string | null => {
  const seconds = withinMargin(context, { step, name, limitSeconds: yearSeconds });
  return seconds === null ? null : `a deadline of ${durationWords(seconds)}`;
};

/** The smallest of the sizes that suffices, sizes rising. */
const smallest = <Size>(sizes: readonly Size[], suffices: (size: Size) => boolean): Size | null => sizes.find(suffices) ?? null;

const withWeight = (plan: Plan, step: number, weight: number): Plan => {
  const last = plan.steps.slice(0, step + 1).findLastIndex((entry) => 'setWeight' in entry);
  return { ...plan, steps: plan.steps.map((entry, index) => (index === last ? { setWeight: weight } : entry)) };
};

const weights = [1, 2, 5, 10, 15, 20, 25, 30, 40, 50];
const shares = [1, 2, 5, 10, 15, 20, 30, 40, 50, 75, 100];
const marginFactors = [1.25, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10];

const largerWeight = (step: number, name: string, context: Context): string | null => {
  const now = plannedWeight(context.plan, step) / 100;
  const weight = smallest(
    weights.filter((size) => size > now),
    (size) => withinMargin({ ...context, plan: withWeight(context.plan, step, size) }, { step, name }) !== null,
  );
  return weight === null ? null : `a weight of ${weight} %`;
};

const largerShare = (step: number, name: string, context: Context): string | null => {
  const share = smallest(
    shares.filter((size) => size > context.plan.compare.share),
    (size) => withinMargin({ ...context, plan: { ...context.plan, compare: { ...context.plan.compare, share: size } } }, { step, name }) !== null,
  );
  return share === null ? null : `a comparison share of ${share} %`;
};

const withMargin = (acceptance: Acceptance, name: string, factor: number): Acceptance => ({
  ...acceptance,
  criteria: acceptance.criteria.map((criterion) => {
    const { margin } = criterion;
    if (criterion.name !== name || margin === undefined) return criterion;
    return { ...criterion, margin: 'absolute' in margin ? { absolute: margin.absolute * factor } : { ...margin, relative: margin.relative * factor } };
  }),
});

const widerMargin = (step: number, name: string, context: Context): string | null => {
  const margin = context.acceptance.criteria.find((criterion) => criterion.name === name)?.margin;
  const factor = smallest(
    marginFactors,
    (size) => withinMargin({ ...context, acceptance: withMargin(context.acceptance, name, size) }, { step, name }) !== null,
  );
  if (factor === null || margin === undefined) return null;
  return 'absolute' in margin
    ? `a margin of ${Number((margin.absolute * factor).toPrecision(3))} absolute`
    : `a margin of ${Number((margin.relative * factor).toPrecision(3))} relative`;
};
