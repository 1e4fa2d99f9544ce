/** Evaluates the offline criteria of a bundle on its held-out cases, against the version that it replaces. */
import type { Criterion } from '../../bundle/acceptance.ts';
import type { Subject } from '../subject.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { parseLabelGroups } from './case-values.ts';
import { answerCases, type CaseAnswer, type EvaluationCase } from './cases.ts';
import { compareLatency, type LatencyPairs, quantileOf } from './compare-latency.ts';
import { type Judgement, judge } from './judge.ts';
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

type LatencyCriterion = Criterion & { readonly metric: Extract<Criterion['metric'], { kind: 'latency' }> };

const isLatency = (criterion: Criterion): criterion is LatencyCriterion => criterion.metric.kind === 'latency';

/** What a latency criterion allows: a share of the baseline's quantile, or a difference that is no harm. */
const latencyMargin = ({ margin }: LatencyCriterion): { readonly relative: number; readonly atLeastMs: number } =>
  margin !== undefined && 'relative' in margin ? { relative: margin.relative, atLeastMs: margin.atLeastMs ?? 0 } : { relative: 0, atLeastMs: 0 };

/** A quantile is noisy where other work shares the machine: only what the interval shows is missed. */
const latencyVerdict = (effect: number | null, [low, high]: Interval, relative: number): Judgement['verdict'] => {
  if (effect === null) return 'not-compared';
  if (low > relative) return 'missed';
  return high > relative ? 'met-not-shown' : 'met';
};

/**
 * A latency criterion is judged at its worst quantile, on the same requests. Its bound in milliseconds is the live one:
 * here the budget rule holds it, in proportion to the machine.
 */
const judgeLatency = (criterion: LatencyCriterion, { candidate, baseline }: LatencyPairs): Judgement => {
  const { relative, atLeastMs } = latencyMargin(criterion);
  const compared = baseline.some(Number.isFinite);
  const excess = (share: number, times?: Float64Array): number => {
    const [own, other] = [quantileOf(candidate, share, times), quantileOf(baseline, share, times)];
    return own - other <= atLeastMs ? Math.min(own / other - 1, relative) : own / other - 1;
  };
  const { quantiles } = criterion.metric;
  const worst = quantiles.reduce((one, share) => (excess(share) > excess(one) ? share : one), quantiles[0] ?? 0.5);
  const effect = compared ? excess(worst) : null;
  const interval = bootstrap(candidate.length, (times) => (compared ? excess(worst, times) : quantileOf(candidate, worst, times)));
  return {
    criterion: criterion.name,
    kind: 'latency',
    candidate: quantileOf(candidate, worst),
    baseline: compared ? quantileOf(baseline, worst) : null,
    effect,
    interval,
    allowed: `at most +${Number((relative * 100).toPrecision(4))} % at each quantile, or ${atLeastMs} ms`,
    verdict: latencyVerdict(effect, interval, relative),
  };
};

/** Runs the cases on both versions and judges every offline criterion. */
export const evaluate = async (subject: Subject, cases: readonly EvaluationCase[], { monotonicMs }: EvaluateDeps): Promise<Evaluation> => {
  const groups = await groupsOf(subject);
  const answers = await answerCases({ version: subject.version, monotonicMs }, cases);
  const others = subject.baseline === null ? null : await answerCases({ version: subject.baseline, monotonicMs }, cases);
  const latency = await compareLatency(cases, { candidate: subject.version, baseline: subject.baseline, monotonicMs });
  const judgements = subject.bundle.acceptance.criteria
    .filter(({ appliesTo }) => appliesTo.includes('offline'))
    .map((criterion) => {
      if (isLatency(criterion)) return judgeLatency(criterion, latency);
      const metric = criterion.metric as Parameters<typeof metricOf>[0];
      const baseline = others === null ? null : metricOf(metric, { cases, answers: others, groups });
      return judge(criterion, { caseCount: cases.length, candidate: metricOf(metric, { cases, answers, groups }), baseline });
    });
  return { cases, answers, latency, judgements };
};
