import { z } from 'zod';
import type { ZodOpenApiPathsObject, ZodOpenApiResponsesObject } from 'zod-openapi';
import { datatypes } from '../../bundle/datatype.ts';
import { ok } from './parts.ts';

/*
 * The Open Inference Protocol in the API document. Requests are read by hand (src/open-inference), since they may be followed
 * by bytes that no schema describes.
 */

const parameters = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const tensor = z.object({
  name: z.string(),
  datatype: z.enum(datatypes),
  shape: z.array(z.int()),
  parameters: parameters.optional().meta({ description: '`binary_data_size`: the tensor follows the JSON, in so many bytes.' }),
  data: z.array(z.unknown()).optional().meta({ description: 'Flat or nested, row-major; absent for binary data.' }),
});
const request = z
  .object({
    id: z.string().optional().meta({ description: 'Echoed.' }),
    parameters: parameters.optional().meta({ description: '`routing_key`, `timeout` in microseconds, `binary_data_output`.' }),
    inputs: z.array(tensor).min(1),
    outputs: z
      .array(z.object({ name: z.string(), parameters: parameters.optional() }))
      .optional()
      .meta({ description: 'Absent for all.' }),
  })
  .meta({ id: 'TensorRequest' });
const response = z
  .object({
    model_name: z.string(),
    model_version: z.string().meta({ description: 'The version that answered.' }),
    id: z.string().optional(),
    parameters: z.object({ prediction_id: z.string(), arm: z.enum(['baseline', 'candidate']).optional(), rescued: z.boolean() }),
    outputs: z.array(tensor),
  })
  .meta({ id: 'TensorResponse' });
const tensorMetadata = z.object({ name: z.string(), datatype: z.enum(datatypes), shape: z.array(z.int()) });
const metadata = z.object({
  name: z.string(),
  versions: z.array(z.string()),
  platform: z.string(),
  inputs: z.array(tensorMetadata),
  outputs: z.array(tensorMetadata),
});
const failure = z
  .looseObject({ error: z.string() })
  .meta({ id: 'ProtocolError', description: "The problem details of the other calls, with the protocol's own `error`." });

const failures = (...statuses: readonly number[]): ZodOpenApiResponsesObject =>
  Object.fromEntries(statuses.map((status) => [`${status}`, { description: 'As the problem says.', content: { 'application/json': { schema: failure } } }]));

const binary = { 'application/octet-stream': { schema: z.string().meta({ format: 'binary', description: 'JSON, then the bytes of the tensors.' }) } };
const lengthHeader = z.object({
  'inference-header-content-length': z.int().optional().meta({ description: 'Bytes of JSON when binary data follows; 0 for a raw request.' }),
  'x-request-timeout-ms': z.int().min(1).optional(),
});

const pathsOf = (prefix: string, path: z.ZodObject): ZodOpenApiPathsObject => ({
  [prefix]: {
    get: { summary: 'Tensors of a model', requestParams: { path }, responses: { ...ok(metadata, 'Its inputs and outputs.'), ...failures(401, 403, 404, 503) } },
  },
  [`${prefix}/ready`]: {
    get: {
      summary: 'Whether a model answers',
      requestParams: { path },
      responses: { ...ok(z.object({ name: z.string(), ready: z.boolean() }), 'It does.'), ...failures(401, 403, 404, 503) },
    },
  },
  [`${prefix}/infer`]: {
    post: {
      summary: 'Predictions for tensors',
      requestParams: { path, header: lengthHeader },
      requestBody: { required: true, content: { 'application/json': { schema: request }, ...binary } },
      responses: {
        '200': { description: 'The outputs, a row for a row.', content: { 'application/json': { schema: response }, ...binary } },
        ...failures(400, 401, 403, 404, 413, 415, 500, 501, 502, 503, 504),
      },
    },
  },
});

/** The calls of the Open Inference Protocol. */
export const openInferencePaths: ZodOpenApiPathsObject = {
  '/v2': {
    get: {
      summary: 'The server, in the words of the Open Inference Protocol',
      responses: { ...ok(z.object({ name: z.string(), version: z.string(), extensions: z.array(z.string()) }), 'What it can.'), ...failures(401, 403) },
    },
  },
  '/v2/health/live': { get: { summary: 'Whether the process answers', responses: ok(z.object({ live: z.boolean() }), 'It does.') } },
  '/v2/health/ready': {
    get: {
      summary: 'Whether every model has a serving baseline',
      responses: { ...ok(z.object({ live: z.boolean(), ready: z.boolean() }), 'Every model has.'), ...failures(503) },
    },
  },
  ...pathsOf('/v2/models/{model}', z.object({ model: z.string() })),
  ...pathsOf('/v2/models/{model}/versions/{version}', z.object({ model: z.string(), version: z.string() })),
};
