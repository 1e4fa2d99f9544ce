/**
 * The times of an outcome, by the same rules where it arrives and where it is counted. Requests are gathered by the wall
 * clock of their assignment into buckets; a bucket is mature when every outcome of it has had its window and the grace.
 */

/** How long an outcome may be on its way after its window, milliseconds. A day: labels are posted by batch jobs. */
export const outcomeGraceMs = 86_400_000;

/** Length of a bucket, milliseconds. An hour: a week's window is then some two hundred buckets, and a bucket waits at most so much longer than its first request needs. */
export const outcomeBucketMs = 3_600_000;

/** The bucket of an assignment: whole hours since the epoch. */
export const outcomeBucketOf = (assignedAtMs: number): number => Math.floor(assignedAtMs / outcomeBucketMs);

/** When no outcome of the bucket can count any more, milliseconds since the epoch. */
export const maturesAtMs = (bucket: number, windowMs: number): number => (bucket + 1) * outcomeBucketMs + windowMs + outcomeGraceMs;

/** The first bucket that is not mature yet. */
export const firstImmatureBucket = (nowMs: number, windowMs: number): number => outcomeBucketOf(nowMs - windowMs - outcomeGraceMs);

/** Whether an outcome was observed within the window after its request; a clock that runs ahead makes an age of 0. */
export const isObservedInTime = ({ assignedAtMs, observedAtMs }: { readonly assignedAtMs: number; readonly observedAtMs: number }, windowMs: number): boolean =>
  Math.max(0, observedAtMs - assignedAtMs) <= windowMs;

/** Whether an outcome arrived before its request could be counted without it. */
export const arrivedInTime = ({ assignedAtMs, arrivedAtMs }: { readonly assignedAtMs: number; readonly arrivedAtMs: number }, windowMs: number): boolean =>
  arrivedAtMs - assignedAtMs < windowMs + outcomeGraceMs;
