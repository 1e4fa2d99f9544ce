import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { outcomesRequestSchema, outcomesResponseSchema } from '../outcomes-request.ts';
import { openInferencePaths } from './open-inference.ts';
import { anyJson, failures, ok } from './parts.ts';

/*
 * Requests to the hot endpoint are checked by hand for speed; a test holds that check and this schema against each other.
 */

const row = z.record(z.string(), z.unknown()).meta({ description: "One row: named fields as the model's data contract declares them." });

/** `POST /infer`. */
export const inferRequestSchema = z
  .strictObject({
    model: z.string().meta({ example: 'card-fraud' }),
    version: z.string().optional().meta({ description: 'Pins a version; the answer then has no arm.' }),
    id: z.string().max(128).optional().meta({ description: "The caller's own name for the request; echoed." }),
    inputs: z.array(row).min(1),
  })
  .meta({ id: 'InferRequest' });

const inferResponse = z
  .object({
    id: z.string().optional(),
    prediction_id: z.string().meta({ description: 'Signed by the gateway; an outcome refers to it later.' }),
    model: z.string(),
    version: z.string().meta({ description: 'The version that answered.' }),
    arm: z.enum(['baseline', 'candidate']).nullable().meta({ description: 'What the request was assigned to; null for a pinned version.' }),
    rescued: z.boolean().meta({ description: 'The baseline answered because the candidate failed.' }),
    outputs: z.array(z.record(z.string(), z.unknown())),
  })
  .meta({ id: 'InferResponse' });

export const dataPaths: ZodOpenApiPathsObject = {
  '/infer': {
    post: {
      summary: 'Predictions for one or more rows',
      requestParams: {
        header: z.object({
          'x-request-id': z.string().optional(),
          'x-request-timeout-ms': z.int().min(1).optional(),
          traceparent: z.string().optional(),
        }),
      },
      requestBody: { required: true, content: { 'application/json': { schema: inferRequestSchema } } },
      responses: {
        ...ok(inferResponse, 'The predictions, a row for a row.'),
        ...failures(
          'malformed-request',
          'contract-violation',
          'unauthenticated',
          'forbidden',
          'model-not-found',
          'version-not-found',
          'request-too-large',
          'unsupported-media-type',
          'inference-failed',
          'internal',
          'output-rejected',
          'model-not-ready',
          'circuit-open',
          'overloaded',
          'deadline-exceeded',
        ),
      },
    },
  },
  '/outcomes': {
    post: {
      summary: 'Labels and values that became known after predictions',
      requestBody: { required: true, content: { 'application/json': { schema: outcomesRequestSchema } } },
      responses: {
        '202': {
          description: 'Each was handled by itself; what was accepted is durable.',
          content: { 'application/json': { schema: outcomesResponseSchema } },
        },
        ...failures(
          'malformed-request',
          'unauthenticated',
          'forbidden',
          'request-too-large',
          'unsupported-media-type',
          'internal',
          'model-not-ready',
          'overloaded',
        ),
      },
    },
  },
  '/health/live': { get: { summary: 'Whether the process answers', responses: ok(anyJson, 'It does.') } },
  '/health/ready': {
    get: { summary: 'Whether every model has a serving baseline', responses: { ...ok(anyJson, 'Every model has.'), ...failures('model-not-ready') } },
  },
  ...openInferencePaths,
};
