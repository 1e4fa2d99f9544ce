/** Something that is over, one way or the other, and by when it must be. */
export interface Expiring {
  /** On the monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  readonly isSettled: () => boolean;
  /** Called once when the deadline has passed and it is not settled. */
  readonly expire: () => void;
}

/** Ends what is waiting at its deadline with one timer for all, so that a request costs no timer of its own. */
export interface Expiry {
  readonly watch: (item: Expiring) => void;
  readonly close: () => void;
}

export const createExpiry = (monotonicMs: () => number): Expiry => {
  let waiting: Expiring[] = [];
  let timer: NodeJS.Timeout | null = null;
  let armedForMs = Number.POSITIVE_INFINITY;

  const arm = (deadlineMs: number): void => {
    if (deadlineMs >= armedForMs) return;
    if (timer !== null) clearTimeout(timer);
    armedForMs = deadlineMs;
    timer = setTimeout(sweep, Math.max(0, deadlineMs - monotonicMs())).unref();
  };

  const sweep = (): void => {
    const nowMs = monotonicMs();
    timer = null;
    armedForMs = Number.POSITIVE_INFINITY;
    waiting = waiting.filter((item) => {
      if (item.isSettled()) return false;
      if (item.deadlineMs > nowMs) return true;
      item.expire();
      return false;
    });
    const earliestMs = waiting.reduce((earliest, item) => Math.min(earliest, item.deadlineMs), Number.POSITIVE_INFINITY);
    // Timers fire up to a millisecond early; the extra one keeps the sweep from spinning.
    if (waiting.length > 0) arm(Math.max(earliestMs, nowMs + 1));
  };

  return {
    watch: (item) => {
      waiting.push(item);
      arm(item.deadlineMs);
    },
    close: () => {
      if (timer !== null) clearTimeout(timer);
      waiting = [];
    },
  };
};
