import { z } from 'zod';
import type { OutcomePost } from '../data-plane/outcomes/judge-outcome.ts';
import { maxViolations, ProblemError, type Violation } from '../problem.ts';
import { parseOrRefuse, violationsIn } from './parse-or-refuse.ts';

/** Most outcomes of one request: what is refused is listed one by one, and the loop is shared with `/infer`. */
const maxOutcomes = 1_000;

const time = z.iso.datetime({ offset: true, error: 'an RFC 3339 time with an offset, like 2026-05-01T10:00:00Z' });
const text = (what: string, longest: number) => z.string(what).min(1, what).max(longest, `${what} of at most ${longest} characters`);

const common = {
  outcome: text('the name of an outcome', 128).meta({ example: 'confirmed_fraud_flagged' }),
  value: z.number('a number').meta({ description: '0 or 1 for a rate, 0 to 1 for a mean; kept in steps of 0.01.' }),
  observed_at: time.meta({ description: 'When it became known; it counts within the window that the acceptance criterion declares.' }),
};

const ofPrediction = z
  .strictObject({ prediction_id: text('the prediction_id of an answer', 1_024), ...common })
  .meta({ id: 'OutcomeOfPrediction', description: 'The outcome of one answer.' });
const ofKey = z
  .strictObject({ model: text('the name of a model', 128), routing_key: text('a routing key', 256), predicted_at: time, ...common })
  .meta({ id: 'OutcomeOfKey', description: 'The outcome of what a routing key got at a time; for display, and evidence as the first event of its key.' });

const envelope = z.strictObject({
  outcomes: z.array(z.unknown(), 'a list of outcomes').min(1, `1 to ${maxOutcomes} outcomes`).max(maxOutcomes, `1 to ${maxOutcomes} outcomes`),
});

/** `POST /outcomes`, for the API document. */
export const outcomesRequestSchema = z
  .strictObject({
    outcomes: z
      .array(z.union([ofPrediction, ofKey]))
      .min(1)
      .max(maxOutcomes),
  })
  .meta({ id: 'OutcomesRequest' });

/** The answer of `POST /outcomes`. */
export const outcomesResponseSchema = z
  .object({
    accepted: z.int().meta({ description: 'Kept now; they are on the disk.' }),
    duplicate: z.int().meta({ description: 'Known already: counted no second time.' }),
    refused: z.array(
      z.object({
        index: z.int(),
        reason: z.enum(['forged', 'too-late', 'unknown-outcome', 'out-of-range']),
        detail: z.string(),
      }),
    ),
  })
  .meta({ id: 'OutcomesResponse' });

type Parsed = { readonly post: OutcomePost } | { readonly faults: readonly Violation[] };

const isOfKey = (item: unknown): boolean =>
  typeof item === 'object' && item !== null && !('prediction_id' in item) && ('model' in item || 'routing_key' in item);

const readOutcome = (item: unknown, index: number): Parsed => {
  if (isOfKey(item)) {
    const parsed = ofKey.safeParse(item);
    if (!parsed.success) return { faults: violationsIn(item, parsed.error, ['outcomes', index]) };
    const { model, routing_key: routingKey, predicted_at, outcome, value, observed_at } = parsed.data;
    return { post: { model, routingKey, predictedAtMs: Date.parse(predicted_at), outcome, value, observedAtMs: Date.parse(observed_at) } };
  }
  const parsed = ofPrediction.safeParse(item);
  if (!parsed.success) return { faults: violationsIn(item, parsed.error, ['outcomes', index]) };
  const { prediction_id: predictionId, outcome, value, observed_at } = parsed.data;
  return { post: { predictionId, outcome, value, observedAtMs: Date.parse(observed_at) } };
};

/** The body of `POST /outcomes`; one that is malformed anywhere is refused as a whole, with every fault. @throws ProblemError malformed-request */
export const parseOutcomesRequest = (body: unknown): readonly OutcomePost[] => {
  const { outcomes } = parseOrRefuse(envelope, body);
  const parsed = outcomes.map(readOutcome);
  const faults = parsed.flatMap((entry) => ('faults' in entry ? entry.faults : []));
  if (faults.length > 0) {
    throw new ProblemError('malformed-request', `The body has ${faults.length} fields that cannot be used.`, { errors: faults.slice(0, maxViolations) });
  }
  return parsed.flatMap((entry) => ('post' in entry ? [entry.post] : []));
};
