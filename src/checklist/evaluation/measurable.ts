/** Whether held-out cases, and the answers to them, can tell a metric at all: one that nothing can move is not met, it is not measured. */
import type { OutputRow } from '../../data-plane/guards/compile-outputs.ts';
import { scoreOf, topLabelOf } from './case-values.ts';
import type { EvaluationCase } from './cases.ts';
import { type Answered, flagOf, metricOfSlice, type OfflineMetric, sliceOf } from './metrics.ts';

/** Of fewer cases a resample is one case alone more often (n^(1 - n)) than the interval's tail of 2.5 % is wide: it would show nothing. */
const leastCases = 4;

type Cases = readonly EvaluationCase[];

const classFault = (cases: Cases): string | null => {
  const labels = cases.flatMap((one) => one.labels.map((label) => ({ id: one.id, label: String(label) })));
  const odd = labels.find(({ label }) => label !== '0' && label !== '1');
  if (odd !== undefined) return `label ${odd.label} of case ${odd.id} is neither 0 nor 1`;
  const missing = ['1', '0'].find((wanted) => !labels.some(({ label }) => label === wanted));
  return missing === undefined ? null : `no case has the label ${missing}`;
};

const gradeFault = (cases: Cases): string | null => {
  const odd = cases.find(({ labels }) => !labels.every((label) => /^\d+(\.\d+)?$/.test(String(label))));
  if (odd !== undefined) return `case ${odd.id} has a label that is no grade`;
  return cases.some(({ labels }) => new Set(labels.map(Number)).size > 1) ? null : 'no case has rows of different grades: every order is as good';
};

/** What the cases lack; null when they can tell. */
const labelFault = ({ kind }: OfflineMetric, cases: Cases): string | null => {
  switch (kind) {
    case 'recallAtPrecision':
    case 'areaUnderPrecisionRecall':
    case 'cost':
      return classFault(cases);
    case 'ndcg':
      return gradeFault(cases);
    default:
      return null;
  }
};

interface Needed {
  readonly has: (row: OutputRow) => boolean;
  readonly what: string;
}

/** What an answer must have for the metric to look at. */
const neededOf = (metric: OfflineMetric): Needed | null => {
  switch (metric.kind) {
    case 'recallAtPrecision':
    case 'areaUnderPrecisionRecall':
    case 'ndcg':
      return { has: (row) => !Number.isNaN(scoreOf(row)), what: 'a number to rank by' };
    case 'accuracy':
      return { has: (row) => topLabelOf(row) !== null, what: 'a class' };
    case 'cost':
      return { has: (row) => flagOf(row) !== undefined, what: 'an output that is true or false' };
    case 'outputRate':
      return { has: (row) => typeof row[metric.output] === 'boolean', what: `the output ${metric.output}, true or false` };
    default:
      return null;
  }
};

const answerFault = (metric: OfflineMetric, { answers }: Answered): string | null => {
  const needed = neededOf(metric);
  if (needed === null) return null;
  const rows = answers.flatMap(({ outputs }) => outputs ?? []);
  if (rows.length === 0) return 'no case was answered';
  return rows.some(needed.has) ? null : `no answer has ${needed.what}`;
};

const slicesOf = ({ cases, answers, groups }: Answered, by: string): ReadonlyMap<string, Answered> => {
  const slices = Map.groupBy(
    cases.flatMap((one, at) => (answers[at] === undefined ? [] : [{ one, answer: answers[at] }])),
    ({ one }) => sliceOf(one, by),
  );
  return new Map(
    [...slices].map(([slice, entries]) => [slice, { cases: entries.map(({ one }) => one), answers: entries.map(({ answer }) => answer), groups }]),
  );
};

const sliceFault = ({ of, by }: Extract<OfflineMetric, { kind: 'sliceGap' }>, answered: Answered): string | null => {
  if (!answered.cases.some(({ inputs }) => inputs[0] !== undefined && by in inputs[0])) return `no case has the field ${by}`;
  const slices = slicesOf(answered, by);
  if (slices.size === 1) return `every case has the same ${by}`;
  for (const [slice, part] of slices) {
    const fault = metricFault(metricOfSlice(of), part);
    if (fault !== null) return `where ${by} is ${slice}: ${fault}`;
  }
  return null;
};

const metricFault = (metric: OfflineMetric, answered: Answered): string | null =>
  metric.kind === 'sliceGap' ? sliceFault(metric, answered) : (labelFault(metric, answered.cases) ?? answerFault(metric, answered));

/** Why a number of cases, or of runs, is too small for an interval; null when it is not. */
export const tooFew = (count: number, what: string): string | null =>
  count < leastCases ? `${what}: ${count}, and an interval needs ${leastCases} or more` : null;

/** Why a metric says nothing on these cases and answers; null when it does. */
export const unmeasurable = (metric: OfflineMetric, answered: Answered): string | null =>
  tooFew(answered.cases.length, 'held-out cases') ?? metricFault(metric, answered);
