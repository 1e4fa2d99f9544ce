/** Whether a signal takes the traffic from a candidate: pure, from the declared rule, the last value and the time. */

/** A signal as a bundle declares it. Limits are in `unit`. */
export interface SignalRule {
  readonly name: string;
  readonly unit: string;
  /** A value above it holds. */
  readonly holdAbove: number;
  /** Whoever holds goes on holding until a value below it; at most `holdAbove`. */
  readonly clearBelow: number;
  readonly pageAfterMs: number;
  /** A value that is older says nothing any more. */
  readonly staleAfterMs: number;
  /** What a signal without a value that counts means. */
  readonly whenMissing: 'hold' | 'ignore';
}

/** The value that was pushed last, and when, milliseconds of the monotonic clock. */
export interface SignalReading {
  readonly value: number;
  readonly atMs: number;
}

/**
 * Why a signal holds: its last value was above the limit (and none below `clearBelow` since); no value came in this life of
 * the process; the last value is too old; or it held when the life before ended, and nothing has been heard since.
 */
export type SignalCause = 'above' | 'missing' | 'stale' | 'kept';

/** What a signal says now. `sinceMs` is when the hold began, whatever its cause was then. */
export type SignalStatus = { readonly holds: false } | { readonly holds: true; readonly cause: SignalCause; readonly sinceMs: number };

/** What a status is made from. Times are milliseconds of the monotonic clock. */
export interface SignalLook {
  readonly rule: SignalRule;
  readonly before: SignalStatus;
  /** Null when no value was pushed in this life of the process. */
  readonly reading: SignalReading | null;
  /** When this life began to look at the signal: without a value, it is missing only once a value could have been expected. */
  readonly watchedSinceMs: number;
  readonly nowMs: number;
}

const clear: SignalStatus = { holds: false };

const hold = ({ before, nowMs }: SignalLook, cause: SignalCause): SignalStatus => ({ holds: true, cause, sinceMs: before.holds ? before.sinceMs : nowMs });

const unheard = (look: SignalLook): SignalStatus => {
  if (look.rule.whenMissing === 'ignore') return clear;
  return hold(look, look.reading === null ? 'missing' : 'stale');
};

/**
 * The status of a signal. Above `holdAbove` it holds, and comes back only below `clearBelow`, whatever made it hold. Without a
 * value that is younger than `staleAfterMs` it has its declared meaning; until a first value was due, what was in force stays.
 */
export const assessSignal = (look: SignalLook): SignalStatus => {
  const { rule, before, reading, watchedSinceMs, nowMs } = look;
  if (nowMs - (reading?.atMs ?? watchedSinceMs) > rule.staleAfterMs) return unheard(look);
  if (reading === null) return before;
  const holds = before.holds ? !(reading.value < rule.clearBelow) : reading.value > rule.holdAbove;
  return holds ? hold(look, 'above') : clear;
};
