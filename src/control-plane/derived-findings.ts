/** What a decision finds beside e-values and follows from the counts of the blocks alone: made for the ledger, and once more by a replay. Pure. */

import type { GuardAssessment } from './analysis/assess-guards.ts';
import { addCounts, type GuardCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { likelyStartBlock } from './analysis/likely-start.ts';
import type { UnitStratum } from './analysis/strata.ts';
import type { Judged, Measurements } from './assess-rollout.ts';
import { type BlockBegin, type BlockTimes, timesAt } from './block-times.ts';
import { etaRequests } from './eta-requests.ts';
import { fullWeightHundredths } from './position.ts';

/** What it is made from. */
export interface DerivedFrom {
  readonly measurements: Measurements;
  readonly judged: Judged['judged'];
  /** Of all blocks, the open ones among them; null where they are not known. */
  readonly times: BlockTimes | null;
  /** The weight before the decision, hundredths of a percent. */
  readonly weightHundredths: number;
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
const likelyStart = (block: number, { lnE }: GuardAssessment, times: BlockTimes): BlockBegin | null =>
  lnE > 0 ? (times.begins.find((begin) => begin.block === block) ?? null) : null;

interface Course {
  readonly likelyStart?: BlockBegin | null;
  readonly etaRequests?: number | null;
}

/** What is said of the course of a guard: of a rollout whose starts were not followed from its beginning, nothing. */
const courseOf = (guard: Guard, assessed: GuardAssessment, { measurements, times, weightHundredths }: DerivedFrom): Course => {
  const block = likelyStartBlock(guard, measurements.evidence, measurements.open);
  if (times === null || block === undefined) return {};
  const eta = etaRequests(guard, assessed, { measurements, counts: countsOf(guard.name, measurements), w: weightHundredths / fullWeightHundredths });
  return { likelyStart: likelyStart(block, assessed, times), etaRequests: eta };
};

/** The findings of the rollout and, by name, of its guards. */
export const derivedFindings = (from: DerivedFrom) => ({
  strata: rolloutStrata(from),
  guards: Object.fromEntries(
    from.measurements.guards.map((guard, index) => {
      const assessed = from.judged.guards[index];
      return [guard.name, { strata: guardStrata(guard.name, from), ...(assessed === undefined ? {} : courseOf(guard, assessed, from)) }];
    }),
  ),
});
