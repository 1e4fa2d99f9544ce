import type { Interval } from './bootstrap.ts';

/** `met-not-shown`: the value is within what was allowed, but its interval is not. */
export type LimitVerdict = 'met' | 'met-not-shown' | 'missed' | 'not-compared';

/** How one limit of a criterion came out: its margin to the baseline, or its bound. */
export interface HeldLimit {
  /** What the limit is about: the effect, or the candidate's value. */
  readonly value: number | null;
  /** 95 % interval of the value. */
  readonly interval: Interval;
  /** What was allowed, in words. */
  readonly allowed: string;
  readonly verdict: LimitVerdict;
  /** Why it is missed, where the figures do not say it; null otherwise. */
  readonly why: string | null;
}

/** What holds both limits of a criterion together. */
type HeldLimits = Pick<HeldLimit, 'interval' | 'allowed' | 'verdict' | 'why'>;

interface Range {
  readonly low: number;
  readonly high: number;
}

/** From the best to the worst: of two limits the worse one decides. */
const order: readonly LimitVerdict[] = ['met', 'met-not-shown', 'not-compared', 'missed'];

const within = (value: number, { low, high }: Range): boolean => value >= low - 1e-12 && value <= high + 1e-12;

/** What is no number, or has no end, shows nothing: a comparison with it must not come out in anybody's favour. */
export const verdictOf = (value: number, interval: Interval, range: Range): Pick<HeldLimit, 'verdict' | 'why'> => {
  if (!Number.isFinite(value)) return { verdict: 'missed', why: 'there is no such value on these cases' };
  if (!interval.every(Number.isFinite)) return { verdict: 'missed', why: 'its 95 % interval has no end: there are too few cases that tell' };
  if (!within(value, range)) return { verdict: 'missed', why: null };
  return { verdict: interval.every((end) => within(end, range)) ? 'met' : 'met-not-shown', why: null };
};

const rounded = (value: number): string => String(Number(value.toPrecision(4)));

const boundInWords = ({ value, interval, allowed, verdict, why }: HeldLimit): string | null => {
  if (verdict !== 'missed') return null;
  return why ?? `the value itself is ${rounded(value ?? Number.NaN)} (95 % ${interval.map(rounded).join(' to ')}), allowed ${allowed}`;
};

/** A criterion holds when each of its limits does. The figures are those of the margin, where there is one. */
export const bothLimits = (margin: HeldLimit | null, bound: HeldLimit | null): HeldLimits => {
  if (margin === null || bound === null) {
    const { interval, allowed, verdict, why } = margin ?? bound ?? unheldLimit('nothing', 'it has neither a margin nor a bound');
    return { interval, allowed, verdict, why };
  }
  const boundDecides = order.indexOf(bound.verdict) > order.indexOf(margin.verdict);
  return {
    interval: margin.interval,
    allowed: `${margin.allowed}, and the value ${bound.allowed}`,
    verdict: boundDecides ? bound.verdict : margin.verdict,
    why: boundDecides ? boundInWords(bound) : margin.why,
  };
};

/** How a limit comes out that the cases cannot measure. */
export const unheldLimit = (allowed: string, why: string): HeldLimit => ({
  value: null,
  interval: [Number.NaN, Number.NaN],
  allowed,
  verdict: 'missed',
  why,
});
