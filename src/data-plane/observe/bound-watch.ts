/**
 * Holds what callers wait for against the absolute limits of a rollout's acceptance, for each arm alone. A broken limit
 * alerts and blames nobody: what hits both arms breaks it too. States of an arm: counting a minute, then within or beyond
 * each limit until the next full minute says otherwise; one with too few requests leaves it as it was.
 */
import type { LatencyBound, RolloutAssignment } from '../../store/rollout-store.ts';

/** One limit of one arm after a full minute. */
export interface BoundReport {
  readonly model: string;
  readonly arm: 'baseline' | 'candidate';
  readonly bound: LatencyBound;
  readonly requests: number;
  readonly slower: number;
  readonly beyond: boolean;
}

export interface BoundWatch {
  /** One request of a rollout's arm that was answered, or failed by the version's fault. */
  readonly record: (model: string, rollout: RolloutAssignment, request: { readonly arm: 'baseline' | 'candidate'; readonly durationMs: number }) => void;
}

const minuteMs = 60_000;
/** A 95th percentile of fewer requests hangs on five of them. */
const leastRequests = 100;

interface Minute {
  readonly rollout: string;
  readonly startedMs: number;
  requests: number;
  readonly slower: number[];
}

export const createBoundWatch = ({
  monotonicMs,
  onMinute,
}: {
  readonly monotonicMs: () => number;
  readonly onMinute: (report: BoundReport) => void;
}): BoundWatch => {
  const minutes = new Map<string, Minute>();

  /** The minute that is being counted; the one before it is told when it was full. */
  const minuteOf = (of: Pick<BoundReport, 'model' | 'arm'>, { id, latencyBounds }: RolloutAssignment): Minute => {
    const name = `${of.arm} ${of.model}`;
    const last = minutes.get(name);
    const nowMs = monotonicMs();
    if (last?.rollout === id && nowMs - last.startedMs < minuteMs) return last;
    if (last?.rollout === id) tell(of, last, { latencyBounds, onMinute });
    const next: Minute = { rollout: id, startedMs: nowMs, requests: 0, slower: latencyBounds.map(() => 0) };
    minutes.set(name, next);
    return next;
  };

  return {
    record: (model, rollout, { arm, durationMs }) => {
      if (rollout.latencyBounds.length === 0) return;
      const minute = minuteOf({ model, arm }, rollout);
      minute.requests += 1;
      for (const [index, { limitMs }] of rollout.latencyBounds.entries()) if (durationMs > limitMs) minute.slower[index] = (minute.slower[index] ?? 0) + 1;
    },
  };
};

const tell = (
  of: Pick<BoundReport, 'model' | 'arm'>,
  { requests, slower }: Minute,
  { latencyBounds, onMinute }: { readonly latencyBounds: readonly LatencyBound[]; readonly onMinute: (report: BoundReport) => void },
): void => {
  if (requests < leastRequests) return;
  for (const [index, bound] of latencyBounds.entries()) {
    const beyond = (slower[index] ?? 0) > requests * (1 - bound.quantile);
    onMinute({ ...of, bound, requests, slower: slower[index] ?? 0, beyond });
  }
};
