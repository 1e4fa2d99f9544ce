import type { Clock } from '../../src/clock.ts';

/** A clock that stands until it is told to go on, with the work whose time it is. */
export interface SimulatedClock extends Clock {
  /** Resolves when so many milliseconds have passed. */
  readonly sleep: (ms: number) => Promise<void>;
  /** Follows work that is finished, asleep on this clock, or going on in real time. */
  readonly follow: <T>(work: Promise<T>) => Promise<T>;
  /** Resolves when all that is followed is finished or asleep. */
  readonly quiet: () => Promise<void>;
  /** Lets so many milliseconds pass, from one sleeper to the next, each as far as it comes. */
  readonly pass: (ms: number) => Promise<void>;
  readonly asleep: () => number;
}

interface Sleeper {
  readonly untilMs: number;
  readonly wake: () => void;
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

export const createSimulatedClock = (startMs: number): SimulatedClock => {
  const sleepers = new Set<Sleeper>();
  let nowMs = 0;
  let underWay = 0;

  const quiet = async (): Promise<void> => {
    while (underWay > sleepers.size) await nextTurn();
  };
  const nextOf = (): Sleeper | undefined =>
    [...sleepers].reduce<Sleeper | undefined>((next, each) => (next === undefined || each.untilMs < next.untilMs ? each : next), undefined);

  return {
    monotonicMs: () => nowMs,
    wallMs: () => startMs + nowMs,
    sleep: (ms) => new Promise((resolve) => void sleepers.add({ untilMs: nowMs + ms, wake: resolve })),
    follow: (work) => {
      underWay += 1;
      return work.finally(() => {
        underWay -= 1;
      });
    },
    quiet,
    pass: async (ms) => {
      const endMs = nowMs + ms;
      for (let next = nextOf(); next !== undefined && next.untilMs <= endMs; next = nextOf()) {
        nowMs = next.untilMs;
        sleepers.delete(next);
        next.wake();
        await quiet();
      }
      nowMs = endMs;
    },
    asleep: () => sleepers.size,
  };
};
