import { z } from 'zod';
import type { ZodOpenApiPathsObject } from 'zod-openapi';
import { rolloutState } from '../rollout-state-schema.ts';
import { maxLedgerEntries } from '../routes/ledger-routes.ts';
import { rescanBody } from '../routes/model-routes.ts';
import { moveBody, promoteBody, setWeightBody } from '../routes/rollout-moves.ts';
import { signalBody } from '../routes/signal-routes.ts';
import { anyJson, failures, guarded, ok } from './parts.ts';

const model = z.object({ model: z.string() });

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

const moveSummaries = {
  start: 'Start the rollout; of an ended one a new attempt',
  pause: 'Stop the engine, keep the weight',
  resume: "Put the step's weight in force again; at a pause step go on to the next",
  promote: 'Take one step, or with full all of them',
  rollback: 'Give all traffic back to the baseline, for good',
} as const;

const moveHeaders = z.object({ 'if-match': z.string().optional(), 'idempotency-key': z.string().optional() });

/** A rollback is in force without the store, so it alone never waits for an answer of it. */
const moveFailures = (move: 'set-weight' | keyof typeof moveSummaries) =>
  failures(
    'malformed-request',
    'model-not-found',
    'rollout-conflict',
    'idempotency-mismatch',
    'request-too-large',
    'unsupported-media-type',
    ...guarded,
    ...(move === 'rollback' ? [] : (['overloaded'] as const)),
  );

const movePaths: ZodOpenApiPathsObject = Object.fromEntries(
  (Object.keys(moveSummaries) as (keyof typeof moveSummaries)[]).map((move) => [
    `/rollouts/{model}/${move}`,
    {
      post: {
        summary: moveSummaries[move],
        requestParams: { path: model, header: moveHeaders },
        requestBody: { required: true, content: { 'application/json': { schema: move === 'promote' ? promoteBody : moveBody } } },
        responses: { ...ok(rolloutState, 'In force for the next request.'), ...moveFailures(move) },
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

export const adminPaths: ZodOpenApiPathsObject = {
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
      requestParams: { path: model, header: moveHeaders },
      requestBody: { required: true, content: { 'application/json': { schema: setWeightBody } } },
      responses: { ...ok(rolloutState, 'In force for the next request.'), ...moveFailures('set-weight') },
    },
  },
  ...movePaths,
  '/rollouts/{model}/explain': {
    get: {
      summary: 'The arm of a routing key',
      requestParams: { path: model, query: z.object({ key: z.string() }) },
      responses: {
        ...ok(anyJson, 'Bucket, weight and arm; without a routing key in the plan no bucket, and no arm that is certain.'),
        ...failures('malformed-request', 'model-not-found', 'model-not-ready', ...guarded),
      },
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
      requestBody: {
        required: false,
        description: 'Nothing or an empty object, but of this content type, which no page of another site can send unasked.',
        content: { 'application/json': { schema: rescanBody } },
      },
      responses: {
        ...ok(anyJson, 'What was accepted and what was refused, and why.'),
        ...failures('malformed-request', 'request-too-large', 'unsupported-media-type', 'overloaded', ...guarded),
      },
    },
  },
};
