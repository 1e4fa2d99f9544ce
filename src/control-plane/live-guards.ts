import { type Acceptance, type Criterion, isGuardrail } from '../bundle/acceptance.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { buildGuards } from './analysis/build-guards.ts';
import type { GuardCriterion } from './analysis/guard-criterion.ts';
import type { PairSource } from './count-pairs.ts';
import type { CountedGuard, EventOf } from './open-block.ts';
import type { WatchedOutcome } from './outcome-evidence.ts';
import { blockSecondsOf, type Plan, type Step } from './plan.ts';
import { acceptanceOf, planOf, watchedOutputsOf } from './standing.ts';

/** A live criterion, and how its events are counted in requests and in pairs. */
interface LiveCriterion {
  readonly criterion: GuardCriterion;
  readonly eventOf: EventOf | null;
  readonly event: string | null;
  readonly pairsOf: PairSource | null;
  readonly outcome: WatchedOutcome | null;
}

/** The guards of a rollout, fixed by the acceptance and the plan with which it started; and why some are not measured, by name. */
export interface LiveGuards {
  readonly guards: readonly CountedGuard[];
  readonly unmeasured: Readonly<Record<string, string>>;
}

type Rate = Extract<GuardCriterion, { readonly kind: 'errorRate' | 'breachRate' | 'outputRate' | 'abstainRate' }>['margin'];

const rateMargin = ({ margin }: Criterion): Rate => (margin !== undefined && 'absolute' in margin ? margin : { relative: margin?.relative ?? 0 });

/** Where neither requests nor pairs hold the counts of a guard. */
const notInRequests = { eventOf: null, event: null, pairsOf: null } as const;

/** Where requests hold the counts of a guard, by the event's name. */
const inRequests = (event: string, eventOf: EventOf, pairsOf: PairSource | null) => ({ event, eventOf, pairsOf, outcome: null });

const liveCriterion = (
  criterion: Criterion,
  { watchedOutputs, difference }: { readonly watchedOutputs: readonly string[]; readonly difference: number },
): LiveCriterion | null => {
  const { name, metric, margin } = criterion;
  switch (metric.kind) {
    case 'errorRate':
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, ...inRequests('error', (cell) => cell.errors, 'errors') };
    case 'breachRate':
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, ...inRequests('breach', (cell) => cell.breaches, 'breaches') };
    case 'abstainRate':
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, ...inRequests('abstained', (cell) => cell.abstained, null) };
    case 'outputRate': {
      const output = watchedOutputs.indexOf(metric.output);
      const counted = inRequests(`flagged ${output}`, (cell) => cell.flagged[output] ?? 0, null);
      return { criterion: { name, kind: metric.kind, margin: rateMargin(criterion) }, ...counted };
    }
    case 'latency':
      return {
        criterion: {
          name,
          kind: metric.kind,
          quantiles: metric.quantiles,
          margin: latencyMargin(criterion),
        },
        eventOf: null,
        event: null,
        pairsOf: 'latency',
        outcome: null,
      };
    case 'disagreement':
      return {
        criterion: { name, kind: metric.kind, margin: { absolute: margin !== undefined && 'absolute' in margin ? margin.absolute : 0 } },
        eventOf: null,
        event: null,
        pairsOf: { difference },
        outcome: null,
      };
    case 'outcomeRate':
      return {
        criterion: { name, kind: metric.kind, harm: metric.harm, margin: rateMargin(criterion) },
        ...notInRequests,
        outcome: { name: metric.outcome, kind: 'rate', windowMs: metric.window },
      };
    case 'outcomeMean': {
      const mean = metric.historicalMean === undefined ? {} : { historicalMean: metric.historicalMean };
      return {
        criterion: { name, kind: metric.kind, harm: metric.harm, margin: rateMargin(criterion), ...mean },
        ...notInRequests,
        outcome: { name: metric.outcome, kind: 'mean', windowMs: metric.window },
      };
    }
    default:
      return null;
  }
};

const latencyMargin = ({ margin }: Criterion) =>
  margin !== undefined && 'relative' in margin ? { relative: margin.relative, atLeastMs: margin.atLeastMs ?? 0 } : { relative: 0, atLeastMs: 0 };

/** Whether the plan has requests compared at some time. */
const compares = ({ compare, steps }: Plan): boolean => compare.share > 0 || steps.some((step) => 'shadow' in step);

/** A pause that waits for a person is planned as a day. */
const openPauseMs = 24 * 3_600_000;

/** A step may take its deadline: what is planned too short spends the mass of late starts early, and finds a late regression many times slower. */
const plannedMsOf = (step: Step): number => {
  if ('analysis' in step) return step.analysis.deadline;
  if ('shadow' in step) return step.shadow.duration;
  return 'pause' in step ? (step.pause.duration ?? openPauseMs) : 0;
};

/** Planned blocks of the whole rollout. */
const plannedBlocksOf = (plan: Plan): number => {
  const plannedMs = plan.steps.reduce((sum, step) => sum + plannedMsOf(step), 0);
  return Math.max(1, Math.ceil(plannedMs / (blockSecondsOf(plan) * 1_000)));
};

/** Makes the guards of a rollout from what was agreed. */
export const liveGuards = (acceptance: Acceptance, plan: Plan, watchedOutputs: readonly string[]): LiveGuards => {
  const criteria = acceptance.criteria.filter(isGuardrail);
  const disagreements = criteria.filter(({ metric }) => metric.kind === 'disagreement');
  const live = criteria.flatMap((criterion) => liveCriterion(criterion, { watchedOutputs, difference: disagreements.indexOf(criterion) }) ?? []);
  const compared = compares(plan);
  const built = buildGuards({
    criteria: live.map(({ criterion }) => criterion),
    keyed: plan.routingKey !== undefined,
    compared,
    plannedBlocks: plannedBlocksOf(plan),
  });
  return {
    guards: built.map((guard, index) => {
      const { eventOf, event, pairsOf, outcome } = live[index] ?? { ...notInRequests, outcome: null };
      return { guard, eventOf, event, pairsOf, outcome };
    }),
    unmeasured: Object.fromEntries(live.flatMap((entry) => unmeasuredWords(entry, compared))),
  };
};

const unmeasuredWords = ({ criterion: { name }, pairsOf }: LiveCriterion, compared: boolean): readonly (readonly [string, string])[] =>
  (pairsOf === 'latency' || typeof pairsOf === 'object') && pairsOf !== null && !compared
    ? [[name, 'the plan compares no requests: compare.share is 0 and no step is a shadow']]
    : [];

/** The guards of a rollout, by the plan and the acceptance that are kept with it. */
export const liveGuardsOf = (record: RolloutRecord): LiveGuards => liveGuards(acceptanceOf(record), planOf(record), watchedOutputsOf(record));
