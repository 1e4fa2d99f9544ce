import { z } from 'zod';
import { phases } from '../store/rollout-store.ts';

const armFigures = z.object({ n: z.number(), events: z.number().optional(), value: z.number().nullable() }).nullable();

const guardrail = z.object({
  name: z.string(),
  verdict: z.enum(['worse', 'within-margin', 'undecided', 'not-measured']),
  baseline: armFigures,
  candidate: armFigures,
  effect: z.number().nullable(),
  interval: z.tuple([z.number(), z.number()]).nullable(),
  evidence: z.number().nullable(),
  graduation: z.number().nullable(),
  note: z.string().optional(),
});

/** The state of a rollout in the API document; the control plane's `RolloutState` is what is sent. */
export const rolloutState = z
  .object({
    model: z.string(),
    rollout: z.string(),
    attempt: z.int(),
    phase: z.enum(phases),
    baseline: z.string(),
    candidate: z.string(),
    weight: z.number(),
    effective_weight: z.number(),
    step: z.int(),
    epoch: z.int(),
    revision: z.int(),
    reason: z.string(),
    evidence: z.object({ value: z.number(), threshold: z.number() }).nullable(),
    ineligible_share: z.number().nullable(),
    next: z.object({ move: z.enum(['advance', 'promote']), not_before: z.iso.datetime().nullable(), deadline: z.iso.datetime().nullable() }).nullable(),
    guardrails: z.array(guardrail),
  })
  .meta({ id: 'RolloutState' });
