import type { Criterion } from '../../bundle/acceptance.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { type LatencyPairs, quantileOf } from './compare-latency.ts';
import type { Judgement } from './judge.ts';

export type LatencyCriterion = Criterion & { readonly metric: Extract<Criterion['metric'], { kind: 'latency' }> };

export const isLatency = (criterion: Criterion): criterion is LatencyCriterion => criterion.metric.kind === 'latency';

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
export const judgeLatency = (criterion: LatencyCriterion, { candidate, baseline }: LatencyPairs): Judgement => {
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

/**
 * Measures, and once more when a criterion is missed: the second time counts alone. Of a few hundred runs on a machine that
 * does other work a quantile is wrong now and then, and a version that is slower is slower again.
 */
export const confirmedPairs = async (measure: () => Promise<LatencyPairs>, criteria: readonly LatencyCriterion[]): Promise<LatencyPairs> => {
  const first = await measure();
  return criteria.some((criterion) => judgeLatency(criterion, first).verdict === 'missed') ? measure() : first;
};
