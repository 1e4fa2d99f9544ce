/*
 * Run times are kept in log buckets whose ratio divides a margin of 10 %: five buckets are exactly 1.1 times, so that margin has no rounding.
 * The data plane counts in them, the control plane reads them.
 */

/** Width of a bucket on the log scale: ln(1.1) / 5 = 0.019062036. */
export const bucketWidth = Math.log(1.1) / 5;

/** 1 us to 199 s. */
export const bucketCount = 1003;

/** Where a run goes that passed its deadline or whose process died. */
export const topBucket = bucketCount - 1;

/** The bucket of a duration in microseconds: floor(ln(us) / g), held in 0 .. 1002. */
export const bucketOf = (us: number): number => (us <= 1 ? 0 : Math.min(topBucket, Math.floor(Math.log(us) / bucketWidth)));

/** The shortest duration of a bucket, in microseconds. */
export const bucketStartUs = (bucket: number): number => Math.exp(bucket * bucketWidth);
