import { z } from 'zod';
import { durationMs } from './duration.ts';

const windowMs = durationMs('expected a duration like 30s, 24h or 7d');

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'expected a name of [a-z0-9][a-z0-9-]*');
const text = z.string().min(1);
const share = z.number().min(0).max(1);
/** Callers post outcomes by this name. */
const outcomeName = z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, 'expected a name of [a-z0-9][a-z0-9_-]*');
/** Which direction does harm: `lower` where more is better. */
const harm = z.enum(['lower', 'higher']);

const rankMetrics = ['areaUnderPrecisionRecall', 'accuracy', 'recallAtPrecision', 'ndcg'] as const;

/** What a criterion measures. Only these kinds exist. */
const metric = z.discriminatedUnion(
  'kind',
  [
    z.strictObject({ kind: z.literal('recallAtPrecision'), precision: share }),
    z.strictObject({ kind: z.literal('areaUnderPrecisionRecall') }),
    z.strictObject({ kind: z.literal('ndcg'), k: z.int().min(1) }),
    z.strictObject({ kind: z.literal('accuracy') }),
    z.strictObject({ kind: z.literal('cost'), falsePositive: z.number().min(0), falseNegative: z.number().min(0) }),
    z.strictObject({ kind: z.literal('sliceGap'), of: z.enum(rankMetrics), by: text }),
    z.strictObject({ kind: z.literal('latency'), quantiles: z.array(z.number().gt(0).lt(1)).min(1) }),
    z.strictObject({ kind: z.literal('errorRate') }),
    z.strictObject({ kind: z.literal('breachRate') }),
    z.strictObject({ kind: z.literal('outputRate'), output: text }),
    z.strictObject({ kind: z.literal('abstainRate') }),
    z.strictObject({
      kind: z.literal('disagreement'),
      /** Compare this output alone; absent: all that the baseline gives. */ output: text.optional(),
      /** Numbers may be apart by so much, in the output's own unit; absent: 0.00001. */ tolerance: z.number().min(0).optional(),
    }),
    z.strictObject({
      kind: z.literal('outcomeRate'),
      outcome: outcomeName,
      harm,
      window: windowMs,
      /** How a rehearsal reckons it for a held-out case: a row of label 1 has this output true, or each row's first class is its label. */
      ofLabels: z.union([z.strictObject({ kind: z.literal('flaggedPositive'), output: text }), z.strictObject({ kind: z.literal('accuracy') })]).optional(),
    }),
    z.strictObject({
      kind: z.literal('outcomeMean'),
      outcome: outcomeName,
      harm,
      window: windowMs,
      /** The baseline's mean in the past: a good guess saves labels, a bad one costs nothing but them. */ historicalMean: share.optional(),
      /** How a rehearsal reckons it for a held-out case. */ ofLabels: z.strictObject({ kind: z.literal('ndcg'), k: z.int().min(1) }).optional(),
    }),
  ],
  { error: (issue) => (issue.code === 'invalid_union' ? 'expected a kind of metric that exists' : undefined) },
);

const offlineKinds = ['recallAtPrecision', 'areaUnderPrecisionRecall', 'ndcg', 'accuracy', 'cost', 'sliceGap', 'latency', 'breachRate', 'outputRate'];
const liveKinds = ['errorRate', 'latency', 'breachRate', 'outputRate', 'abstainRate', 'disagreement', 'outcomeRate', 'outcomeMean'];

/** How far the candidate may be off, in the metric's own unit or as a share of the baseline's; negative is a required gain, where one can be asked for. */
const margin = z.union([
  z.strictObject({ absolute: z.number() }),
  z.strictObject({
    relative: z.number().gt(-1),
    /** Latency only: milliseconds below which a difference is no harm. */ atLeastMs: z.number().positive().optional(),
  }),
]);

/** A limit of its own, whatever the baseline does. */
const bound = z
  .strictObject({
    min: z.number().optional(),
    max: z.number().optional(),
    p50Ms: z.number().positive().optional(),
    p95Ms: z.number().positive().optional(),
    p99Ms: z.number().positive().optional(),
  })
  .refine((limits) => Object.keys(limits).length > 0, 'expected a limit');

interface CriterionFields {
  readonly metric: { readonly kind: string; readonly harm?: z.infer<typeof harm> };
  readonly compareTo?: 'baseline' | undefined;
  readonly margin?: { readonly absolute?: number; readonly relative?: number; readonly atLeastMs?: number | undefined } | undefined;
  readonly bound?: object | undefined;
  readonly appliesTo: readonly ('offline' | 'live')[];
}

const latencyLimits = ['p50Ms', 'p95Ms', 'p99Ms'];
/** Measured in pairs or of outcomes: no arm has a value of its own while it is live. */
const unboundedKinds = ['disagreement', 'outcomeRate', 'outcomeMean'];
const harmfulRates = ['errorRate', 'breachRate', 'abstainRate'];
/** Rates and means of 0 to 1: an absolute margin of 1 allows every value. */
const shareKinds = ['errorRate', 'breachRate', 'outputRate', 'abstainRate', 'disagreement', 'outcomeRate', 'outcomeMean'];
/** Run times are held to be no slower only, versions cannot differ less than the baseline from itself, and of the two rates more and fewer are harm alike. */
const gainlessKinds = ['latency', 'disagreement', 'outputRate', 'abstainRate'];

/** What a limit asks of the kind of metric. */
const boundRules = ({ metric: { kind }, bound: limit = {} }: CriterionFields) => {
  const limits = Object.keys(limit);
  const inMs = limits.filter((name) => latencyLimits.includes(name));
  return [
    { wrong: kind === 'latency' && inMs.length < limits.length, field: 'bound', message: 'expected p50Ms, p95Ms or p99Ms' },
    { wrong: kind !== 'latency' && inMs.length > 0, field: 'bound', message: `expected min or max: ${inMs.join(', ')} is of latency` },
    { wrong: limits.length > 0 && unboundedKinds.includes(kind), field: 'bound', message: `expected none: ${kind} is held against the baseline` },
    { wrong: harmfulRates.includes(kind) && limits.includes('min'), field: 'bound', message: 'expected max alone: fewer do no harm' },
  ];
};

/** What a margin asks of the kind of metric. */
const marginRules = ({ metric: { kind, harm: harmful }, margin: allowed = {} }: CriterionFields) => {
  const { absolute, relative, atLeastMs } = allowed;
  const size = absolute ?? relative ?? 0;
  return [
    {
      wrong: kind === 'latency' && absolute !== undefined,
      message: 'expected a relative margin, and atLeastMs beside it where a short time more does no harm',
    },
    {
      wrong: kind === 'disagreement' && relative !== undefined,
      message: 'expected an absolute margin: a share of the pairs, 0 to 1, beyond those of the baseline with itself',
    },
    { wrong: kind !== 'latency' && atLeastMs !== undefined, message: 'expected atLeastMs with latency only' },
    {
      wrong: shareKinds.includes(kind) && absolute !== undefined && Math.abs(absolute) >= 1,
      message: 'expected an absolute margin below 1: it is a share, 0.02 is two points',
    },
    { wrong: gainlessKinds.includes(kind) && size < 0, message: `expected a margin of 0 or more: no gain can be asked of ${kind}` },
    {
      wrong: harmful === 'lower' && relative !== undefined && relative >= 1,
      message: 'expected a relative margin below 1: where less is harm, 1 lets all of it be lost',
    },
  ].map((rule) => ({ ...rule, field: 'margin' }));
};

/** What the fields of a criterion ask of each other. */
const criterionRules = ({ metric: { kind }, compareTo, margin: allowed, bound: limit, appliesTo }: CriterionFields) => [
  { wrong: compareTo === undefined && allowed !== undefined, field: 'compareTo', message: 'expected baseline, since there is a margin' },
  { wrong: compareTo !== undefined && allowed === undefined, field: 'margin', message: 'expected a margin to the baseline' },
  { wrong: compareTo === undefined && limit === undefined, field: 'bound', message: 'expected a bound, or compareTo and a margin' },
  { wrong: appliesTo.includes('offline') && !offlineKinds.includes(kind), field: 'appliesTo', message: `expected live alone: ${kind} is not measured offline` },
  { wrong: appliesTo.includes('live') && !liveKinds.includes(kind), field: 'appliesTo', message: `expected offline alone: ${kind} is not measured live` },
];

const criterion = z
  .strictObject({
    name,
    metric,
    compareTo: z.literal('baseline').optional(),
    margin: margin.optional(),
    bound: bound.optional(),
    appliesTo: z.array(z.enum(['offline', 'live'])).min(1),
  })
  .superRefine((entry, context) => {
    for (const { wrong, field, message } of [...criterionRules(entry), ...marginRules(entry), ...boundRules(entry)])
      if (wrong) context.addIssue({ code: 'custom', path: [field], message });
  });

/** A fault that a rehearsal injects into the candidate and that a guardrail must catch. */
const injectedFault = z.union([
  z.strictObject({ name, latency: z.strictObject({ addMs: z.number().positive() }) }),
  z.strictObject({ name, errorRate: share }),
  z.strictObject({ name, output: z.union([z.literal('nan'), z.strictObject({ set: z.number() })]), share }),
  z.strictObject({ name, swap: z.tuple([text, text]) }),
]);

const repeated = (entries: readonly { readonly name: string }[]): readonly number[] =>
  entries.flatMap((entry, index) => (entries.findIndex((other) => other.name === entry.name) < index ? [index] : []));

/** An outcome has one window and one margin, so one criterion. Those without an outcome repeat nothing. */
const outcomeOf = ({ metric: kind }: { readonly metric: z.infer<typeof metric> }, index: number): { readonly name: string } =>
  kind.kind === 'outcomeRate' || kind.kind === 'outcomeMean' ? { name: kind.outcome } : { name: `${index}:` };

/** `acceptance.yaml`: what a candidate must hold, offline and live, and the faults that its guardrails must catch. Durations are milliseconds once parsed. */
export const acceptanceSchema = z
  .strictObject({
    apiVersion: z.literal('handoff/v1'),
    kind: z.literal('Acceptance'),
    criteria: z.array(criterion).min(1),
    faults: z.array(injectedFault).default([]),
  })
  .superRefine(({ criteria, faults }, context) => {
    for (const index of repeated(criteria))
      context.addIssue({ code: 'custom', path: ['criteria', index, 'name'], message: 'expected a name that no other criterion has' });
    for (const index of repeated(criteria.map(outcomeOf)))
      context.addIssue({ code: 'custom', path: ['criteria', index, 'metric', 'outcome'], message: 'expected an outcome that no other criterion measures' });
    for (const index of repeated(faults))
      context.addIssue({ code: 'custom', path: ['faults', index, 'name'], message: 'expected a name that no other fault has' });
  });

export type Acceptance = z.infer<typeof acceptanceSchema>;
export type Criterion = Acceptance['criteria'][number];

/** The acceptance of a bundle without the file: nothing is guarded. */
export const noAcceptance: Acceptance = { apiVersion: 'handoff/v1', kind: 'Acceptance', criteria: [], faults: [] };

/** Whether a criterion is watched live against the baseline: a guardrail. A bound alone alerts, since it cannot tell the arms apart. */
export const isGuardrail = ({ appliesTo, compareTo }: Criterion): boolean => appliesTo.includes('live') && compareTo !== undefined;

/** How long after a request its outcome may come, milliseconds; null for a criterion that needs no outcome. */
export const outcomeWindowMs = ({ metric: { kind, ...rest } }: Criterion): number | null =>
  (kind === 'outcomeRate' || kind === 'outcomeMean') && 'window' in rest ? rest.window : null;
