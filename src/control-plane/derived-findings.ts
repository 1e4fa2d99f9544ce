/** What a decision finds beside e-values and follows from the counts of the blocks alone: made for the ledger, and once more by a replay. Pure. */

import type { GuardAssessment } from './analysis/assess-guards.ts';
import { addCounts, type GuardCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { likelyStartBlock } from './analysis/likely-start.ts';
import type { UnitStratum } from './analysis/strata.ts';
import type { Judged, Measurements } from './assess-rollout.ts';
import { type BlockBegin, type BlockTimes, timesAt } from './block-times.ts';

/** What it is made from. */
export interface DerivedFrom {
  readonly measurements: Measurements;
  readonly judged: Judged['judged'];
  /** Of all blocks, the open ones among them; null where they are not known. */
  readonly times: BlockTimes | null;
}

/** All that was counted of a guard. */
export const countsOf = (name: string, { evidence, open }: Measurements): GuardCounts =>
  open.reduce((sum, block) => addCounts(sum, block[name] ?? {}), evidence.totals[name] ?? {});

/**
 * A rollout's stratum has no events: what an event is, each guard says for itself, and so do the strata of the guards. Where the times of a guard's
 * stratum differ from the rollout's, its units count later than they came: outcomes do when they mature.
 */
const rolloutStrata = ({ measurements: { assigned }, times }: DerivedFrom) =>
  assigned.map(({ w, baseline, candidate }) => ({ w, n0: baseline, n1: candidate, ...timesAt(times?.assigned, w) }));

const guardStrata = (name: string, { measurements, times }: DerivedFrom) =>
  (countsOf(name, measurements).units ?? []).map(({ w, baseline, candidate }: UnitStratum) => ({
    w,
    n0: baseline.n,
    n1: candidate.n,
    events0: baseline.events,
    events1: candidate.events,
    ...timesAt(times?.guards[name], w),
  }));

/** When the harm most likely began that a guard finds; null while it finds none, and while that would be the block after the last. */
const likelyStart = (guard: Guard, { lnE }: GuardAssessment, { measurements, times }: DerivedFrom): { readonly likelyStart?: BlockBegin | null } => {
  const block = likelyStartBlock(guard, measurements.evidence, measurements.open);
  if (times === null || block === undefined) return {};
  return { likelyStart: lnE > 0 ? (times.begins.find((begin) => begin.block === block) ?? null) : null };
};

/** The findings of the rollout and, by name, of its guards. */
export const derivedFindings = (from: DerivedFrom) => ({
  strata: rolloutStrata(from),
  guards: Object.fromEntries(
    from.measurements.guards.map((guard, index) => {
      const assessed = from.judged.guards[index];
      return [guard.name, { strata: guardStrata(guard.name, from), ...(assessed === undefined ? {} : likelyStart(guard, assessed, from)) }];
    }),
  ),
});
