import { type Acceptance, type Criterion, isGuardrail } from '../../bundle/acceptance.ts';
import { maxPairsPerSecond, versionsProbability } from '../../pair-sampling.ts';
import type { Guard } from '../analysis/guard-test.ts';
import { liveGuards } from '../live-guards.ts';
import { blockSecondsOf, type Plan, type Step } from '../plan.ts';
import { plannedWeight } from '../position.ts';
import { expectCounts } from './expected-counts.ts';
import { type March, marchFor, type Pace, type Stretch, startMarch } from './march.ts';
import { asFast } from './run-times.ts';
import type { Effect } from './suppose-effects.ts';
import { baselineRate, type SupposedTraffic } from './supposed-traffic.ts';

/** What a forecast is made from. */
export interface ForecastInput {
  /** With the requirements of its analyses written out. */
  readonly plan: Plan;
  readonly acceptance: Acceptance;
  readonly traffic: SupposedTraffic;
}

/** A step that takes time, as traffic sees it. */
export interface Timed {
  readonly index: number;
  readonly entry: Step;
  readonly leastSeconds: number;
  readonly mostSeconds: number;
  readonly weightHundredths: number;
  readonly pace: Pace;
}

/** A guard with its criterion. */
export interface Watched {
  readonly criterion: Criterion;
  readonly guard: Guard;
}

/** A forecast's input with what is derived from it once. */
export interface Context extends ForecastInput {
  readonly blockSeconds: number;
  readonly timed: readonly Timed[];
}

const timesOf = (entry: Step): { readonly leastMs: number; readonly mostMs: number } | null => {
  if ('analysis' in entry) return { leastMs: entry.analysis.atLeast, mostMs: entry.analysis.deadline };
  if ('shadow' in entry) return { leastMs: entry.shadow.duration, mostMs: entry.shadow.duration };
  if ('pause' in entry && entry.pause.duration !== undefined) return { leastMs: entry.pause.duration, mostMs: entry.pause.duration };
  return null;
};

/** Whether some compared requests are run by the baseline twice. */
const asksForDifferences = ({ criteria }: Acceptance): boolean =>
  criteria.some((criterion) => isGuardrail(criterion) && criterion.metric.kind === 'disagreement');

/** Pairs of both versions: drawn from the requests, and bounded by the lane and by the CPU that two runs a pair may take. */
const pairsPerSecond = ({ plan: { compare }, acceptance, traffic: { requestsPerSecond, runMs } }: ForecastInput, entry: Step): number => {
  const share = 'shadow' in entry ? entry.shadow.share : compare.share;
  const affordable = compare.maxCpuPercent / 100 / ((2 * runMs) / 1_000);
  const compared = Math.min((requestsPerSecond * share) / 100, affordable, maxPairsPerSecond);
  return asksForDifferences(acceptance) ? compared * versionsProbability : compared;
};

const timedSteps = (input: ForecastInput): readonly Timed[] => {
  const { plan, traffic } = input;
  return plan.steps.flatMap((entry, index) => {
    const times = timesOf(entry);
    const weightHundredths = plannedWeight(plan, index);
    if (times === null) return [];
    const pairs = pairsPerSecond(input, entry);
    const pace = {
      unitsPerSecond: traffic.requestsPerSecond * traffic.unitShare,
      pairsPerSecond: pairs,
      firstPairsPerSecond: pairs * traffic.unitShare,
      w: weightHundredths / 10_000,
    };
    return [{ index, entry, weightHundredths, pace, leastSeconds: times.leastMs / 1_000, mostSeconds: times.mostMs / 1_000 }];
  });
};

/** Derives what every part of a forecast needs. */
export const contextOf = (input: ForecastInput): Context => ({ ...input, blockSeconds: blockSecondsOf(input.plan), timed: timedSteps(input) });

/** The guards of the rollout, as the engine will make them. */
export const watchedOf = ({ plan, acceptance }: Context): readonly Watched[] => {
  const outputs = acceptance.criteria.flatMap(({ metric }) => (metric.kind === 'outputRate' ? [metric.output] : []));
  const { guards } = liveGuards(acceptance, plan, outputs);
  return acceptance.criteria.filter(isGuardrail).flatMap((criterion) => {
    const found = guards.find(({ guard }) => guard.name === criterion.name);
    return found === undefined ? [] : [{ criterion, guard: found.guard }];
  });
};

/** A guard under a supposed candidate, at the pace of a step. */
export const stretchOf = ({ guard, criterion }: Watched, effect: Effect, { pace, context }: { readonly pace: Pace; readonly context: Context }): Stretch => {
  const { traffic, plan, blockSeconds } = context;
  const counts = expectCounts({ guard, rate: baselineRate(criterion, traffic), runMs: traffic.runMs, effect });
  return { guard, counts, pace, blockSeconds, risk: { alpha: plan.risk.falseRollback, beta: plan.risk.falsePromotion } };
};

/** A candidate that is as good as the baseline. */
export const likeBaseline = ({ criterion }: Watched, { traffic }: Context): Effect => ({
  name: 'as the baseline',
  rate: baselineRate(criterion, traffic),
  slowness: asFast,
});

/** Where a candidate like the baseline stands when a step begins, each earlier one having taken its least time. */
export const marchTo = (watched: Watched, step: number, context: Context): March =>
  context.timed
    .filter(({ index }) => index < step)
    .reduce(
      (march, { pace, leastSeconds }) => marchFor(stretchOf(watched, likeBaseline(watched, context), { pace, context }), march, leastSeconds),
      startMarch(watched.guard),
    );
