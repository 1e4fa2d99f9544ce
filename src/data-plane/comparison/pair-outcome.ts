import { bucketOf, topBucket } from '../../latency-bucket.ts';
import type { ComparedOutputs, Ran, Side } from './comparison-protocol.ts';
import type { PairOutcome, RunOutcome } from './pair-counters.ts';

/** A run of a pair: what the process said of it, or `lost` when it passed its deadline or the process died during it. */
export type MadeRun = Ran | 'lost';

/** The runs of one pair, as far as they are made. */
export type MadeRuns = Readonly<Partial<Record<Side, MadeRun>>>;

const lostRun: RunOutcome = { bucket: topBucket, error: true, breach: false };

/** A run that ended in the process but took the deadline or more has passed it: nobody would have got its answer. */
const outcomeOf = (run: MadeRun, deadlineMs: number): RunOutcome => {
  if (run === 'lost' || run.us >= deadlineMs * 1_000) return lostRun;
  return { bucket: bucketOf(run.us), error: run.result === 'error' || run.result === 'unreadable', breach: run.result === 'breach' };
};

const isUnreadable = (run: MadeRun): boolean => run !== 'lost' && run.result === 'unreadable';

/**
 * What a pair whose runs are both made counts as; null when neither version can read the request, which is then no
 * evidence. One that only one of them can read is an error of the other.
 */
export const pairOutcome = (
  { baseline, candidate }: Readonly<Record<Side, MadeRun>>,
  { compared, deadlineMs }: { readonly compared: ComparedOutputs | null; readonly deadlineMs: number },
): PairOutcome | null => {
  if (isUnreadable(baseline) && isUnreadable(candidate)) return null;
  const outcome = { baseline: outcomeOf(baseline, deadlineMs), candidate: outcomeOf(candidate, deadlineMs) };
  const bothAnswered = [outcome.baseline, outcome.candidate].every(({ error, breach }) => !error && !breach);
  return { ...outcome, differ: bothAnswered ? (compared?.differ ?? null) : null };
};
