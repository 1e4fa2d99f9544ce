import type { Clock } from '../clock.ts';

/** A clock that is set by less is only corrected. */
const toleranceMs = 5 * 60_000;
/** A clock that stays ahead for so long was behind before, or the machine was stopped. */
const doubtMs = 60 * 60_000;

/**
 * The wall's time for what is done once and not taken back. A clock that jumps ahead is doubted for an hour: until then time goes on
 * from where it was. A clock that goes back is believed, since it only makes wait.
 */
export const createSteadyWall = ({ wallMs, monotonicMs }: Clock): (() => number) => {
  let offsetMs = wallMs() - monotonicMs();
  let aheadSinceMs: number | null = null;
  return () => {
    const nowMs = monotonicMs();
    const seenMs = wallMs() - nowMs;
    const isAhead = seenMs > offsetMs + toleranceMs;
    aheadSinceMs = isAhead ? (aheadSinceMs ?? nowMs) : null;
    if (aheadSinceMs === null || nowMs - aheadSinceMs >= doubtMs) {
      offsetMs = seenMs;
      aheadSinceMs = null;
    }
    return nowMs + offsetMs;
  };
};
