import type { Log } from '../telemetry/log.ts';

/** Work that is done once a second until it is stopped. */
export interface Repeating {
  /** No round begins any more; resolves when the last one is over. */
  readonly stop: () => Promise<void>;
}

/** Runs a task, beginning in a second. A round that takes longer takes the place of those that would begin meanwhile; one that fails is told, and the next one comes. */
export const everySecond = (task: () => Promise<void>, log: Pick<Log, 'error'>): Repeating => {
  let underWay: Promise<void> | null = null;
  const timer = setInterval(() => {
    underWay ??= task()
      .catch((error: unknown) => log.error({ err: error }, 'what is done every second failed'))
      .finally(() => {
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
