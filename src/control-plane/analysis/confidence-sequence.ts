import { coinGrid, pairedGrid } from './bet-grid.ts';
import { coinFactors } from './coin-factors.ts';
import { coinLogs } from './coin-logs.ts';
import { completeStratum } from './complete-pessimistically.ts';
import type { CoinBet, Hypothesis, Side } from './hypothesis.ts';
import { logMeanExp } from './log-sum-exp.ts';
import { finishedPairs, type PairCounts } from './pair-counts.ts';
import { pairLogs } from './pair-logs.ts';
import { meanEffect, rateEffect } from './point-estimate.ts';
import type { UnitStratum, ValueStratum } from './strata.ts';
import { valueLogs } from './value-logs.ts';

/** Lower and upper end. */
export type Interval = readonly [number, number];

/** How sure, and how exactly the ends are found. */
export interface IntervalOptions {
  /** Error rate of each end; the interval covers with 1 - 2 a at all times. */
  readonly a: number;
  readonly tolerance: number;
}

/** 95 % at all times. */
export const defaultIntervalOptions: IntervalOptions = { a: 0.025, tolerance: 1e-7 };

interface Search {
  readonly from: number;
  /** Signed first step away from the estimate; doubled until the value is refuted. */
  readonly step: number;
  /** The value that is never passed; returned when it is not refuted. */
  readonly limit: number;
  /** ln E minus the threshold: a value is refuted when it is 0 or more. */
  readonly excess: (value: number) => number;
  readonly tolerance: number;
}

interface End {
  readonly value: number;
  readonly excess: number;
}

/** The refuted value nearest to the estimate on one side. */
const nearestRefuted = ({ from, step, limit, excess, tolerance }: Search): number => {
  const at = (value: number): End => ({ value, excess: excess(value) });
  const clip = (value: number): number => (step < 0 ? Math.max(value, limit) : Math.min(value, limit));
  let kept = at(from);
  let width = step;
  let out = at(clip(from + width));
  while (out.excess < 0) {
    if (out.value === limit) return limit;
    kept = out;
    width *= 2;
    out = at(clip(from + width));
  }
  return closeIn(kept, out, { at, tolerance });
};

/** Bisection in which only every third cut is the middle and the others are the secant's zero: as safe, with about half of the evaluations. */
const closeIn = (kept: End, out: End, { at, tolerance }: { readonly at: (value: number) => End; readonly tolerance: number }): number => {
  let [inner, outer] = [kept, out];
  for (let turn = 0; Math.abs(outer.value - inner.value) > tolerance; turn += 1) {
    const cut = at(cutOf(inner, outer, turn % 3 === 2 ? 0 : tolerance / 2));
    if (cut.excess >= 0) outer = cut;
    else inner = cut;
  }
  return outer.value;
};

/** The middle for no slack; else the secant's zero, a little past it on the side that closes the bracket. */
const cutOf = (inner: End, outer: End, slack: number): number => {
  const middle = (inner.value + outer.value) / 2;
  if (slack === 0 || !(inner.excess < 0) || outer.excess <= 0) return middle;
  const share = outer.excess / (outer.excess - inner.excess);
  const towards = Math.sign(inner.value - outer.value);
  const zero = outer.value + share * (inner.value - outer.value) - (share < 0.5 ? -1 : 1) * towards * slack;
  return (zero - inner.value) * (zero - outer.value) < 0 ? zero : middle;
};

interface Range {
  readonly from: number;
  readonly limits: Interval;
  readonly lnE: (value: number, side: Side) => number;
}

/** Lower = largest value with E(value, side +1) >= 1/a, upper = smallest with E(value, side -1) >= 1/a. Exact at all times if the effect is constant. */
const intervalOf = ({ from, limits, lnE }: Range, { a, tolerance }: IntervalOptions): Interval => {
  const threshold = -Math.log(a);
  const end = (side: Side, limit: number): number =>
    nearestRefuted({ from, step: -side * Math.max(tolerance, 0.001), limit, tolerance, excess: (value) => lnE(value, side) - threshold });
  return [end(1, limits[0]), end(-1, limits[1])];
};

const coinLnE = (strata: readonly UnitStratum[], hypothesis: Hypothesis, side: Side): number => {
  const completed = strata.map((stratum) => completeStratum(stratum, hypothesis.harm, side));
  return logMeanExp(coinLogs(completed, { hypothesis, side, grid: coinGrid }, coinFactors));
};

/**
 * Confidence sequence of a difference of rates, candidate minus baseline, in [-1, 1].
 *
 * @returns null without data in both arms
 * @see Waudby-Smith, Ramdas 2024, section 4 (inverting the betting test)
 */
export const differenceInterval = (strata: readonly UnitStratum[], options = defaultIntervalOptions): Interval | null => {
  const effect = rateEffect(strata);
  if (!effect) return null;
  return intervalOf({ from: effect.difference, limits: [-1, 1], lnE: (delta, side) => coinLnE(strata, { harm: 1, rho0: 1, delta, c0: 0 }, side) }, options);
};

/** Ratios beyond this are shown as the bound itself; searched on the log scale. */
const largestRatio = 1e6;

/** Confidence sequence of a risk ratio, candidate over baseline. Null while one arm has no event or no data. */
export const ratioInterval = (strata: readonly UnitStratum[], options = defaultIntervalOptions): Interval | null => {
  const ratio = rateEffect(strata)?.ratio;
  if (!ratio || ratio <= 0) return null;
  const lnE = (lnRatio: number, side: Side): number => coinLnE(strata, { harm: 1, rho0: Math.exp(lnRatio), delta: 0, c0: 0 }, side);
  const [lower, upper] = intervalOf({ from: Math.log(ratio), limits: [-Math.log(largestRatio), Math.log(largestRatio)], lnE }, options);
  return [Math.exp(lower), Math.exp(upper)];
};

/** Confidence sequence of a difference of means in [0, 1], centred at `c0`. */
export const meanInterval = (strata: readonly ValueStratum[], c0: number, options = defaultIntervalOptions): Interval | null => {
  const effect = meanEffect(strata);
  if (!effect) return null;
  const bet = (delta: number, side: Side): CoinBet => ({ hypothesis: { harm: 1, rho0: 1, delta, c0 }, side, grid: coinGrid });
  return intervalOf({ from: effect.difference, limits: [-1, 1], lnE: (delta, side) => logMeanExp(valueLogs(strata, bet(delta, side))) }, options);
};

/** Confidence sequence of the mean of Y1 - Y0 over pairs. Null without finished pairs. */
export const pairInterval = (pairs: PairCounts, options = defaultIntervalOptions): Interval | null => {
  const n = finishedPairs(pairs);
  if (n === 0) return null;
  const from = (pairs.candidateOnly - pairs.baselineOnly) / n;
  return intervalOf({ from, limits: [-1, 1], lnE: (delta, side) => logMeanExp(signedPairLogs(pairs, delta, side)) }, options);
};

/** A difference may be negative: then the versions are swapped, so that the bet stays within its bounds. */
const signedPairLogs = (pairs: PairCounts, delta: number, side: Side): number[] => {
  if (delta >= 0) return pairLogs(pairs, { rho0: 1, delta, side, grid: pairedGrid });
  const swapped = { ...pairs, candidateOnly: pairs.baselineOnly, baselineOnly: pairs.candidateOnly };
  return pairLogs(swapped, { rho0: 1, delta: -delta, side: side === 1 ? -1 : 1, grid: pairedGrid });
};
