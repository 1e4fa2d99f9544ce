import type { ServerResponse } from 'node:http';
import { ProblemError, type ProblemType, problems, type Violation } from '../problem.ts';

/** The body of every error answer. @see https://www.rfc-editor.org/rfc/rfc9457 */
export interface ProblemBody {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly traceId?: string;
  readonly errors?: readonly Violation[];
  /** On `/v2` only: the Open Inference Protocol's error text. */
  readonly error?: string;
}

export interface ProblemContext {
  readonly requestId: string;
  readonly traceId?: string;
  readonly path: string;
  /** A number in [0, 1), for the jitter of Retry-After. */
  readonly random: () => number;
}

/** Whole seconds; the jitter keeps refused clients from coming back together. */
const retryAfterSeconds = (random: () => number): string => String(1 + Math.floor(random() * 2));

const bodyOf = (problem: ProblemError, { requestId, traceId, path }: ProblemContext): ProblemBody => {
  const { status, title } = problems[problem.type];
  return {
    type: `/problems/${problem.type}`,
    title,
    status,
    detail: problem.message,
    instance: requestId,
    ...(traceId === undefined ? {} : { traceId }),
    ...(problem.errors.length === 0 ? {} : { errors: problem.errors }),
    ...(isProtocolPath(path) ? { error: problem.message } : {}),
  };
};

const isProtocolPath = (path: string): boolean => path === '/v2' || path.startsWith('/v2/');

/**
 * The one place that turns a thrown value into an answer. KServe's client compares the content type of `/v2` errors as a
 * whole text, so it is exactly `application/json` there.
 *
 * @returns the problem's type, for logs, metrics and spans
 */
export const sendProblem = (response: ServerResponse, error: unknown, context: ProblemContext): ProblemType => {
  const problem = ProblemError.from(error);
  const { status, retryable } = problems[problem.type];
  if (response.headersSent) {
    response.destroy();
    return problem.type;
  }
  const body = Buffer.from(JSON.stringify(bodyOf(problem, context)));
  response.writeHead(status, {
    ...problem.headers,
    ...(retryable ? { 'retry-after': retryAfterSeconds(context.random) } : {}),
    'content-type': isProtocolPath(context.path) ? 'application/json' : 'application/problem+json',
    'content-length': body.length,
    'x-request-id': context.requestId,
  });
  response.end(body);
  return problem.type;
};
