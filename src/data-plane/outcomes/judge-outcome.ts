/** Decides about one posted outcome: which arm and bucket it belongs to, or why it is refused. Pure: it stores nothing and asks no clock. */
import type { DeclaredOutcome } from '../../bundle/declared-outcomes.ts';
import { arrivedInTime, isObservedInTime, outcomeBucketOf, outcomeGraceMs } from '../../bundle/outcome-window.ts';
import type { KeptEpoch, PostedOutcome } from '../../store/outcome-store.ts';
import type { PredictionFacts } from '../observe/prediction-id.ts';
import { drawOf, thresholdOf } from '../routing/assign.ts';

const u32Range = 2 ** 32;

/** Why an outcome is refused; the others are accepted, or duplicates. */
export type OutcomeRefusal = 'forged' | 'too-late' | 'unknown-outcome' | 'out-of-range';

/** An outcome as it was posted: of a prediction, or of what a routing key got at a time. Times are milliseconds since the epoch. */
export type OutcomePost = {
  readonly outcome: string;
  readonly value: number;
  readonly observedAtMs: number;
} & ({ readonly predictionId: string } | { readonly model: string; readonly routingKey: string; readonly predictedAtMs: number });

/** What a post refers to, once looked up: the claims of its prediction id (null for a forged one), or its key's hash. */
export type OutcomeSubject =
  | { readonly by: 'prediction'; readonly claims: PredictionFacts | null }
  | { readonly by: 'key'; readonly model: string; readonly routingKey: string; readonly keyHash: string; readonly predictedAtMs: number };

/** A request to which an outcome belongs. `arm` is null for one that no rollout assigned, or a pinned one. */
interface JoinedRequest {
  readonly model: string;
  readonly rollout: string | null;
  readonly version: string | null;
  readonly arm: 'baseline' | 'candidate' | null;
  readonly assignedAtMs: number;
  readonly source: 'unit' | 'later' | 'keyed' | null;
  /** Recorded probability. */
  readonly w: number;
  readonly keyHash: string | null;
  /** The weight in force as a probability; null when it is not known or compares nothing. */
  readonly weightInForce: number | null;
}

/** What judging needs besides the post. */
export interface JudgeContext {
  /** The outcomes that may be posted for the rollout, or else for the bundles of the model, by name; null for a model that is not known. */
  readonly declaredOf: (request: {
    readonly model: string;
    readonly rollout: string | null;
    readonly version: string | null;
  }) => ReadonlyMap<string, DeclaredOutcome> | null;
  /** The epoch history of a model, oldest first. */
  readonly epochsOf: (model: string) => readonly KeptEpoch[];
  readonly nowMs: number;
}

/** A refusal, with the model that it is about; null when that cannot be told or is no model of ours. */
interface Refused {
  readonly accepted: false;
  readonly reason: OutcomeRefusal;
  readonly detail: string;
  readonly model: string | null;
}

/** An outcome that is to be kept; its digest is made by who keeps it. */
export type JudgedOutcome =
  | {
      readonly accepted: true;
      readonly model: string;
      readonly arm: JoinedRequest['arm'];
      readonly kept: Omit<PostedOutcome, 'digest'>;
      readonly uniqueAs: string;
    }
  | Refused;

/** A client's clock may be ahead of ours by so much, milliseconds. */
const clockSkewMs = 300_000;

const hourMs = 3_600_000;
const hours = (durationMs: number): string => `${Number((durationMs / hourMs).toFixed(1))} h`;
const iso = (ms: number): string => new Date(ms).toISOString();
/** Names come from outside: they are cut and made harmless for logs. */
const quoted = (name: string): string => JSON.stringify(name.length > 80 ? `${name.slice(0, 77)}...` : name);

const refuse = (reason: OutcomeRefusal, detail: string, model: string | null): Refused => ({ accepted: false, reason, detail, model });

const probabilityOf = (epoch: KeptEpoch): number | null => {
  const threshold = thresholdOf(epoch.weightHundredths);
  return threshold > 0 && threshold < u32Range ? threshold / u32Range : null;
};

const joinByPrediction = (claims: PredictionFacts, { epochsOf }: JudgeContext): JoinedRequest => {
  const { model, rollout, version, arm, assignedAtMs, evidence, probability, routingKeyHash } = claims;
  const epoch = routingKeyHash === null ? undefined : epochsOf(model).find((entry) => entry.epoch === claims.epoch && entry.rollout === rollout);
  return {
    model,
    rollout,
    version,
    arm,
    assignedAtMs,
    source: evidence === 'none' || arm === null ? null : evidence,
    w: probability,
    keyHash: routingKeyHash,
    weightInForce: epoch === undefined ? null : probabilityOf(epoch),
  };
};

type KeyedSubject = Extract<OutcomeSubject, { readonly by: 'key' }>;

const unassigned = { rollout: null, arm: 'baseline', source: null, w: 0, weightInForce: null } as const;

const joinByKey = (subject: KeyedSubject, { epochsOf, nowMs }: JudgeContext): JoinedRequest | Refused => {
  const { model, routingKey, keyHash, predictedAtMs } = subject;
  if (predictedAtMs > nowMs + clockSkewMs) {
    return refuse('out-of-range', `predicted_at: got ${iso(predictedAtMs)}, expected a time that is not after ${iso(nowMs)}`, model);
  }
  const assignedAtMs = Math.min(predictedAtMs, nowMs);
  const request = { model, version: null, assignedAtMs, keyHash };
  const epochs = epochsOf(model);
  if (epochs.length === 0) return { ...request, ...unassigned };
  const epoch = epochs.findLast(({ fromMs }) => fromMs <= assignedAtMs);
  if (epoch === undefined) {
    return refuse(
      'too-late',
      `predicted_at: got ${iso(predictedAtMs)}, expected ${iso(epochs[0]?.fromMs ?? 0)} or later: no assignment is known before`,
      model,
    );
  }
  if (epoch.rollout === null) return { ...request, ...unassigned };
  if (!epoch.keyed) return refuse('unknown-outcome', `routing_key: got a key, expected a prediction_id: rollout ${epoch.rollout} splits without keys`, model);
  const threshold = thresholdOf(epoch.weightHundredths);
  const arm = drawOf(epoch.rollout, routingKey) < threshold ? 'candidate' : 'baseline';
  return { ...request, rollout: epoch.rollout, arm, source: 'keyed', w: threshold / u32Range, weightInForce: probabilityOf(epoch) };
};

const valueFault = ({ kind }: DeclaredOutcome, value: number): string | null => {
  const holds = kind === 'rate' ? value === 0 || value === 1 : value >= 0 && value <= 1;
  return holds ? null : `value: got ${value}, expected ${kind === 'rate' ? '0 or 1' : 'a number from 0 to 1'}`;
};

const timeFault = (
  { windowMs }: DeclaredOutcome,
  { assignedAtMs }: JoinedRequest,
  { observedAtMs, nowMs }: { readonly observedAtMs: number; readonly nowMs: number },
) => {
  if (!isObservedInTime({ assignedAtMs, observedAtMs }, windowMs)) {
    return `observed_at: got ${hours(observedAtMs - assignedAtMs)} after the prediction, expected at most ${hours(windowMs)}`;
  }
  if (arrivedInTime({ assignedAtMs, arrivedAtMs: nowMs }, windowMs)) return null;
  return `arrived ${hours(nowMs - assignedAtMs)} after the prediction, expected less than ${hours(windowMs + outcomeGraceMs)}`;
};

/** An event of a key that may be its first. One that names only the key is evidence under a relative margin alone. */
const firstEventOf = (
  { source, arm, keyHash, weightInForce, assignedAtMs }: JoinedRequest,
  { kind, relativeMargin }: DeclaredOutcome,
  value: number,
): PostedOutcome['firstEvent'] => {
  if (source === null || arm === null || keyHash === null || weightInForce === null) return null;
  if (kind !== 'rate' || value !== 1 || (source === 'keyed' && !relativeMargin)) return null;
  return { bucket: outcomeBucketOf(assignedAtMs), w: weightInForce, arm, keyHash, assignedAtMs };
};

const keptOf = (request: JoinedRequest, declared: DeclaredOutcome, value: number): Omit<PostedOutcome, 'digest'> => {
  const { rollout, source, arm, assignedAtMs, w } = request;
  const counts = rollout !== null && source !== null && arm !== null;
  return {
    expiresAtMs: assignedAtMs + declared.windowMs + outcomeGraceMs,
    rollout: rollout ?? '',
    outcome: declared.name,
    count: counts ? { bucket: outcomeBucketOf(assignedAtMs), w, arm, source, value: Math.round(value * 100) } : null,
    firstEvent: rollout === null ? null : firstEventOf(request, declared, value),
  };
};

/** What an outcome is unique as: its prediction, or its key at one recorded probability. */
const uniqueAs = (post: OutcomePost, { model, rollout, keyHash, w }: JoinedRequest): string =>
  'predictionId' in post ? `${post.predictionId}\n${post.outcome}` : `${model}\n${rollout ?? ''}\n${keyHash}\n${w}\n${post.outcome}`;

const join = (subject: OutcomeSubject, context: JudgeContext): JoinedRequest | Refused => {
  if (subject.by === 'key') return joinByKey(subject, context);
  return subject.claims === null
    ? refuse('forged', 'prediction_id: got text that this gateway did not sign, expected the prediction_id of one of its answers', null)
    : joinByPrediction(subject.claims, context);
};

/** Judges one outcome. The first fault counts: a request that is not ours, an outcome that is not declared, a value or a time that is not allowed. */
export const judgeOutcome = (post: OutcomePost, subject: OutcomeSubject, context: JudgeContext): JudgedOutcome => {
  if (subject.by === 'key' && context.declaredOf({ model: subject.model, rollout: null, version: null }) === null) {
    return refuse('unknown-outcome', `model: got ${quoted(subject.model)}, expected a model of this gateway`, null);
  }
  const request = join(subject, context);
  if ('accepted' in request) return request;
  const { model } = request;
  const known = context.declaredOf(request) ?? new Map<string, DeclaredOutcome>();
  const declared = known.get(post.outcome);
  if (declared === undefined) {
    const expected = known.size === 0 ? 'none: no criterion of the model measures an outcome' : `one of ${[...known.keys()].join(', ')}`;
    return refuse('unknown-outcome', `outcome: got ${quoted(post.outcome)}, expected ${expected}`, model);
  }
  const value = valueFault(declared, post.value);
  if (value !== null) return refuse('out-of-range', value, model);
  const time = timeFault(declared, request, { observedAtMs: post.observedAtMs, nowMs: context.nowMs });
  if (time !== null) return refuse('too-late', time, model);
  return { accepted: true, model, arm: request.arm, kept: keptOf(request, declared, post.value), uniqueAs: uniqueAs(post, request) };
};
