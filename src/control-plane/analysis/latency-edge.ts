import { bucketStartUs, bucketWidth } from '../../latency-bucket.ts';

/** Rounding below this is noise of the logarithm: without it +10 % would be six buckets. */
const roundingSlack = 1e-9;

/** How many buckets a relative margin is: +10 % (0.1) is 5. Rounded up, to the candidate's side. */
export const shiftOf = (relativeMargin: number): number => Math.max(0, Math.ceil(Math.log1p(relativeMargin) / bucketWidth - roundingSlack));

/** A threshold pair: a run is slow when its bucket is at or above its version's edge. */
export interface LatencyEdge {
  readonly baseline: number;
  readonly candidate: number;
}

/** A latency margin: relative (0.1 is +10 %), and a time that a candidate may always take more. */
export interface LatencyMargin {
  readonly relative: number;
  readonly atLeastMs: number;
}

/**
 * The candidate's edge that belongs to a baseline edge: shifted by the relative margin, or by `atLeastMs` where that is more.
 * The first bucket wholly past threshold + `atLeastMs` is taken, so that a candidate exactly at the margin is not slow.
 */
export const edgeWithMargin = (baselineEdge: number, margin: LatencyMargin): LatencyEdge => {
  const relative = baselineEdge + shiftOf(margin.relative);
  const floorUs = bucketStartUs(baselineEdge) + margin.atLeastMs * 1000;
  const absolute = margin.atLeastMs > 0 ? Math.ceil(Math.log(floorUs) / bucketWidth - roundingSlack) : relative;
  return { baseline: baselineEdge, candidate: Math.max(relative, absolute) };
};
