/**
 * Raw facts of the request path and of the pairs, on channels of `node:diagnostics_channel`. Nothing of the product subscribes: a test that
 * recomputes the evidence loads a subscriber into the process (CONTRIBUTING.md). Without one, a fact costs one look at a boolean.
 */
import { channel } from 'node:diagnostics_channel';
import type { TrafficAssignment } from '../../store/traffic-assignment.ts';

const assigned = channel('handoff:assigned');
const failed = channel('handoff:failed');
const pairs = channel('handoff:pair');

interface RoutedRequest {
  readonly assignment: { readonly arm: string | null };
  /** `second` is that of the assignment on the clock of the counters. */
  readonly unit: { readonly second: number } | null;
}

/** A request has got its arm. `second` is null for one that is no evidence. */
export const tellAssigned = (
  requestId: string,
  { name, traffic }: { readonly name: string; readonly traffic: TrafficAssignment },
  routed: RoutedRequest,
): void => {
  if (!assigned.hasSubscribers) return;
  const { assignment, unit } = routed;
  assigned.publish({ requestId, model: name, rollout: traffic.rollout?.id ?? null, epoch: traffic.epoch, arm: assignment.arm, second: unit?.second ?? null });
};

/** The version that a request was assigned to gave it no answer that holds, or one that came too late to be no failure (`late`). */
export const tellFailed = (requestId: string, failure: string | null): void => {
  if (failed.hasSubscribers) failed.publish({ requestId, failure });
};

interface PairOf {
  readonly rollout: string;
  readonly requestId: string;
  /** The versions that are to be run, in this order. */
  readonly order: readonly string[];
}

/** A pair has begun. */
export const tellPairBegun = ({ rollout, requestId, order }: PairOf, pending: { readonly second: number }): void => {
  if (pairs.hasSubscribers) pairs.publish({ is: 'begun', rollout, requestId, order, second: pending.second });
};

/** What the comparison process said of a pair: each run, and by difference rule whether the two outputs differ. */
export const tellPairEnded = ({ rollout, requestId, order }: PairOf, runs: object, differ: readonly boolean[] | null): void => {
  if (pairs.hasSubscribers) pairs.publish({ is: 'ended', rollout, requestId, order, runs, differ });
};
