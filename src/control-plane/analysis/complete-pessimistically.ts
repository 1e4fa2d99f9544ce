import type { Harm, Side } from './hypothesis.ts';
import type { PairCounts } from './pair-counts.ts';
import type { ArmCounts, UnitStratum } from './strata.ts';

/** The four cells of a stratum when every outcome is taken as known. */
export interface CompletedStratum {
  readonly w: number;
  readonly candidateEvents: number;
  readonly candidateNone: number;
  readonly baselineEvents: number;
  readonly baselineNone: number;
}

const eventsOf = (arm: ArmCounts, pendingAreEvents: boolean): number => arm.events + (pendingAreEvents ? arm.pending : 0);

/**
 * Takes every pending request for what lowers the evidence most: against a rollback with harm +1 a pending baseline request is an event and a
 * pending candidate request is none; mirrored for harm -1, and for a promotion. The evidence can only rise when the true outcomes come in,
 * so a crossing is final. Requests pending at a crash stay completed so for ever.
 */
export const completeStratum = ({ w, candidate, baseline }: UnitStratum, harm: Harm, side: Side): CompletedStratum => {
  const candidateGetsEvents = harm * side < 0;
  const candidateEvents = eventsOf(candidate, candidateGetsEvents);
  const baselineEvents = eventsOf(baseline, !candidateGetsEvents);
  return { w, candidateEvents, candidateNone: candidate.n - candidateEvents, baselineEvents, baselineNone: baseline.n - baselineEvents };
};

/** The same for pairs that have begun: X = -1 against a rollback, +1 against a promotion. */
export const completePairs = (pairs: PairCounts, side: Side): PairCounts => {
  if (side === 1) return { ...pairs, baselineOnly: pairs.baselineOnly + pairs.pending, pending: 0 };
  return { ...pairs, candidateOnly: pairs.candidateOnly + pairs.pending, pending: 0 };
};
