import type { Phase, RolloutAssignment, RolloutRecord, TrafficAssignment } from '../store/rollout-store.ts';
import { planSchema } from './plan.ts';

/** Verified and serving-ready versions of one model: version to digest of its bundle. */
export type Versions = ReadonlyMap<string, string>;

/** Which of the versions that the model's traffic needs are there. */
export type Availability = 'available' | 'candidate-unavailable' | 'baseline-unavailable';

/** Where one model stands: what is kept, what is there, and what was published from both. */
export interface Standing {
  /** The version that is to be the baseline, whether it is there or not; null when nothing says which. */
  readonly baseline: string | null;
  readonly record: RolloutRecord | null;
  readonly availability: Availability;
  readonly assignment: TrafficAssignment;
}

/** The parts of a kept plan that split traffic. The kept plan is a parsed one, so its durations are numbers already. */
const splitRules = planSchema.pick({ eligibility: true, routingKey: true, match: true }).strip();

const endedPhases: readonly Phase[] = ['promoted', 'rolled-back'];

/** Whether a rollout is over: only a new start changes traffic again. */
export const hasEnded = (record: RolloutRecord): boolean => endedPhases.includes(record.phase);

/** The baseline that the store knows: the promoted candidate, or else the rollout's baseline. */
export const keptBaseline = (record: RolloutRecord): string => (record.phase === 'promoted' ? record.candidate : record.baseline);

/** A candidate is there when its bundle is the very one that the rollout began with: other files have earned no traffic. */
const candidateIsThere = (record: RolloutRecord, versions: Versions): boolean => versions.get(record.candidate) === record.candidateDigest;

/** Compares what the model's traffic needs with the versions that are there. */
export const availabilityOf = (needs: { readonly baseline: string | null; readonly record: RolloutRecord | null }, versions: Versions): Availability => {
  if (needs.baseline === null || !versions.has(needs.baseline)) return 'baseline-unavailable';
  if (needs.record !== null && !hasEnded(needs.record) && !candidateIsThere(needs.record, versions)) return 'candidate-unavailable';
  return 'available';
};

const rolloutAssignmentOf = (record: RolloutRecord): RolloutAssignment => {
  const rules = splitRules.parse(JSON.parse(record.plan));
  return {
    id: record.rollout,
    candidate: record.candidate,
    weightHundredths: record.weightHundredths,
    eligibility: rules.eligibility,
    routingKey: rules.routingKey ?? null,
    // A rollout that nobody has started sends nobody to the candidate, cohorts neither.
    match: record.phase === 'pending' ? [] : rules.match,
  };
};

/** How the model's traffic is split, but for the epoch. A rollout that lacks one of its versions splits nothing. */
export const assignmentOf = (model: string, standing: Omit<Standing, 'assignment'>): Omit<TrafficAssignment, 'epoch'> => {
  const { baseline, record, availability } = standing;
  const splits = record !== null && !hasEnded(record) && availability === 'available';
  return { model, baseline: availability === 'baseline-unavailable' ? null : baseline, rollout: splits ? rolloutAssignmentOf(record) : null };
};
