import { type Acceptance, isGuardrail } from '../bundle/acceptance.ts';
import type { Fault } from '../bundle/fault.ts';
import type { Phase, RolloutRecord } from '../store/rollout-store.ts';
import type { ComparisonRule, DifferenceRule, RolloutAssignment, TrafficAssignment } from '../store/traffic-assignment.ts';
import type { Assessment } from './assessment.ts';
import { boundsOf } from './bounds.ts';
import { type Plan, planSchema } from './plan.ts';
import { isLive } from './position.ts';

/** Verified and serving-ready versions of one model: version to digest of its bundle. */
export type Versions = ReadonlyMap<string, string>;

/**
 * Which of the versions that the model's traffic needs are there. `baseline-changed`: the version is, with other files than the rollout
 * began with, so that it answers and nothing is compared with it.
 */
export type Availability = 'available' | 'candidate-unavailable' | 'baseline-unavailable' | 'baseline-changed';

/** Where one model stands: what is kept, what is there, and what was published from both. */
export interface Standing {
  /** The version that is to be the baseline, whether it is there or not; null when nothing says which. */
  readonly baseline: string | null;
  readonly record: RolloutRecord | null;
  readonly availability: Availability;
  readonly assignment: TrafficAssignment;
  /** The plan on disk that holds now, and that a new attempt would go by; null when there is none. */
  readonly planned: PlannedStart | null;
  /** Why the model's rollout cannot start; empty when it can, and while it is on. */
  readonly barsToStart: readonly Fault[];
  /** What the last tick found; null before the first one of this rollout. */
  readonly live: LiveView | null;
}

/** A plan with the criteria and the versions that it was held against. */
export interface PlannedStart {
  readonly plan: Plan;
  readonly planDigest: string;
  readonly baselineDigest: string | null;
  readonly candidateDigest: string;
  readonly acceptance: Acceptance;
}

/** What the last tick found out about a rollout. */
export interface LiveView {
  readonly assessment: Assessment;
  /** What the engine waits for, in words; null when it waits for nothing but time. */
  readonly waitsFor: string | null;
  /** Wall time of the tick, milliseconds since the epoch. */
  readonly tickedAtMs: number;
}

/** The plan by which a rollout goes. It was parsed before it was kept. */
export const planOf = (record: RolloutRecord): Plan => JSON.parse(record.plan) as Plan;

/** The criteria by which a rollout is judged. They were parsed before they were kept. */
export const acceptanceOf = (record: RolloutRecord): Acceptance => JSON.parse(record.acceptance) as Acceptance;

export const watchedOutputsOf = (record: RolloutRecord): readonly string[] => [
  ...new Set(
    acceptanceOf(record)
      .criteria.filter(isGuardrail)
      .flatMap(({ metric }) => (metric.kind === 'outputRate' ? [metric.output] : [])),
  ),
];

/** As golden cases allow: what two runtimes may make of the same graph is no difference. */
const defaultTolerance = 1e-5;

/** What the disagreement guardrails of a rollout compare, in the order of its criteria. */
const differenceRulesOf = (acceptance: Acceptance): readonly DifferenceRule[] =>
  acceptance.criteria
    .filter(isGuardrail)
    .flatMap(({ metric }) => (metric.kind === 'disagreement' ? [{ output: metric.output ?? null, tolerance: metric.tolerance ?? defaultTolerance }] : []));

/** A live rollout is compared at every weight, also at 0 and in the bake: then only pairs can show anything. A shadow step has a share of its own. */
const comparisonOf = (record: RolloutRecord, { share, maxCpuPercent }: Plan['compare']): ComparisonRule | null => {
  const step = planOf(record).steps[record.step];
  const sharePercent = step !== undefined && 'shadow' in step ? step.shadow.share : share;
  return isLive(record.phase) && sharePercent > 0 ? { sharePercent, maxCpuPercent, differences: differenceRulesOf(acceptanceOf(record)) } : null;
};

/** The parts of a kept plan that the data plane goes by. The kept plan is a parsed one, so its durations are numbers already. */
const splitRules = planSchema.pick({ eligibility: true, routingKey: true, match: true, compare: true }).strip();

const endedPhases: readonly Phase[] = ['promoted', 'rolled-back'];

/** Whether a rollout is over: only a new start changes traffic again. */
export const hasEnded = (record: RolloutRecord): boolean => endedPhases.includes(record.phase);

/** The baseline that the store knows: the promoted candidate, or else the rollout's baseline. */
export const keptBaseline = (record: RolloutRecord): string => (record.phase === 'promoted' ? record.candidate : record.baseline);

/** A candidate is there when its bundle is the very one that the rollout began with: other files have earned no traffic. */
const candidateIsThere = (record: RolloutRecord, versions: Versions): boolean => versions.get(record.candidate) === record.candidateDigest;

/** Whether other files stand behind the baseline's version: what was counted with the first ones is no evidence against these. */
export const baselineHasChanged = ({ baseline, baselineDigest }: RolloutRecord, versions: Versions): boolean => {
  const digest = versions.get(baseline);
  return baselineDigest !== null && digest !== undefined && digest !== baselineDigest;
};

/** Compares what the model's traffic needs with the versions that are there. */
export const availabilityOf = (needs: { readonly baseline: string | null; readonly record: RolloutRecord | null }, versions: Versions): Availability => {
  if (needs.baseline === null || !versions.has(needs.baseline)) return 'baseline-unavailable';
  if (needs.record === null || hasEnded(needs.record)) return 'available';
  if (!candidateIsThere(needs.record, versions)) return 'candidate-unavailable';
  return baselineHasChanged(needs.record, versions) ? 'baseline-changed' : 'available';
};

const rolloutAssignmentOf = (record: RolloutRecord): RolloutAssignment => {
  const rules = splitRules.parse(JSON.parse(record.plan));
  return {
    id: record.rollout,
    candidate: record.candidate,
    weightHundredths: record.signal === null ? record.weightHundredths : 0,
    eligibility: rules.eligibility,
    routingKey: rules.routingKey ?? null,
    // A rollout that nobody has started, or whose candidate a signal rests, sends nobody to the candidate, cohorts neither.
    match: record.phase === 'pending' || record.signal !== null ? [] : rules.match,
    watchedOutputs: watchedOutputsOf(record),
    compare: comparisonOf(record, rules.compare),
    bounds: boundsOf(acceptanceOf(record)),
  };
};

/** How the model's traffic is split, but for the epoch. A rollout that lacks one of its versions splits nothing. */
export const assignmentOf = (model: string, standing: Pick<Standing, 'baseline' | 'record' | 'availability'>): Omit<TrafficAssignment, 'epoch'> => {
  const { baseline, record, availability } = standing;
  const splits = record !== null && !hasEnded(record) && availability === 'available';
  return { model, baseline: availability === 'baseline-unavailable' ? null : baseline, rollout: splits ? rolloutAssignmentOf(record) : null };
};

/** Where a model stands after a change of its record. A promoted candidate is the baseline from then on. */
export const standingAfter = <Before extends Standing>(standing: Before, record: RolloutRecord): Before => {
  const baseline = keptBaseline(record);
  return { ...standing, baseline, record, assignment: { ...assignmentOf(record.model, { ...standing, baseline, record }), epoch: record.epoch } };
};
