/** Evaluates the offline criteria of a bundle on its held-out cases, against the version that it replaces. */
import type { Subject } from '../subject.ts';
import { parseLabelGroups } from './case-values.ts';
import { answerCases, type CaseAnswer, type EvaluationCase } from './cases.ts';
import { compareLatency, type LatencyPairs } from './compare-latency.ts';
import { type Judgement, judge } from './judge.ts';
import { confirmedPairs, isLatency, judgeLatency } from './judge-latency.ts';
import { type Answered, metricOf } from './metrics.ts';

export interface EvaluateDeps {
  readonly monotonicMs: () => number;
}

/** Everything that was measured on the held-out cases. */
export interface Evaluation {
  readonly cases: readonly EvaluationCase[];
  readonly answers: readonly CaseAnswer[];
  readonly latency: LatencyPairs;
  readonly judgements: readonly Judgement[];
}

const groupsOf = async ({ text }: Subject): Promise<Answered['groups']> => {
  const source = await text('evaluation/label-groups.json');
  return source === null ? new Map() : parseLabelGroups(source);
};

/** Runs the cases on both versions and judges every offline criterion. */
export const evaluate = async (subject: Subject, cases: readonly EvaluationCase[], { monotonicMs }: EvaluateDeps): Promise<Evaluation> => {
  const groups = await groupsOf(subject);
  const answers = await answerCases({ version: subject.version, monotonicMs }, cases);
  const others = subject.baseline === null ? null : await answerCases({ version: subject.baseline, monotonicMs }, cases);
  const criteria = subject.bundle.acceptance.criteria.filter(({ appliesTo }) => appliesTo.includes('offline'));
  const compare = () => compareLatency(cases, { candidate: subject.version, baseline: subject.baseline, monotonicMs });
  const latency = await confirmedPairs(compare, criteria.filter(isLatency));
  const judgements = criteria.map((criterion) => {
    if (isLatency(criterion)) return judgeLatency(criterion, latency);
    const metric = criterion.metric as Parameters<typeof metricOf>[0];
    const baseline = others === null ? null : metricOf(metric, { cases, answers: others, groups });
    return judge(criterion, { caseCount: cases.length, candidate: metricOf(metric, { cases, answers, groups }), baseline });
  });
  return { cases, answers, latency, judgements };
};
