import type { RolloutAssignment, TrafficAssignment } from '../../store/traffic-assignment.ts';
import { murmur3 } from './murmur3.ts';

const u32Range = 2 ** 32;

/** Why a request got its arm, in the words of OpenTelemetry's `feature_flag.result.reason`. */
export type AssignmentReason = 'split' | 'targeting_match' | 'static' | 'default' | 'disabled';

/** What one request was assigned to. `evidence` is false for what says nothing about the arms: pinned, matched, ineligible, weight 0 or 100. */
export interface Assignment {
  readonly arm: 'baseline' | 'candidate' | null;
  readonly version: string;
  readonly reason: AssignmentReason;
  /** Probability with which the coin gives the candidate: T / 2^32. */
  readonly probability: number;
  readonly evidence: boolean;
  /** The unsigned 32-bit draw that the coin was tossed with; null where no coin decides. */
  readonly draw: number | null;
}

/**
 * The threshold T of a weight: the candidate is chosen when the 32-bit draw is below it.
 *
 * @param weightHundredths integer hundredths of a percent, 0 to 10000
 * @returns an integer from 0 to 2^32
 */
export const thresholdOf = (weightHundredths: number): number => Math.ceil((weightHundredths * u32Range) / 10_000);

/** The draw of a routing key in a rollout: sticky, and the same on every machine. */
export const drawOf = (rollout: string, key: string): number => murmur3(`${rollout}:${key}`);

/** A draw as one of ten thousand buckets, for people: the candidate's are those below the weight's hundredths. */
export const bucketOf = (draw: number): number => Math.floor((draw * 10_000) / u32Range);

/** What of a request decides its arm. */
export interface RoutingInput {
  readonly pinned: string | null;
  readonly eligible: boolean;
  readonly matched: boolean;
  readonly key: string | null;
  /** An independent, fresh unsigned 32-bit draw; called only when there is no key. */
  readonly randomU32: () => number;
}

/** Decides the arm of one request; null when the model has no serving baseline. */
export const assign = (traffic: TrafficAssignment, input: RoutingInput): Assignment | null => {
  if (input.pinned !== null) return { arm: null, version: input.pinned, reason: 'static', probability: 0, evidence: false, draw: null };
  if (traffic.baseline === null) return null;
  if (traffic.rollout === null) return { arm: 'baseline', version: traffic.baseline, reason: 'default', probability: 0, evidence: false, draw: null };
  return split(traffic.baseline, traffic.rollout, input);
};

const split = (baseline: string, rollout: RolloutAssignment, input: RoutingInput): Assignment => {
  const threshold = thresholdOf(rollout.weightHundredths);
  const probability = threshold / u32Range;
  if (!input.eligible) return { arm: 'baseline', version: baseline, reason: 'disabled', probability, evidence: false, draw: null };
  if (input.matched) return { arm: 'candidate', version: rollout.candidate, reason: 'targeting_match', probability, evidence: false, draw: null };
  const evidence = threshold > 0 && threshold < u32Range;
  const draw = input.key === null ? input.randomU32() : drawOf(rollout.id, input.key);
  return draw < threshold
    ? { arm: 'candidate', version: rollout.candidate, reason: 'split', probability, evidence, draw }
    : { arm: 'baseline', version: baseline, reason: 'split', probability, evidence, draw };
};
