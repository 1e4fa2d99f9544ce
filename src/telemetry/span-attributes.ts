import type { BatchRun, RequestFacts } from './request-span.ts';

/** Attribute values that a span takes. */
export type SpanAttributes = Record<string, string | number | boolean>;

const factNames = {
  reason: 'feature_flag.result.reason',
  rollout: 'feature_flag.set.id',
  routingKeyHash: 'feature_flag.context.id',
  version: 'handoff.model.version',
  rows: 'handoff.batch.rows',
  rescued: 'handoff.rescued',
  predictionId: 'handoff.prediction_id',
} as const satisfies Partial<Record<keyof RequestFacts, string>>;

const stageNames = {
  validate: 'handoff.stage.validate_ms',
  route: 'handoff.stage.route_ms',
  queue: 'handoff.stage.queue_ms',
  compute: 'handoff.stage.compute_ms',
  guard: 'handoff.stage.guard_ms',
} as const satisfies Record<keyof NonNullable<RequestFacts['stagesMs']>, string>;

const factKeys = Object.keys(factNames) as (keyof typeof factNames)[];
const stageKeys = Object.keys(stageNames) as (keyof typeof stageNames)[];

/**
 * Writes the facts into a span's attributes: the assignment as a feature flag's evaluation, the rest under `handoff.`.
 * @see https://opentelemetry.io/docs/specs/semconv/feature-flags/feature-flags-logs/
 */
export const addFacts = (attributes: SpanAttributes, facts: RequestFacts): void => {
  const { model, arm, epoch, stagesMs } = facts;
  if (model !== undefined) {
    attributes['feature_flag.key'] = model;
    attributes['feature_flag.provider.name'] = 'handoff';
    attributes['handoff.model.name'] = model;
  }
  if (arm !== undefined && arm !== null) attributes['feature_flag.result.variant'] = arm;
  if (epoch !== undefined) attributes['feature_flag.version'] = String(epoch);
  for (const key of factKeys) {
    const value = facts[key];
    if (value !== undefined) attributes[factNames[key]] = value;
  }
  if (stagesMs !== undefined) addStages(attributes, stagesMs);
};

const addStages = (attributes: SpanAttributes, stagesMs: NonNullable<RequestFacts['stagesMs']>): void => {
  for (const key of stageKeys) {
    const value = stagesMs[key];
    if (value !== undefined) attributes[stageNames[key]] = value;
  }
};

/** The attributes of a batch run's span. */
export const batchAttributes = (run: BatchRun): SpanAttributes => ({
  'handoff.model.name': run.model,
  'handoff.model.version': run.version,
  'handoff.placement': run.placement,
  'handoff.batch.rows': run.rows,
  'handoff.batch.requests': run.requests.length,
});
