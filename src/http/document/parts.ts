import { z } from 'zod';
import type { ZodOpenApiResponsesObject } from 'zod-openapi';
import { type ProblemType, problems } from '../../problem.ts';

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

/** An object that no schema describes closer. */
export const anyJson = z.record(z.string(), z.unknown());

/** The problems that a call may answer with, by status. */
export const failures = (...types: readonly ProblemType[]): ZodOpenApiResponsesObject => {
  const byStatus = Map.groupBy(types, (type) => problems[type].status);
  return Object.fromEntries(
    [...byStatus].map(([status, group]) => [
      `${status}`,
      { description: group.map((type) => problems[type].title).join('; '), content: { 'application/problem+json': { schema: problem } } },
    ]),
  );
};

/** What a call answers when all is well. */
export const ok = (schema: z.ZodType, description: string): ZodOpenApiResponsesObject => ({
  '200': { description, content: { 'application/json': { schema } } },
});

/** Of every call of the admin port. */
export const guarded = ['unauthenticated', 'forbidden', 'internal'] as const;
