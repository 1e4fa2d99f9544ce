/**
 * The offline metrics of acceptance.yaml. Each takes how often every case counts (for the bootstrap; all 1 for the plain
 * value), so that sorting is done once and not once a resample.
 */
import type { Criterion } from '../../bundle/acceptance.ts';
import type { OutputRow } from '../../data-plane/guards/compile-outputs.ts';
import { accuracyOf, type LabelGroups, ndcgOf, scoreOf } from './case-values.ts';
import type { CaseAnswer, EvaluationCase } from './cases.ts';

/** The value of a metric when case i counts `times[i]` times; NaN when it has none. */
export type Metric = (times: Float64Array) => number;

/** A version's answers to the cases, with what tells classes apart. */
export interface Answered {
  readonly cases: readonly EvaluationCase[];
  readonly answers: readonly CaseAnswer[];
  readonly groups: LabelGroups;
}

export type OfflineMetric = Exclude<Criterion['metric'], { kind: 'latency' }>;

interface ScoredRow {
  readonly at: number;
  readonly score: number;
  readonly label: number;
}

/** A row without an answer, or whose answer has no number, is the least suspicious of all: what a caller did not get has caught nothing. */
const unscored = Number.NEGATIVE_INFINITY;

const rankingScore = (row: OutputRow | undefined): number => {
  const score = row === undefined ? unscored : scoreOf(row);
  return Number.isNaN(score) ? unscored : score;
};

const rowsOf = ({ cases, answers }: Answered): readonly ScoredRow[] =>
  cases.flatMap(({ labels }, at) => labels.map((label, index) => ({ at, score: rankingScore(answers[at]?.outputs?.[index]), label: Number(label) })));

type OnPoint = (precision: number, recall: number) => void;

const shareOf = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

/**
 * Walks precision and recall at each distinct score, highest first, and gives the number of positives: without any there is no
 * recall. No threshold flags what has no score. A bootstrap walks thousands of curves, so no point is kept.
 */
const curveOf = (rows: readonly ScoredRow[]): ((times: Float64Array, onPoint: OnPoint) => number) => {
  const ranked = [...rows].sort((left, right) => (left.score === right.score ? 0 : right.score - left.score));
  const entries = ranked.map(({ at, label, score }, index) => ({ at, label, isThreshold: score !== unscored && ranked[index + 1]?.score !== score }));
  const positivesOf = (times: Float64Array): number => entries.reduce((sum, { at, label }) => sum + (times[at] ?? 0) * label, 0);
  return (times, onPoint) => {
    const positives = positivesOf(times);
    let [caught, flagged] = [0, 0];
    for (const { at, label, isThreshold } of entries) {
      const count = times[at] ?? 0;
      caught += count * label;
      flagged += count;
      if (isThreshold) onPoint(shareOf(caught, flagged), shareOf(caught, positives));
    }
    return positives;
  };
};

const recallAtPrecision = (rows: readonly ScoredRow[], atLeast: number): Metric => {
  const curve = curveOf(rows);
  return (times) => {
    let best = 0;
    const positives = curve(times, (precision, recall) => {
      if (precision >= atLeast) best = Math.max(best, recall);
    });
    return positives === 0 ? Number.NaN : best;
  };
};

/** Average precision: the area under the steps of the curve. */
const areaUnderPrecisionRecall = (rows: readonly ScoredRow[]): Metric => {
  const curve = curveOf(rows);
  return (times) => {
    let [area, before] = [0, 0];
    const positives = curve(times, (precision, recall) => {
      area += (recall - before) * precision;
      before = recall;
    });
    return positives === 0 ? Number.NaN : area;
  };
};

const meanOver =
  (values: readonly number[]): Metric =>
  (times) => {
    let sum = 0;
    let count = 0;
    values.forEach((value, at) => {
      sum += value * (times[at] ?? 0);
      count += times[at] ?? 0;
    });
    return sum / count;
  };

/** The flag by which a version decides: its first true-or-false output; undefined for a row without one. */
export const flagOf = (row: OutputRow): boolean | undefined => Object.values(row).find((value) => typeof value === 'boolean');

/** Sum of the costs of what was flagged wrongly and what was missed; a row without an answer is not flagged. */
const costOf = ({ labels }: EvaluationCase, { outputs }: CaseAnswer, metric: { readonly falsePositive: number; readonly falseNegative: number }): number =>
  labels.reduce<number>((sum, label, index) => {
    const flagged = outputs !== null && flagOf(outputs[index] ?? {}) === true;
    if (flagged && Number(label) === 0) return sum + metric.falsePositive;
    return !flagged && Number(label) === 1 ? sum + metric.falseNegative : sum;
  }, 0);

type SliceMetric = Extract<OfflineMetric, { kind: 'sliceGap' }>['of'];

/** The slice of a case: what its first row has in a field. */
export const sliceOf = ({ inputs }: EvaluationCase, by: string): string => String(inputs[0]?.[by]);

/** The largest difference of a metric between the groups that a field's values make. */
const sliceGap = (answered: Answered, { of, by }: { readonly of: SliceMetric; readonly by: string }): Metric => {
  const groupOf = answered.cases.map((one) => sliceOf(one, by));
  const metric = metricOf(metricOfSlice(of), answered);
  return (times) => {
    const values = [...new Set(groupOf)].map((group) => metric(times.map((count, at) => (groupOf[at] === group ? count : 0))));
    return Math.max(...values) - Math.min(...values);
  };
};

const defaultPrecision = 0.9;
const defaultDepth = 10;

/** The metric of each slice, with what is usual where the criterion has no place for it. */
export const metricOfSlice = (of: SliceMetric): OfflineMetric => {
  switch (of) {
    case 'recallAtPrecision':
      return { kind: of, precision: defaultPrecision };
    case 'ndcg':
      return { kind: of, k: defaultDepth };
    case 'accuracy':
    case 'areaUnderPrecisionRecall':
      return { kind: of };
  }
};

const perCase = ({ cases, answers }: Answered, value: (one: EvaluationCase, answer: CaseAnswer) => number): Metric =>
  meanOver(cases.map((one, at) => value(one, answers[at] ?? { outputs: null, breach: false, detail: null })));

/** Makes the metric of a criterion over a version's answers. Kinds that only live traffic has, have no value: NaN. */
export const metricOf = (metric: OfflineMetric, answered: Answered): Metric => {
  switch (metric.kind) {
    case 'recallAtPrecision':
      return recallAtPrecision(rowsOf(answered), metric.precision);
    case 'areaUnderPrecisionRecall':
      return areaUnderPrecisionRecall(rowsOf(answered));
    case 'ndcg':
      return perCase(answered, (one, answer) => ndcgOf(one.labels, answer.outputs, metric.k));
    case 'accuracy':
      return perCase(answered, (one, answer) => accuracyOf(one.labels, answer.outputs, answered.groups));
    case 'cost':
      return perCase(answered, (one, answer) => costOf(one, answer, metric));
    case 'sliceGap':
      return sliceGap(answered, metric);
    case 'breachRate':
      return perCase(answered, (_one, { breach }) => Number(breach));
    case 'outputRate':
      return perCase(answered, (_one, { outputs }) => Number((outputs ?? []).some((row) => row[metric.output] === true)));
    default:
      return () => Number.NaN;
  }
};

/** Whether more of a metric is better. */
export const isGain = ({ kind, ...rest }: Criterion['metric']): boolean =>
  ['recallAtPrecision', 'areaUnderPrecisionRecall', 'ndcg', 'accuracy'].includes(kind) || ('harm' in rest && rest.harm === 'lower');
