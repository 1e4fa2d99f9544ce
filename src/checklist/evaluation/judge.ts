import type { Criterion } from '../../bundle/acceptance.ts';
import { bootstrap, type Interval } from './bootstrap.ts';
import { isGain, type Metric } from './metrics.ts';

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
  /** `met-not-shown`: the value is within what was allowed, but its interval is not. */
  readonly verdict: 'met' | 'met-not-shown' | 'missed' | 'not-compared';
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

const within = (value: number, { low, high }: Limit): boolean => value >= low - 1e-12 && value <= high + 1e-12;

const effectOf = ({ margin }: Criterion, candidate: number, baseline: number): number => {
  if (margin !== undefined && 'absolute' in margin) return candidate - baseline;
  // Two times nothing is no change; something against nothing is without bound.
  return candidate === baseline ? 0 : candidate / baseline - 1;
};

const verdictOf = (value: number, [low, high]: Interval, limit: Limit): Judgement['verdict'] => {
  if (!within(value, limit)) return 'missed';
  return within(low, limit) && within(high, limit) ? 'met' : 'met-not-shown';
};

interface Compared {
  readonly caseCount: number;
  readonly candidate: Metric;
  readonly baseline: Metric | null;
}

/** Judges one criterion that is held against the baseline, or against a bound of its own. */
export const judge = (criterion: Criterion, { caseCount, candidate, baseline }: Compared): Judgement => {
  const once = new Float64Array(caseCount).fill(1);
  const common = { criterion: criterion.name, kind: criterion.metric.kind, candidate: candidate(once) };
  if (criterion.compareTo === undefined) {
    const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = criterion.bound ?? {};
    const words = [...(Number.isFinite(min) ? [`at least ${min}`] : []), ...(Number.isFinite(max) ? [`at most ${max}`] : [])].join(' and ');
    const interval = bootstrap(caseCount, candidate);
    return {
      ...common,
      baseline: null,
      effect: null,
      interval,
      allowed: words,
      verdict: verdictOf(common.candidate, interval, { low: min, high: max, words }),
    };
  }
  const limit = limitOf(criterion);
  if (baseline === null) {
    return { ...common, baseline: null, effect: null, interval: bootstrap(caseCount, candidate), allowed: limit.words, verdict: 'not-compared' };
  }
  const effect = effectOf(criterion, common.candidate, baseline(once));
  const interval = bootstrap(caseCount, (times) => effectOf(criterion, candidate(times), baseline(times)));
  return { ...common, baseline: baseline(once), effect, interval, allowed: limit.words, verdict: verdictOf(effect, interval, limit) };
};
