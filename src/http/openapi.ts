import { z } from 'zod';
import { createDocument, type ZodOpenApiPathsObject, type ZodOpenApiResponsesObject } from 'zod-openapi';
import { type ProblemType, problems } from '../problem.ts';
import { openInferencePaths } from './openapi-open-inference.ts';
import { outcomesRequestSchema, outcomesResponseSchema } from './outcomes-request.ts';
import { rolloutState } from './rollout-state-schema.ts';
import { maxLedgerEntries } from './routes/ledger-routes.ts';
import { moveBody, promoteBody } from './routes/rollout-moves.ts';
import { setWeightBody } from './routes/rollout-routes.ts';
import { signalBody } from './routes/signal-routes.ts';

/*
 * The API document is made from these schemas. Requests to the hot endpoint are checked by hand for speed; a test holds
 * that check and this schema against each other.
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

const problem = z
  .object({
    type: z.enum(Object.keys(problems).map((type) => `/problems/${type}`) as [string, ...string[]]),
    title: z.string(),
    status: z.int(),
    detail: z.string(),
    instance: z.string().meta({ description: 'The request id.' }),
    traceId: z.string().optional(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string(), got: z.string(), expected: z.string(), unit: z.string().optional() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

const anyJson = z.record(z.string(), z.unknown());

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const ledgerEntry = z
  .object({
    format: z.literal(1),
    sequence: z.int().min(1).meta({ description: '1, 2, 3 … over all models of the gateway.' }),
    at: z.string(),
    model: z.string(),
    rollout: z.string(),
    kind: z.string().meta({ example: 'decision' }),
    body: anyJson,
    prevHash: hash.meta({ description: 'Hash of the entry before it.' }),
    keyId: z.string().regex(/^[0-9a-f]{16}$/),
    hash,
    mac: hash.meta({ description: "HMAC of the hash with the ledger's key." }),
  })
  .meta({ id: 'LedgerEntry', description: 'An entry of the decision ledger as it was sealed; docs/ledger-format.md says how to verify it.' });
const ledgerPage = z
  .object({
    entries: z.array(ledgerEntry),
    next: z.int().nullable().meta({ description: 'Where the next page begins; null on the last.' }),
    head: z.object({ sequence: z.int(), hash }).nullable().meta({ description: 'The newest entry of all models; null when there is none.' }),
  })
  .meta({ id: 'LedgerPage' });
const pageQuery = z.object({
  limit: z.int().min(1).max(maxLedgerEntries).optional(),
  before: z.int().optional(),
  kind: z.enum(['decision', 'block']).optional().meta({ description: 'Entries of this kind only. Not with after.' }),
});

const failures = (...types: readonly ProblemType[]): ZodOpenApiResponsesObject => {
  const byStatus = Map.groupBy(types, (type) => problems[type].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      `${status}`,
      { description: group.map((type) => problems[type].title).join('; '), content: { 'application/problem+json': { schema: problem } } },
    ]),
  );
};

const ok = (schema: z.ZodType, description: string): ZodOpenApiResponsesObject => ({ '200': { description, content: { 'application/json': { schema } } } });

const model = z.object({ model: z.string() });
const guarded = ['unauthenticated', 'forbidden', 'internal'] as const;

const dataPaths: ZodOpenApiPathsObject = {
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
};

const moveSummaries = {
  start: 'Start the rollout; of an ended one a new attempt',
  pause: 'Stop the engine, keep the weight',
  resume: "Put the step's weight in force again; at a pause step go on to the next",
  promote: 'Take one step, or with full all of them',
  rollback: 'Give all traffic back to the baseline, for good',
} as const;

const movePaths: ZodOpenApiPathsObject = Object.fromEntries(
  Object.entries(moveSummaries).map(([move, summary]) => [
    `/rollouts/{model}/${move}`,
    {
      post: {
        summary,
        requestParams: { path: model, header: z.object({ 'if-match': z.string().optional(), 'idempotency-key': z.string().optional() }) },
        requestBody: { required: true, content: { 'application/json': { schema: move === 'promote' ? promoteBody : moveBody } } },
        responses: {
          ...ok(rolloutState, 'In force for the next request.'),
          ...failures(
            'malformed-request',
            'model-not-found',
            'rollout-conflict',
            'idempotency-mismatch',
            'request-too-large',
            'unsupported-media-type',
            ...guarded,
          ),
        },
      },
    },
  ]),
);

const pushedSignal = z
  .object({
    signal: z.string(),
    value: z.number(),
    concerns: z
      .array(z.object({ model: z.string(), version: z.string(), unit: z.string(), role: z.enum(['baseline', 'candidate', 'none']), holds: z.boolean() }))
      .meta({ description: 'The loaded versions that declare the signal.' }),
  })
  .meta({ id: 'PushedSignal' });

const noticePaths: ZodOpenApiPathsObject = {
  '/signals/{name}': {
    put: {
      summary: 'Push the value of a signal',
      requestParams: { path: z.object({ name: z.string() }) },
      requestBody: { required: true, content: { 'application/json': { schema: signalBody } } },
      responses: {
        ...ok(pushedSignal, 'Taken; it counts with the next tick, within a second.'),
        ...failures('malformed-request', 'not-found', 'request-too-large', 'unsupported-media-type', ...guarded),
      },
    },
  },
  '/events': {
    get: {
      summary: 'The states of all rollouts as server-sent events',
      requestParams: { header: z.object({ 'last-event-id': z.string().optional() }) },
      responses: {
        '200': {
          description: 'A stream of events named rollout; the data of each is a RolloutState.',
          content: { 'text/event-stream': { schema: z.string() } },
        },
        ...failures('overloaded', ...guarded),
      },
    },
  },
};

const adminPaths: ZodOpenApiPathsObject = {
  '/rollouts': {
    get: { summary: 'All rollouts', responses: { ...ok(z.object({ rollouts: z.array(rolloutState) }), 'Their states.'), ...failures(...guarded) } },
  },
  '/rollouts/{model}': {
    get: {
      summary: 'One rollout',
      requestParams: { path: model },
      responses: { ...ok(rolloutState, 'Its state; ETag is its revision.'), ...failures('model-not-found', 'not-found', ...guarded) },
    },
  },
  '/rollouts/{model}/weight': {
    put: {
      summary: 'Set the canary weight',
      requestParams: { path: model, header: z.object({ 'if-match': z.string().optional() }) },
      requestBody: { required: true, content: { 'application/json': { schema: setWeightBody } } },
      responses: {
        ...ok(rolloutState, 'In force for the next request.'),
        ...failures('malformed-request', 'model-not-found', 'not-found', 'rollout-conflict', 'request-too-large', 'unsupported-media-type', ...guarded),
      },
    },
  },
  ...movePaths,
  '/rollouts/{model}/explain': {
    get: {
      summary: 'The arm of a routing key',
      requestParams: { path: model, query: z.object({ key: z.string() }) },
      responses: { ...ok(anyJson, 'Bucket, weight and arm.'), ...failures('malformed-request', 'model-not-found', 'model-not-ready', ...guarded) },
    },
  },
  '/rollouts/{model}/ledger': {
    get: {
      summary: 'The decisions of a model, newest first',
      requestParams: { path: model, query: pageQuery },
      responses: { ...ok(ledgerPage, 'A page.'), ...failures('malformed-request', 'model-not-found', ...guarded) },
    },
  },
  '/ledger': {
    get: {
      summary: 'The decisions of all models, newest first, or from the oldest on',
      requestParams: {
        query: pageQuery.extend({ after: z.int().optional().meta({ description: 'Entries above it, oldest first: 0 begins the chain. Not with before.' }) }),
      },
      responses: { ...ok(ledgerPage, 'A page.'), ...failures('malformed-request', ...guarded) },
    },
  },
  ...noticePaths,
  '/models': {
    get: {
      summary: 'The bundles; with prediction_id, the one that gave this answer',
      requestParams: { query: z.object({ prediction_id: z.string().optional() }) },
      responses: {
        ...ok(z.object({ models: z.array(anyJson), prediction: anyJson.optional() }), 'What serves and what was refused.'),
        ...failures('malformed-request', 'not-found', ...guarded),
      },
    },
  },
  '/models/{model}/{version}': {
    get: {
      summary: 'One bundle',
      requestParams: { path: z.object({ model: z.string(), version: z.string() }) },
      responses: { ...ok(anyJson, 'Contract, digest, placement, golden status.'), ...failures('model-not-found', 'version-not-found', ...guarded) },
    },
  },
  '/models/rescan': {
    post: {
      summary: 'Look for new bundles and plans now',
      responses: { ...ok(anyJson, 'What was accepted and what was refused, and why.'), ...failures('unsupported-media-type', ...guarded) },
    },
  },
};

const tagged = (paths: ZodOpenApiPathsObject, tag: string): ZodOpenApiPathsObject =>
  Object.fromEntries(
    Object.entries(paths).map(([path, item]) => [
      path,
      Object.fromEntries(Object.entries(item).map(([method, operation]) => [method, { ...operation, tags: [tag] }])),
    ]),
  );

/** The OpenAPI 3.1 document of both ports. */
export const createOpenApiDocument = () =>
  createDocument({
    openapi: '3.1.1',
    info: {
      title: 'Handoff',
      version: '0.1.0',
      description: 'Serves ONNX models from handoff bundles and rolls new versions out safely.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    tags: [
      { name: 'data', description: 'The data port, 8080 by default.' },
      { name: 'admin', description: 'The admin port, 8081 by default.' },
    ],
    security: [{}, { key: [] }],
    components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
    paths: { ...tagged({ ...dataPaths, ...openInferencePaths }, 'data'), ...tagged(adminPaths, 'admin') },
  });
