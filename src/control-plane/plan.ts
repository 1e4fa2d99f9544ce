import { z } from 'zod';
import { durationMs } from '../bundle/duration.ts';

const planDurationMs = durationMs('a duration like 30s, 10m, 72h or 8d');

/** Percent of requests, 0 to 100 in steps of 0.01. */
export const weightPercent = z
  .number('a number from 0 to 100')
  .min(0, 'a weight from 0 to 100')
  .max(100, 'a weight from 0 to 100')
  .refine((weight) => Number.isInteger(hundredthsOf(weight)) && Math.abs(weight * 100 - hundredthsOf(weight)) < 1e-6, 'a weight in steps of 0.01');

/** A weight in percent as integer hundredths, 0 to 10000. */
export function hundredthsOf(weight: number): number {
  return Math.round(weight * 100);
}

const headerName = z.string().regex(/^[a-z0-9-]+$/, 'a lower-case header name');

const step = z.union([
  z.strictObject({ setWeight: weightPercent }),
  z.strictObject({ pause: z.strictObject({ duration: planDurationMs.optional() }) }),
  z.strictObject({
    analysis: z
      .strictObject({
        atLeast: planDurationMs,
        minSamples: z.int().min(1).default(500),
        deadline: planDurationMs,
        require: z.array(z.string().min(1)).optional(),
      })
      .refine(({ atLeast, deadline }) => deadline >= atLeast, { path: ['deadline'], error: 'a deadline that is not before atLeast' }),
  }),
  z.strictObject({ shadow: z.strictObject({ share: z.number().positive().max(100), duration: planDurationMs }) }),
]);

const name = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, 'a name of [a-z0-9][a-z0-9-]*');
const semver = z.string().regex(/^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?$/, 'a semantic version like 1.4.0');

const weightsNeverFall = (steps: readonly z.infer<typeof step>[]): boolean => {
  const weights = steps.flatMap((entry) => ('setWeight' in entry ? [entry.setWeight] : []));
  return weights.every((weight, index) => index === 0 || weight >= (weights[index - 1] ?? 0));
};

const longestBlockMs = 3_600_000;

/** Counts are kept by the second, so a block is whole seconds. */
const blockMs = planDurationMs.refine((ms) => ms > 0 && ms <= longestBlockMs && ms % 1_000 === 0, 'whole seconds from 1s to 1h');

/** The plan `rollout/<model>.yaml`: which candidate replaces which baseline, by which steps. Durations are milliseconds once parsed. */
export const planSchema = z.strictObject({
  apiVersion: z.literal('handoff/v1'),
  kind: z.literal('Rollout'),
  model: name,
  baseline: semver,
  candidate: semver,
  start: z.enum(['manual', 'auto']).default('manual'),
  /** `partial`: a request that lacks the candidate's fields is answered by the baseline and is no evidence. */
  eligibility: z.enum(['full', 'partial']).default('full'),
  /** Share (0-1) of ineligible requests in the last hour above which promotion is held. */
  maxIneligible: z.number().min(0).max(1).default(0.001),
  compare: z.strictObject({ share: z.number().min(0).max(100), maxCpuPercent: z.number().positive().max(100) }).default({ share: 5, maxCpuPercent: 10 }),
  routingKey: z.union([z.strictObject({ header: headerName }), z.strictObject({ field: z.string().min(1) })]).optional(),
  match: z.array(z.strictObject({ header: headerName, equals: z.string() })).default([]),
  risk: z
    .strictObject({ falseRollback: z.number().positive().max(0.5), falsePromotion: z.number().positive().max(0.5) })
    .default({ falseRollback: 0.01, falsePromotion: 0.05 }),
  /** Length of the blocks in which evidence is sealed; absent: 60 s. Kept with the rollout, so that a restart and a replay cut the same blocks. */
  block: blockMs.optional(),
  steps: z.array(step).min(1).refine(weightsNeverFall, 'weights that never decrease'),
  bake: planDurationMs.default(0),
});

export type Plan = z.infer<typeof planSchema>;
export type Step = z.infer<typeof step>;

const usualBlockSeconds = 60;

/** Length of the blocks in which a rollout's evidence is sealed, seconds. */
export const blockSecondsOf = ({ block }: Plan): number => (block === undefined ? usualBlockSeconds : block / 1_000);
