/** Ends what is waiting at its deadline with one timer for all, so that a request costs no timer of its own. */
export interface Expiry {
  /**
   * Calls `expire` once when the deadline (monotonic clock, milliseconds) has passed. The returned function takes it back:
   * nothing of it is kept then, however far away the deadline is.
   */
  readonly watch: (deadlineMs: number, expire: () => void) => () => void;
  readonly close: () => void;
}

interface Waiting {
  readonly deadlineMs: number;
  readonly expire: () => void;
}

export const createExpiry = (monotonicMs: () => number): Expiry => {
  const waiting = new Set<Waiting>();
  let timer: NodeJS.Timeout | null = null;
  let armedForMs = Number.POSITIVE_INFINITY;

  const disarm = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    armedForMs = Number.POSITIVE_INFINITY;
  };

  const arm = (deadlineMs: number): void => {
    if (deadlineMs >= armedForMs) return;
    disarm();
    armedForMs = deadlineMs;
    timer = setTimeout(sweep, Math.max(0, deadlineMs - monotonicMs())).unref();
  };

  const sweep = (): void => {
    const nowMs = monotonicMs();
    disarm();
    let earliestMs = Number.POSITIVE_INFINITY;
    for (const item of waiting) {
      if (item.deadlineMs > nowMs) earliestMs = Math.min(earliestMs, item.deadlineMs);
      else if (waiting.delete(item)) item.expire();
    }
    // Timers fire up to a millisecond early; the extra one keeps the sweep from spinning.
    if (waiting.size > 0) arm(Math.max(earliestMs, nowMs + 1));
  };

  return {
    watch: (deadlineMs, expire) => {
      const item: Waiting = { deadlineMs, expire };
      waiting.add(item);
      arm(deadlineMs);
      return () => void waiting.delete(item);
    },
    close: () => {
      disarm();
      waiting.clear();
    },
  };
};
