/** Work that is done once a second until it is stopped. */
export interface Repeating {
  /** No round begins any more; resolves when the last one is over. */
  readonly stop: () => Promise<void>;
}

/** Runs a task that never rejects, beginning in a second. A round that takes longer takes the place of those that would begin meanwhile. */
export const everySecond = (task: () => Promise<void>): Repeating => {
  let underWay: Promise<void> | null = null;
  const timer = setInterval(() => {
    underWay ??= task().finally(() => {
      underWay = null;
    });
  }, 1_000);
  return {
    stop: async () => {
      clearInterval(timer);
      await underWay;
    },
  };
};
