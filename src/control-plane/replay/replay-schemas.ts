/** The bodies of the ledger's entries as far as a replay reads them. What it does not read may be there too. */
import { z } from 'zod';
import { phases } from '../../store/rollout-store.ts';
import type { BlockCounts } from '../analysis/guard-counts.ts';
import type { Guard } from '../analysis/guard-test.ts';
import type { Assessment } from '../assessment.ts';
import type { Plan } from '../plan.ts';

const count = z.int().min(0);
const weight = z.int().min(0).max(10_000);
const isObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Plain data that the analysis reads itself; a wrong shape there is a wrong result, or an error that says so. */
const counts = z.custom<BlockCounts>((value) => isObject(value) && Object.values(value as object).every(isObject), 'counts by guard');

/** Two lives of a gateway could not fold more empty blocks, and a false number must not keep a replay busy without end. */
const mostEmptyBlocks = 10_000_000;

const countedBlock = z.looseObject({
  number: z.int().min(1),
  emptyBefore: count.max(mostEmptyBlocks),
  from: z.string(),
  to: z.string(),
  counts,
  assigned: z.array(z.object({ w: z.number().min(0).max(1), baseline: count, candidate: count })),
});

/** The body of a block. */
export const blockBody = countedBlock.extend({
  lnE: z.number().nullable(),
  guards: z.record(z.string(), z.object({ lnE: z.number(), lnGraduation: z.number() })),
});

const guard = z.custom<Guard>(
  (value) => isObject(value) && Array.isArray(Reflect.get(value as object, 'rollback')) && Array.isArray(Reflect.get(value as object, 'promotion')),
  'a guard with its tests',
);

/** The kept plan is a parsed one: its durations are milliseconds already. */
const plan = z.custom<Plan>((value) => isObject(value) && Array.isArray(Reflect.get(value as object, 'steps')), 'a plan');

const rules = z.looseObject({ plan, guards: z.array(guard), digest: z.string() });

const position = z.object({
  phase: z.enum(phases),
  weightHundredths: weight,
  step: count,
  heldFor: z.enum(['evidence', 'signal', 'ineligible', 'sample-ratio']).nullable(),
  signal: z.string().nullable(),
  stepElapsedMs: z.number(),
  stepStartUnits: z.number(),
  bakeElapsedMs: z.number(),
});

/** Times are not in entries of earlier gateways. */
const strata = z.array(
  z.object({
    w: z.number(),
    n0: count,
    n1: count,
    events0: count.optional(),
    events1: count.optional(),
    from: z.string().optional(),
    to: z.string().optional(),
  }),
);

const findings = z.looseObject({
  lnE: z.number().nullable(),
  evidence: z.number(),
  family: z.string(),
  threshold: z.number(),
  blamed: z.string().nullable(),
  peakLnE: z.number().nullable(),
  guards: z.array(
    z.looseObject({
      name: z.string(),
      lnE: z.number(),
      lnGraduation: z.number(),
      share: z.number(),
      verdict: z.string(),
      effect: z.number().nullable(),
      strata: strata.optional(),
      likelyStart: z
        .object({ block: z.int().min(1), from: z.string() })
        .nullable()
        .optional(),
      etaRequests: count.nullable().optional(),
    }),
  ),
  strata: strata.optional(),
  sampleRatio: z.looseObject({ lnE: z.number(), expected: z.number(), observed: z.number(), ok: z.boolean() }),
});

const evidence = z.object({
  sealedBlocks: count,
  open: z.array(countedBlock),
  before: position,
  inputs: z.object({
    signal: z.custom<Assessment['signal']>((value) => value === null || isObject(value)),
    ineligibleShare: z.number().nullable(),
    notCompared: z.string().nullable(),
    labelAlarm: z.string().nullable(),
    outcomesDueAtMs: z.number().nullable(),
    unmeasured: z.record(z.string(), z.string()),
  }),
  rules: z.string(),
  findings,
});

const state = z.looseObject({ phase: z.enum(phases), candidate: z.string(), step: count });

/** The body of a decision. */
export const decisionBody = z.discriminatedUnion('migrated', [
  z.looseObject({ migrated: z.literal(true) }),
  z.looseObject({
    migrated: z.literal(false),
    move: z.string(),
    actor: z.string(),
    fromWeightHundredths: weight,
    toWeightHundredths: weight,
    epoch: z.int(),
    revision: z.int(),
    state,
    rules: rules.optional(),
    evidence: evidence.optional(),
  }),
]);

export type ReadBlock = z.output<typeof countedBlock>;
export type ReadBlockBody = z.output<typeof blockBody>;
export type ReadDecision = Extract<z.output<typeof decisionBody>, { migrated: false }>;
export type ReadEvidence = z.output<typeof evidence>;
export type ReadRules = z.output<typeof rules>;
export type ReadFindings = z.output<typeof findings>;
