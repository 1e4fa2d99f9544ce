import type { Evidence } from './evidence.ts';
import { firstEventRate } from './first-event-ratio.ts';
import type { GuardPins } from './guard-counts.ts';
import type { Guard } from './guard-test.ts';
import { type LatencyHistory, pinLatencyEdges } from './latency-history.ts';

/** What is known when a block starts. */
export interface SealedPast {
  readonly evidence: Evidence;
  /** Runs of the baseline in the comparison process, before the rollout and in sealed blocks. */
  readonly latency: LatencyHistory;
}

/** Fixes the thresholds and rates of a new block from sealed history only, by guard name. The engine keeps them with the block. */
export const pinBlock = (guards: readonly Guard[], past: SealedPast): Readonly<Record<string, GuardPins>> =>
  Object.fromEntries(guards.map((guard) => [guard.name, pinGuard(guard, past)]));

const pinGuard = (guard: Guard, past: SealedPast): GuardPins => {
  if (guard.kind === 'latency' && 'relative' in guard.margin) {
    const latencyEdges = pinLatencyEdges(past.latency, guard.slots, { atLeastMs: 0, ...guard.margin });
    return latencyEdges ? { latencyEdges } : {};
  }
  if (!guard.rollback.some(({ source }) => source === 'firstEvents')) return {};
  const sealed = sealedBaseline(past.evidence, guard.name);
  // Without a baseline request the rate would be taken for 1, and an absolute margin for a far stricter relative one.
  return sealed.n > 0 ? { firstEventRate: firstEventRate(sealed) } : {};
};

const sealedBaseline = ({ totals }: Evidence, guard: string) =>
  (totals[guard]?.units ?? []).reduce((sum, { baseline }) => ({ n: sum.n + baseline.n, events: sum.events + baseline.events }), { n: 0, events: 0 });
