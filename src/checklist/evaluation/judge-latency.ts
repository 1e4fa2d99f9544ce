import type { Criterion } from '../../bundle/acceptance.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { type LatencyPairs, quantileOf } from './compare-latency.ts';
import type { Judgement } from './judge.ts';
import { bothLimits, type HeldLimit } from './limit.ts';
import { tooFew } from './measurable.ts';

export type LatencyCriterion = Criterion & { readonly metric: Extract<Criterion['metric'], { kind: 'latency' }> };

export const isLatency = (criterion: Criterion): criterion is LatencyCriterion => criterion.metric.kind === 'latency';

/** What a latency criterion allows: a share of the baseline's quantile, or a difference that is no harm. */
const latencyMargin = ({ margin }: LatencyCriterion): { readonly relative: number; readonly atLeastMs: number } =>
  margin !== undefined && 'relative' in margin ? { relative: margin.relative, atLeastMs: margin.atLeastMs ?? 0 } : { relative: 0, atLeastMs: 0 };

/** A quantile is noisy where other work shares the machine: only what the interval shows is missed. */
const latencyVerdict = ([low, high]: Interval, limit: number): Pick<HeldLimit, 'verdict' | 'why'> => {
  if (!Number.isFinite(low) || !Number.isFinite(high)) return { verdict: 'missed', why: 'its 95 % interval has no end: there are too few runs that tell' };
  if (low > limit) return { verdict: 'missed', why: null };
  return { verdict: high > limit ? 'met-not-shown' : 'met', why: null };
};

/** The run times, and what the bundle says that the reference work takes where its bounds were agreed; null when it says nothing. */
export type TimedPairs = LatencyPairs & { readonly promisedReferenceMs: number | null };

/** The one of some entries with the largest excess. */
const worstOf = <Entry>(entries: readonly [Entry, ...Entry[]], excess: (entry: Entry) => number): Entry =>
  entries.reduce((worst, next) => (excess(next) > excess(worst) ? next : worst));

const isSome = <Entry>(entries: readonly Entry[]): entries is readonly [Entry, ...Entry[]] => entries.length > 0;

/** The quantile at which the candidate is judged, with how that came out. */
interface HeldQuantile {
  readonly share: number;
  readonly held: HeldLimit;
}

const marginWords = (relative: number, atLeastMs: number): string =>
  `at most +${Number((relative * 100).toPrecision(4))} % at each quantile, or ${atLeastMs} ms`;

const heldMargin = (criterion: LatencyCriterion, { candidate, baseline }: TimedPairs): HeldQuantile | null => {
  const { quantiles } = criterion.metric;
  if (criterion.compareTo === undefined || !isSome(quantiles)) return null;
  const { relative, atLeastMs } = latencyMargin(criterion);
  const allowed = marginWords(relative, atLeastMs);
  const excess = (share: number, times?: Float64Array): number => {
    const [own, other] = [quantileOf(candidate, share, times), quantileOf(baseline, share, times)];
    const more = own === other ? 0 : own / other - 1;
    return own - other <= atLeastMs ? Math.min(more, relative) : more;
  };
  if (!baseline.some(Number.isFinite)) {
    const [share] = quantiles;
    const interval = bootstrap(candidate.length, (times) => quantileOf(candidate, share, times));
    return { share, held: { value: null, interval, allowed, verdict: 'not-compared', why: null } };
  }
  const share = worstOf(quantiles, excess);
  const interval = bootstrap(candidate.length, (times) => excess(share, times));
  return { share, held: { value: excess(share), interval, allowed, ...latencyVerdict(interval, relative) } };
};

const boundQuantiles = { p50Ms: 0.5, p95Ms: 0.95, p99Ms: 0.99 } as const;

/** How much longer this machine takes than the one of the promise, by the reference work beside the runs. */
const slownessOf = ({ reference, promisedReferenceMs }: TimedPairs, share: number): number =>
  promisedReferenceMs === null ? 1 : quantileOf(reference, share) / promisedReferenceMs;

/** A bound in milliseconds was agreed for some machine: as a budget, it is held in proportion to this one. */
const heldBound = ({ bound = {} }: LatencyCriterion, pairs: TimedPairs): HeldQuantile | null => {
  const limits = (['p50Ms', 'p95Ms', 'p99Ms'] as const).flatMap((name) => {
    const [share, agreedMs] = [boundQuantiles[name], bound[name]];
    return agreedMs === undefined ? [] : [{ share, name, agreedMs, hereMs: agreedMs * slownessOf(pairs, share) }];
  });
  if (!isSome(limits)) return null;
  const { candidate } = pairs;
  const { share, hereMs } = worstOf(limits, (limit) => quantileOf(candidate, limit.share) / limit.hereMs);
  const interval = bootstrap(candidate.length, (times) => quantileOf(candidate, share, times));
  const words = limits.map((limit) => `${limit.agreedMs} ms at ${limit.name.replace('Ms', '')} (${Number(limit.hereMs.toPrecision(3))} ms here)`).join(', ');
  return { share, held: { value: quantileOf(candidate, share), interval, allowed: `at most ${words}`, ...latencyVerdict(interval, hereMs) } };
};

/** A latency criterion is judged on the same requests: by its margin at its worst quantile, by its bound alone where it has no margin, or by both. */
export const judgeLatency = (criterion: LatencyCriterion, pairs: TimedPairs): Judgement => {
  const { candidate, baseline } = pairs;
  const [margin, bound] = [heldMargin(criterion, pairs), heldBound(criterion, pairs)];
  const { share } = margin ?? bound ?? { share: 0.5 };
  const few = tooFew(candidate.length, baseline.some(Number.isNaN) ? 'cases that ran' : 'cases that ran on both versions');
  const held = bothLimits(margin?.held ?? null, bound?.held ?? null);
  return {
    criterion: criterion.name,
    kind: 'latency',
    candidate: quantileOf(candidate, share),
    baseline: margin !== null && baseline.some(Number.isFinite) ? quantileOf(baseline, share) : null,
    effect: margin?.held.value ?? null,
    ...held,
    ...(few === null ? {} : { verdict: 'missed', why: few }),
  };
};

/**
 * Measures, and once more when a criterion is missed: the second time counts alone. Of a few hundred runs on a machine that
 * does other work a quantile is wrong now and then, and a version that is slower is slower again.
 */
export const confirmedPairs = async (measure: () => Promise<TimedPairs>, criteria: readonly LatencyCriterion[]): Promise<TimedPairs> => {
  const first = await measure();
  return criteria.some((criterion) => judgeLatency(criterion, first).verdict === 'missed') ? measure() : first;
};
