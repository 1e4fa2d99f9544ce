import { ProblemError } from '../../problem.ts';
import type { TrafficAssignment } from '../../store/traffic-assignment.ts';
import { bucketOf, drawOf, thresholdOf } from './assign.ts';

/** Which arm a routing key has, and by which numbers. */
export interface RoutingExplanation {
  readonly key: string;
  /** 0 to 9999: the candidate's are those below the weight's hundredths. Null without a rollout, or one whose plan has no routing key. */
  readonly bucket: number | null;
  /** Weight in force, percent. */
  readonly weight: number;
  /** Null when each request is drawn by itself: the plan has no routing key, and the weight leaves both arms open. */
  readonly arm: 'baseline' | 'candidate' | null;
  readonly epoch: number;
  readonly rollout: string | null;
}

/** What the request path would do with this key now. @throws ProblemError model-not-found, model-not-ready */
export const explainRouting = (
  traffic: TrafficAssignment | undefined,
  { model, key }: { readonly model: string; readonly key: string },
): RoutingExplanation => {
  if (traffic === undefined) throw new ProblemError('model-not-found', `No model ${JSON.stringify(model)} is served.`);
  if (traffic.baseline === null) throw new ProblemError('model-not-ready', `Model ${model} has no serving baseline.`);
  const { rollout, epoch } = traffic;
  if (rollout === null) return { key, bucket: null, weight: 0, arm: 'baseline', epoch, rollout: null };
  const split = { key, weight: rollout.weightHundredths / 100, epoch, rollout: rollout.id };
  if (rollout.routingKey === null) return { ...split, bucket: null, arm: certainArm(rollout.weightHundredths) };
  const draw = drawOf(rollout.id, key);
  return { ...split, bucket: bucketOf(draw), arm: draw < thresholdOf(rollout.weightHundredths) ? 'candidate' : 'baseline' };
};

/** The arm of every request at a weight of nothing or all. */
const certainArm = (weightHundredths: number): 'baseline' | 'candidate' | null => {
  if (weightHundredths === 0) return 'baseline';
  return weightHundredths === 10_000 ? 'candidate' : null;
};
