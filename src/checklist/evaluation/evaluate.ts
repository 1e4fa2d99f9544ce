/** Evaluates the offline criteria of a bundle on its held-out cases, against the version that it replaces. */
import type { Subject } from '../subject.ts';
import type { LabelGroups } from './case-values.ts';
import { answerCases, type CaseAnswer, type EvaluationCase } from './cases.ts';
import { compareLatency, type LatencyPairs } from './compare-latency.ts';
import { type Judgement, judge } from './judge.ts';
import { confirmedPairs, isLatency, judgeLatency } from './judge-latency.ts';

export interface EvaluateDeps {
  readonly monotonicMs: () => number;
  /** What tells classes apart. */
  readonly groups: LabelGroups;
}

/** Everything that was measured on the held-out cases. */
export interface Evaluation {
  readonly cases: readonly EvaluationCase[];
  readonly answers: readonly CaseAnswer[];
  /** Null without a baseline. */
  readonly baselineAnswers: readonly CaseAnswer[] | null;
  readonly latency: LatencyPairs;
  readonly judgements: readonly Judgement[];
}

/** Runs the cases on both versions and judges every offline criterion. */
export const evaluate = async (subject: Subject, cases: readonly EvaluationCase[], { monotonicMs, groups }: EvaluateDeps): Promise<Evaluation> => {
  const answers = await answerCases({ version: subject.version, monotonicMs }, cases);
  const baselineAnswers = subject.baseline === null ? null : await answerCases({ version: subject.baseline, monotonicMs }, cases);
  const criteria = subject.bundle.acceptance.criteria.filter(({ appliesTo }) => appliesTo.includes('offline'));
  const compare = async () => ({
    ...(await compareLatency(cases, { candidate: subject.version, baseline: subject.baseline, monotonicMs })),
    promisedReferenceMs: subject.bundle.manifest.hardware?.referenceMs ?? null,
  });
  const latency = await confirmedPairs(compare, criteria.filter(isLatency));
  const candidate = { cases, answers, groups };
  const baseline = baselineAnswers === null ? null : { cases, answers: baselineAnswers, groups };
  const judgements = criteria.map((criterion) => (isLatency(criterion) ? judgeLatency(criterion, latency) : judge(criterion, { candidate, baseline })));
  return { cases, answers, baselineAnswers, latency, judgements };
};
