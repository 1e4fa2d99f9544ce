/**
 * Holds what callers get against the absolute limits of a rollout's acceptance, for each arm alone. A broken limit alerts and blames nobody:
 * what hits both arms breaks it too. An arm counts a minute; the first request after it has the minute judged.
 */
import type { Bound, BoundEvent, RolloutAssignment } from '../../store/traffic-assignment.ts';
import type { OutputRow } from '../guards/compile-outputs.ts';
import type { AttemptFailure } from '../rescue.ts';
import { type BoundAlarm, nextAlarm, noAlarm, type Tally } from './bound-alarm.ts';

/** How one request of an arm ended. */
export interface EndedRequest {
  readonly arm: 'baseline' | 'candidate';
  readonly durationMs: number;
  /** Why the assigned version gave no answer that holds; null when it did. */
  readonly failure: AttemptFailure | null;
  /** What the caller got, whoever gave it; null when nothing. */
  readonly answer: { readonly rows: readonly OutputRow[]; readonly abstained: number } | null;
}

/** One limit of one arm after a full minute. */
export interface BoundReport extends Tally {
  readonly model: string;
  readonly arm: 'baseline' | 'candidate';
  readonly bound: Bound;
  readonly broken: boolean;
}

export interface BoundWatch {
  /** One request of a rollout's arm that was answered, or failed by the version's fault. */
  readonly record: (model: string, rollout: RolloutAssignment, request: EndedRequest) => void;
  /** The model has no rollout. Cheap, so that every request may say it. */
  readonly unwatch: (model: string) => void;
}

export interface BoundWatchDeps {
  readonly monotonicMs: () => number;
  readonly onMinute: (report: BoundReport) => void;
  /** The limits of a model are those of another rollout now, or of none. */
  readonly onEnd: (model: string) => void;
}

const minuteMs = 60_000;

/** One arm in one rollout. */
interface WatchedArm {
  startedMs: number;
  requests: number;
  readonly events: number[];
  alarms: readonly BoundAlarm[];
}

interface Watched {
  readonly rollout: string;
  readonly bounds: readonly Bound[];
  readonly arms: Readonly<Record<EndedRequest['arm'], WatchedArm>>;
}

const hasEvent = (event: BoundEvent, { durationMs, failure, answer }: EndedRequest): boolean => {
  switch (event.kind) {
    case 'slow':
      return durationMs > event.limitMs;
    case 'error':
      return failure !== null && failure !== 'breach';
    case 'breach':
      return failure === 'breach';
    case 'abstained':
      return (answer?.abstained ?? 0) > 0;
    case 'output':
      return (answer?.rows ?? []).some((row) => row[event.output] === true) === event.is;
  }
};

const watch = ({ id, bounds }: RolloutAssignment, startedMs: number): Watched => {
  const arm = (): WatchedArm => ({ startedMs, requests: 0, events: bounds.map(() => 0), alarms: bounds.map(() => noAlarm) });
  return { rollout: id, bounds, arms: { baseline: arm(), candidate: arm() } };
};

const count = (arm: WatchedArm, bounds: readonly Bound[], request: EndedRequest): void => {
  arm.requests += 1;
  for (let index = 0; index < bounds.length; index += 1) {
    const bound = bounds[index];
    if (bound !== undefined && hasEvent(bound.event, request)) arm.events[index] = (arm.events[index] ?? 0) + 1;
  }
};

export const createBoundWatch = ({ monotonicMs, onMinute, onEnd }: BoundWatchDeps): BoundWatch => {
  const models = new Map<string, Watched>();

  const unwatch = (model: string): void => {
    if (models.delete(model)) onEnd(model);
  };
  const watchedOf = (model: string, rollout: RolloutAssignment, nowMs: number): Watched => {
    const known = models.get(model);
    if (known?.rollout === rollout.id) return known;
    unwatch(model);
    const made = watch(rollout, nowMs);
    models.set(model, made);
    return made;
  };
  const judge = (of: Pick<BoundReport, 'model' | 'arm'>, { bounds, arms }: Watched): void => {
    const arm = arms[of.arm];
    const { requests, events, alarms } = arm;
    arm.alarms = bounds.map((bound, index) => {
      const minute = { requests, events: events[index] ?? 0 };
      const alarm = nextAlarm(alarms[index] ?? noAlarm, minute, bound.limit);
      onMinute({ ...of, ...minute, bound, broken: alarm.broken });
      return alarm;
    });
    arm.requests = 0;
    events.fill(0);
  };

  return {
    record: (model, rollout, request) => {
      if (rollout.bounds.length === 0) return;
      const nowMs = monotonicMs();
      const watched = watchedOf(model, rollout, nowMs);
      const arm = watched.arms[request.arm];
      if (nowMs - arm.startedMs >= minuteMs) {
        if (arm.requests > 0) judge({ model, arm: request.arm }, watched);
        arm.startedMs = nowMs;
      }
      count(arm, watched.bounds, request);
    },
    unwatch,
  };
};
