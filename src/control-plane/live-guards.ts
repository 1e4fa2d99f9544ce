import { type Acceptance, type Criterion, isGuardrail } from '../bundle/acceptance.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { buildGuards } from './analysis/build-guards.ts';
import type { GuardCriterion } from './analysis/guard-criterion.ts';
import type { Plan } from './plan.ts';
import type { CountedGuard, EventOf } from './rollout-evidence.ts';
import { acceptanceOf, planOf, watchedOutputsOf } from './standing.ts';

/** A live criterion, how its events are counted, and why it is not counted if it is not. */
interface LiveCriterion {
  readonly criterion: GuardCriterion;
  readonly eventOf: EventOf | null;
}

/** The guards of a rollout, fixed by the acceptance and the plan with which it started; and why some are not measured, by name. */
export interface LiveGuards {
  readonly guards: readonly CountedGuard[];
  readonly unmeasured: Readonly<Record<string, string>>;
}

type Rate = Extract<GuardCriterion, { readonly kind: 'errorRate' | 'breachRate' | 'outputRate' | 'abstainRate' }>['margin'];

const rateMargin = ({ margin }: Criterion): Rate => (margin !== undefined && 'absolute' in margin ? margin : { relative: margin?.relative ?? 0 });

/** Kinds whose counts come from the comparison of pairs or from outcomes have no counts yet. */
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
    case 'outcomeMean':
      return { criterion: { name, kind: metric.kind, harm: metric.harm, margin: rateMargin(criterion) }, eventOf: null };
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
const liveGuards = (
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
  const notCounted = live.filter(({ eventOf }) => eventOf === null);
  return {
    guards: built.map((guard, index) => ({ guard, eventOf: live[index]?.eventOf ?? null })),
    unmeasured: Object.fromEntries(notCounted.map(({ criterion: { name, kind } }) => [name, `${kind} is not measured live yet`])),
  };
};

/** Length of the blocks in which evidence is sealed, seconds. */
export const blockSeconds = 60;

/** The guards of a rollout, by the plan and the acceptance that are kept with it. */
export const liveGuardsOf = (record: RolloutRecord): LiveGuards =>
  liveGuards(acceptanceOf(record), planOf(record), { watchedOutputs: watchedOutputsOf(record), blockMs: blockSeconds * 1_000 });
