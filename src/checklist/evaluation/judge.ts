import type { Criterion } from '../../bundle/acceptance.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { bothLimits, type HeldLimit, type LimitVerdict, unheldLimit, verdictOf } from './limit.ts';
import { unmeasurable } from './measurable.ts';
import { type Answered, isGain, type Metric, metricOf, type OfflineMetric } from './metrics.ts';

/** How an offline criterion came out. */
export interface Judgement {
  readonly criterion: string;
  readonly kind: Criterion['metric']['kind'];
  readonly candidate: number;
  /** Null without a baseline, or for a criterion with a bound alone. */
  readonly baseline: number | null;
  /** Candidate against baseline, in the margin's own terms: the difference, or the share by which it is more. */
  readonly effect: number | null;
  /** 95 % interval of the effect, or of the candidate's value where there is no baseline. */
  readonly interval: Interval;
  /** What was allowed, in words. */
  readonly allowed: string;
  readonly verdict: LimitVerdict;
  /** Why it is missed, where the figures do not say it: the bound decided, or nothing could be measured. Null otherwise. */
  readonly why: string | null;
}

interface Limit {
  readonly low: number;
  readonly high: number;
  readonly words: string;
}

const percent = (share: number): string => `${Number((share * 100).toPrecision(4))} %`;

/** The effects that a margin allows. A gain may fall by the margin, a harm may rise by it; a negative margin asks for more. */
const limitOf = ({ metric, margin }: Criterion): Limit => {
  const allowed = margin === undefined ? 0 : 'absolute' in margin ? margin.absolute : margin.relative;
  const shown = margin !== undefined && 'absolute' in margin ? String(Math.abs(allowed)) : percent(Math.abs(allowed));
  if (isGain(metric)) return { low: -allowed, high: Number.POSITIVE_INFINITY, words: allowed < 0 ? `at least +${shown}` : `at least -${shown}` };
  if (metric.kind === 'outputRate') return { low: -allowed, high: allowed, words: `within +-${shown}` };
  return { low: Number.NEGATIVE_INFINITY, high: allowed, words: `at most +${shown}` };
};

const effectOf = ({ margin }: Criterion, candidate: number, baseline: number): number => {
  if (margin !== undefined && 'absolute' in margin) return candidate - baseline;
  // Two times nothing is no change; something against nothing is without bound.
  return candidate === baseline ? 0 : candidate / baseline - 1;
};

/** The metric on each version, over all cases. */
interface Measured {
  readonly caseCount: number;
  readonly candidate: Metric;
  readonly baseline: Metric | null;
  /** Why nothing is measured; null when it is. */
  readonly fault: string | null;
}

const once = (caseCount: number): Float64Array => new Float64Array(caseCount).fill(1);

const baselineIsNothing = 'the baseline is at 0, of which no share can be taken: such a margin is absolute';

const heldMargin = (criterion: Criterion, { caseCount, candidate, baseline, fault }: Measured): HeldLimit | null => {
  if (criterion.compareTo === undefined) return null;
  const limit = limitOf(criterion);
  if (fault !== null) return unheldLimit(limit.words, fault);
  if (baseline === null) return { value: null, interval: bootstrap(caseCount, candidate), allowed: limit.words, verdict: 'not-compared', why: null };
  const [own, other] = [candidate(once(caseCount)), baseline(once(caseCount))];
  const value = effectOf(criterion, own, other);
  const interval = bootstrap(caseCount, (times) => effectOf(criterion, candidate(times), baseline(times)));
  const { verdict, why } = verdictOf(value, interval, limit);
  return { value, interval, allowed: limit.words, verdict, why: value === Number.POSITIVE_INFINITY ? baselineIsNothing : why };
};

const boundWords = (min: number | undefined, max: number | undefined): string =>
  [...(min === undefined ? [] : [`at least ${min}`]), ...(max === undefined ? [] : [`at most ${max}`])].join(' and ');

const heldBound = ({ bound }: Criterion, { caseCount, candidate, fault }: Measured): HeldLimit | null => {
  if (bound === undefined) return null;
  const { min, max } = bound;
  const allowed = boundWords(min, max);
  if (fault !== null) return unheldLimit(allowed, fault);
  const [value, interval] = [candidate(once(caseCount)), bootstrap(caseCount, candidate)];
  return { value, interval, allowed, ...verdictOf(value, interval, { low: min ?? Number.NEGATIVE_INFINITY, high: max ?? Number.POSITIVE_INFINITY }) };
};

/** What two versions answered; no baseline when there is none, or it could not be opened. */
interface Compared {
  readonly candidate: Answered;
  readonly baseline: Answered | null;
}

const measure = (metric: OfflineMetric, { candidate, baseline }: Compared): Measured => {
  const ofBaseline = baseline === null ? null : unmeasurable(metric, baseline);
  return {
    caseCount: candidate.cases.length,
    candidate: metricOf(metric, candidate),
    baseline: baseline === null ? null : metricOf(metric, baseline),
    fault: unmeasurable(metric, candidate) ?? (ofBaseline === null ? null : `on the baseline: ${ofBaseline}`),
  };
};

/** Judges one criterion against the baseline by its margin, by its bound alone, or by both: then both must hold. */
export const judge = (criterion: Criterion, compared: Compared): Judgement => {
  const alone = criterion.compareTo === undefined;
  const measured = measure(criterion.metric as OfflineMetric, alone ? { ...compared, baseline: null } : compared);
  const { caseCount, candidate, baseline } = measured;
  const margin = heldMargin(criterion, measured);
  return {
    criterion: criterion.name,
    kind: criterion.metric.kind,
    candidate: candidate(once(caseCount)),
    baseline: baseline === null ? null : baseline(once(caseCount)),
    effect: margin?.value ?? null,
    ...bothLimits(margin, heldBound(criterion, measured)),
  };
};
