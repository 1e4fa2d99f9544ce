/** Outcomes in a rehearsal: what the labels of the held-out cases make of the answers, counted by the rules of posted ones, in memory. */
import type { Acceptance, Criterion } from '../bundle/acceptance.ts';
import { outcomeBucketOf } from '../bundle/outcome-window.ts';
import { accuracyOf, type LabelGroups, ndcgOf } from '../checklist/evaluation/case-values.ts';
import type { UnitAnswer } from '../data-plane/observe/count-unit.ts';
import type { OutcomeCell, OutcomeStore } from '../store/outcome-store.ts';
import type { EvaluationCase } from './read-cases.ts';

type OutcomeMetric = Extract<Criterion['metric'], { kind: 'outcomeRate' | 'outcomeMean' }>;
type OfLabels = NonNullable<OutcomeMetric['ofLabels']>;

/** One evidence request as it ended. */
export interface PlayedRequest {
  readonly evaluation: EvaluationCase;
  /** What the caller got, whoever gave it. */
  readonly answer: UnitAnswer | null;
  readonly arm: 'baseline' | 'candidate';
  /** The recorded probability of a unit; null for a later request of its key. */
  readonly w: number | null;
  readonly weightInForce: number;
  readonly key: string | null;
  readonly assignedAtMs: number;
}

export interface PlayedOutcomes extends Pick<OutcomeStore, 'counts'> {
  readonly play: (request: PlayedRequest) => void;
}

const outcomeMetrics = ({ criteria }: Acceptance): readonly { readonly name: string; readonly metric: OutcomeMetric }[] =>
  criteria.flatMap(({ name, metric }) => (metric.kind === 'outcomeRate' || metric.kind === 'outcomeMean' ? [{ name, metric }] : []));

/** Criteria whose outcomes the labels say nothing of: a rehearsal cannot measure them. */
export const unlabelledCriteria = (acceptance: Acceptance): readonly string[] =>
  outcomeMetrics(acceptance).flatMap(({ name, metric }) => (metric.ofLabels === undefined ? [name] : []));

/** The outcome of one answer, in hundredths. */
const outcomeValue = (
  rule: OfLabels,
  { labels }: EvaluationCase,
  { answer, groups }: { readonly answer: UnitAnswer | null; readonly groups: LabelGroups },
): number => {
  const rows = answer?.rows ?? null;
  switch (rule.kind) {
    case 'ndcg':
      return Math.round(100 * ndcgOf(labels, rows, rule.k));
    case 'accuracy':
      return accuracyOf(labels, rows, groups) === 1 ? 100 : 0;
    case 'flaggedPositive':
      return (rows ?? []).some((row, index) => labels[index] === 1 && row[rule.output] === true) ? 100 : 0;
  }
};

/** Counts of one kind, by bucket. */
const createCounts = <Cell extends OutcomeCell>() => {
  const buckets = new Map<number, Map<string, Cell & { count: number }>>();
  return {
    add: (cell: Cell): void => {
      const cells = buckets.get(cell.bucket) ?? new Map<string, Cell & { count: number }>();
      buckets.set(cell.bucket, cells);
      const key = Object.values(cell).join(' ');
      const known = cells.get(key);
      if (known === undefined) cells.set(key, { ...cell, count: 1 });
      else known.count += 1;
    },
    between: (from: number, to: number): readonly (Cell & { readonly count: number })[] =>
      [...buckets].flatMap(([bucket, cells]) => (bucket >= from && bucket <= to ? [...cells.values()] : [])),
  };
};

/** One outcome. Answers come again and again, each the same object: its value is reckoned once. */
const createOutcome = ({ kind, ofLabels }: OutcomeMetric, groups: LabelGroups) => {
  const units = createCounts<OutcomeCell & { readonly value: number }>();
  const firstEvents = createCounts<OutcomeCell>();
  const keysWithEvent = new Set<string>();
  const values = new WeakMap<UnitAnswer, number>();
  const valueFor = (rule: OfLabels, { evaluation, answer }: PlayedRequest): number => {
    const known = answer === null ? undefined : values.get(answer);
    const value = known ?? outcomeValue(rule, evaluation, { answer, groups });
    if (answer !== null && known === undefined) values.set(answer, value);
    return value;
  };
  return {
    play: (request: PlayedRequest): void => {
      if (ofLabels === undefined) return;
      const { arm, w, weightInForce, key, assignedAtMs } = request;
      const value = valueFor(ofLabels, request);
      const bucket = outcomeBucketOf(assignedAtMs);
      if (w !== null) units.add({ bucket, w, arm, value });
      if (kind !== 'outcomeRate' || value !== 100 || key === null || keysWithEvent.has(key)) return;
      keysWithEvent.add(key);
      firstEvents.add({ bucket, w: weightInForce, arm });
    },
    counts: (from: number, to: number) => ({ units: units.between(from, to), firstEvents: firstEvents.between(from, to) }),
  };
};

export const createPlayedOutcomes = (acceptance: Acceptance, groups: LabelGroups): PlayedOutcomes => {
  const outcomes = new Map(outcomeMetrics(acceptance).map(({ metric }) => [metric.outcome, createOutcome(metric, groups)]));
  return {
    play: (request) => {
      for (const outcome of outcomes.values()) outcome.play(request);
    },
    counts: ({ outcome, from, to }) => Promise.resolve(outcomes.get(outcome)?.counts(from, to) ?? { units: [], firstEvents: [] }),
  };
};
