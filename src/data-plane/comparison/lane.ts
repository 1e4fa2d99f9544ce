/**
 * The pairs of one rollout: a bounded queue of requests whose answers have been sent, and one pair at a time in the
 * comparison process. A request waits until the CPU budget, the cap and the process allow its pair to begin; until then
 * it can be dropped. States: open, draining (begins nothing any more), closed.
 */
import { maxPairsPerSecond } from '../../pair-sampling.ts';
import type { ComparisonEnd, ComparisonProcess } from './comparison-process.ts';
import { createCpuBudget } from './cpu-budget.ts';
import { type KeptProcess, keepProcess } from './kept-process.ts';
import { createPairRunner, type DrawnRequest, type PairRunner, type PairRunnerDeps } from './pair-runner.ts';

/** Why a drawn request was not compared: too many wait for the budget, there is no process, or the gateway ends. */
export type DropReason = 'busy' | 'down' | 'drain';

/** What a lane tells the outside. */
export interface LaneHooks extends Pick<PairRunnerDeps, 'onPair' | 'onExample'> {
  readonly onDropped: (reason: DropReason) => void;
  readonly onCpu: (cpuMs: number) => void;
  readonly onUp: (up: boolean) => void;
  readonly onEnd: (end: ComparisonEnd) => void;
}

export interface LaneDeps extends Pick<PairRunnerDeps, 'rollout' | 'deadlineMs' | 'evidence' | 'randomU32' | 'monotonicMs'> {
  /** The signal calls it off. */
  readonly start: (signal: AbortSignal) => Promise<ComparisonProcess>;
  readonly maxCpuPercent: number;
  readonly hooks: LaneHooks;
}

export interface Lane {
  readonly offer: (request: DrawnRequest) => void;
  /** Why no request can be compared now, in words; null while they can. */
  readonly lacks: () => string | null;
  /** The process; null while there is none. */
  readonly pid: () => number | null;
  /** Begins no pair any more. */
  readonly drain: () => void;
  /** Lets the pair that has begun end, if its process lives, then ends the process. */
  readonly close: () => Promise<void>;
}

/** Requests that wait hold their rows in memory, images too. */
const maxQueued = 16;
/** Nothing begun for so long although requests were drawn: the comparison is starved. */
const starvedMs = 30_000;

export const createLane = (deps: LaneDeps): Lane => {
  const { monotonicMs, hooks, maxCpuPercent } = deps;
  const queue: DrawnRequest[] = [];
  const meter = createCpuMeter(deps);
  const runner = createPairRunner({ ...deps, ...hooks, usage: meter });
  let draining = false;
  let waitingSinceMs: number | null = null;

  const pump = createPump({
    deps,
    runner,
    opensInMs: meter.opensInMs,
    current: () => kept.current(),
    next: () => {
      const request = queue.shift();
      waitingSinceMs = queue.length === 0 ? null : monotonicMs();
      return request ?? null;
    },
    isEmpty: () => queue.length === 0,
  });
  const kept: KeptProcess = keepProcess({
    start: deps.start,
    monotonicMs,
    onRunning: ({ startCpuMs }) => {
      meter.restart(startCpuMs);
      hooks.onUp(true);
      pump.wake();
    },
    onEnd: (end) => {
      hooks.onUp(false);
      hooks.onEnd(end);
    },
  });
  const drain = (): void => {
    draining = true;
    for (const _ of queue.splice(0)) hooks.onDropped('drain');
  };

  return {
    offer: (request) => {
      waitingSinceMs ??= monotonicMs();
      if (draining) hooks.onDropped('drain');
      else if (queue.length >= maxQueued) hooks.onDropped(kept.current() === null ? 'down' : 'busy');
      else {
        queue.push(request);
        pump.wake();
      }
    },
    lacks: () => kept.lacks() ?? starvedWords(waitingSinceMs === null ? 0 : monotonicMs() - waitingSinceMs, maxCpuPercent),
    pid: () => kept.current()?.pid ?? null,
    drain,
    close: async () => {
      drain();
      await pump.idle();
      await kept.close();
      hooks.onUp(false);
    },
  };
};

const starvedWords = (waitedMs: number, maxCpuPercent: number): string | null =>
  waitedMs < starvedMs
    ? null
    : `no drawn request could be compared for ${Math.round(waitedMs / 1_000)} s: the comparison gets no time within ${maxCpuPercent} % of a core`;

/** Spends what the processes of a lane use, one after the other, from one budget. */
const createCpuMeter = ({ maxCpuPercent, monotonicMs, hooks }: LaneDeps) => {
  const budget = createCpuBudget({ maxPercent: maxCpuPercent, monotonicMs });
  let seenMs = 0;
  const add = (cpuMs: number): void => {
    if (cpuMs <= 0) return;
    budget.spend(cpuMs);
    hooks.onCpu(cpuMs);
  };
  const upTo = (cpuMs: number): void => {
    add(cpuMs - seenMs);
    seenMs = Math.max(seenMs, cpuMs);
  };
  return {
    add,
    upTo,
    /** A new process, with what its start took. */
    restart: (startCpuMs: number): void => {
      seenMs = 0;
      upTo(startCpuMs);
    },
    opensInMs: budget.opensInMs,
  };
};

interface PumpDeps {
  readonly deps: LaneDeps;
  readonly runner: PairRunner;
  readonly opensInMs: () => number;
  readonly current: () => ComparisonProcess | null;
  readonly next: () => DrawnRequest | null;
  readonly isEmpty: () => boolean;
}

/** Begins one pair after the other, each when it may. */
const createPump = ({ deps: { monotonicMs }, runner, opensInMs, current, next, isEmpty }: PumpDeps) => {
  let underWay: Promise<void> | null = null;
  let isScheduled = false;
  let second = { at: Number.NaN, pairs: 0 };

  /** In a turn of the loop of its own: whatever the loop has read by then is answered first, the drawn request's own answer too. */
  const wake = (inMs = 0): void => {
    if (isScheduled) return;
    isScheduled = true;
    const turn = (): void => {
      isScheduled = false;
      begin();
    };
    if (inMs > 0) setTimeout(turn, inMs).unref();
    else setImmediate(turn);
  };

  const waitMs = (): number => {
    const nowMs = monotonicMs();
    const at = Math.floor(nowMs / 1_000);
    if (second.at !== at) second = { at, pairs: 0 };
    return second.pairs < maxPairsPerSecond ? opensInMs() : (at + 1) * 1_000 - nowMs;
  };

  const begin = (): void => {
    const process = current();
    if (underWay !== null || process === null || (isEmpty() && !runner.isInterrupted())) return;
    const inMs = waitMs();
    if (inMs > 0) wake(Math.ceil(inMs));
    else {
      underWay = beginOne(process).finally(() => {
        underWay = null;
        wake();
      });
    }
  };

  const beginOne = async (process: ComparisonProcess): Promise<void> => {
    if (runner.isInterrupted()) return runner.resume(process);
    const request = next();
    if (request === null) return;
    second.pairs += 1;
    await runner.begin(process, request);
  };

  return { wake: () => wake(), idle: () => underWay ?? Promise.resolve() };
};
