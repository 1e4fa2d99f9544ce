import type { Acceptance, Criterion } from '../bundle/acceptance.ts';
import { isGuardrail } from '../bundle/acceptance.ts';
import { buildGuards } from './analysis/build-guards.ts';
import type { GuardCriterion } from './analysis/guard-criterion.ts';
import type { WatchedOutcome } from './outcome-evidence.ts';
import type { Plan } from './plan.ts';
import type { CountedGuard, EventOf } from './rollout-evidence.ts';

/** A live criterion, how its events are counted, and why it is not counted if it is not. */
interface LiveCriterion {
  readonly criterion: GuardCriterion;
  readonly eventOf: EventOf | null;
  readonly outcome?: WatchedOutcome;
}

/** The guards of a rollout, fixed by the acceptance and the plan with which it started; and why some are not measured, by name. */
export interface LiveGuards {
  readonly guards: readonly CountedGuard[];
  readonly unmeasured: Readonly<Record<string, string>>;
}

type Rate = Extract<GuardCriterion, { readonly kind: 'errorRate' | 'breachRate' | 'outputRate' | 'abstainRate' }>['margin'];

const rateMargin = ({ margin }: Criterion): Rate => (margin !== undefined && 'absolute' in margin ? margin : { relative: margin?.relative ?? 0 });

/** Kinds whose counts come from the comparison of pairs have no counts yet. */
const liveCriterion = (criterion: Criterion, watchedOutputs: readonly string[]): LiveCriterion | null => {
  const { name, metric, margin } = criterion;
  switch (metric.kind) {
    case 'errorRate':
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, eventOf: (cell) => cell.errors };
    case 'breachRate':
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, eventOf: (cell) => cell.breaches };
    case 'abstainRate':
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, eventOf: (cell) => cell.abstained };
    case 'outputRate': {
      const output = watchedOutputs.indexOf(metric.output);
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, eventOf: (cell) => cell.flagged[output] ?? 0 };
    }
    case 'latency':
      return {
        criterion: {
          name,
          kind: metric.kind,
          quantiles: metric.quantiles,
          margin: { relative: margin !== undefined && 'relative' in margin ? margin.relative : 0 },
        },
        eventOf: null,
      };
    case 'disagreement':
      return {
        criterion: { name, kind: metric.kind, margin: { absolute: margin !== undefined && 'absolute' in margin ? margin.absolute : 0 } },
        eventOf: null,
      };
    case 'outcomeRate':
      return {
        criterion: { name, kind: metric.kind, harm: metric.harm, margin: rateMargin(criterion) },
        eventOf: null,
        outcome: { name: metric.outcome, kind: 'rate', windowMs: metric.window },
      };
    case 'outcomeMean': {
      const mean = metric.historicalMean === undefined ? {} : { historicalMean: metric.historicalMean };
      return {
        criterion: { name, kind: metric.kind, harm: metric.harm, margin: rateMargin(criterion), ...mean },
        eventOf: null,
        outcome: { name: metric.outcome, kind: 'mean', windowMs: metric.window },
      };
    }
    default:
      return null;
  }
};

/** Planned blocks of the whole rollout: the time that its steps take at least, in blocks. */
const plannedBlocksOf = ({ steps }: Plan, blockMs: number): number => {
  const plannedMs = steps.reduce((sum, step) => {
    if ('analysis' in step) return sum + step.analysis.atLeast;
    if ('shadow' in step) return sum + step.shadow.duration;
    return sum + ('pause' in step ? (step.pause.duration ?? 0) : 0);
  }, 0);
  return Math.max(1, Math.ceil(plannedMs / blockMs));
};

/** Makes the guards of a rollout from what was agreed. */
export const liveGuards = (
  acceptance: Acceptance,
  plan: Plan,
  { watchedOutputs, blockMs }: { readonly watchedOutputs: readonly string[]; readonly blockMs: number },
): LiveGuards => {
  const live = acceptance.criteria.filter(isGuardrail).flatMap((criterion) => liveCriterion(criterion, watchedOutputs) ?? []);
  const built = buildGuards({
    criteria: live.map(({ criterion }) => criterion),
    keyed: plan.routingKey !== undefined,
    compared: false,
    plannedBlocks: plannedBlocksOf(plan, blockMs),
  });
  const notCounted = live.filter(({ eventOf, outcome }) => eventOf === null && outcome === undefined);
  return {
    guards: built.map((guard, index) => ({ guard, eventOf: live[index]?.eventOf ?? null, outcome: live[index]?.outcome ?? null })),
    unmeasured: Object.fromEntries(notCounted.map(({ criterion: { name, kind } }) => [name, `${kind} is not measured live yet`])),
  };
};
