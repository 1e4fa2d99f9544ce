import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { PostOutcomes } from '../data-plane/outcomes/post-outcomes.ts';
import { problems } from '../problem.ts';
import type { Log } from '../telemetry/log.ts';
import type { RequestSpan, Tracing } from '../telemetry/request-span.ts';
import { createAdmission, type Place } from './admission.ts';
import type { BodyBudget } from './body-budget.ts';
import { createLogFailure } from './log-failure.ts';
import { parseOutcomesRequest } from './outcomes-request.ts';
import { parseJsonBody, readBody } from './read-body.ts';
import { requestIdOf } from './request-id.ts';
import { sendProblem } from './send-problem.ts';

export interface OutcomesEndpointDeps {
  readonly postOutcomes: PostOutcomes;
  readonly tracing: Tracing;
  readonly log: Log;
  readonly monotonicMs: () => number;
  readonly random: () => number;
  readonly newId: () => string;
  readonly maxBodyBytes: number;
  readonly bodies: BodyBudget;
  readonly maxPendingRequests: number;
  readonly isDraining: () => boolean;
  /** @throws ProblemError unauthenticated, forbidden */
  readonly authorizeOutcome: (request: IncomingMessage) => void;
}

const path = '/outcomes';

export const isOutcomes = (url: string | undefined): boolean => url === path || url?.startsWith(`${path}?`) === true;

interface Arrived {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly span: RequestSpan;
}

/** `POST /outcomes`: authorize ▶ admit ▶ read ▶ post ▶ answer. A batch is answered 202 once everything that it accepts is durable. */
export const createOutcomesEndpoint = (deps: OutcomesEndpointDeps): RequestListener => {
  const admission = createAdmission({ ...deps, what: 'requests with outcomes', onRefused: () => undefined });
  const logFailure = createLogFailure(deps);

  const serve = async ({ request, response, requestId, span }: Arrived, { admit, hold }: Place): Promise<void> => {
    deps.authorizeOutcome(request);
    admit();
    const posts = parseOutcomesRequest(parseJsonBody(request, await readBody(request, { maxBytes: deps.maxBodyBytes, hold })));
    const body = JSON.stringify(await deps.postOutcomes(posts));
    if (deps.isDraining()) response.setHeader('connection', 'close');
    response.writeHead(202, {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'x-request-id': requestId,
      traceparent: span.traceparent,
    });
    response.end(body);
    span.end({ status: 202, endMs: deps.monotonicMs() });
  };

  const fail = (error: unknown, { request, response, requestId, span }: Arrived): void => {
    if (deps.isDraining() && !response.headersSent) response.setHeader('connection', 'close');
    const type = sendProblem(response, error, { requestId, traceId: span.traceId, path, random: deps.random });
    const { status } = problems[type];
    // What is left of the body flows past, so that the connection can serve the next request.
    request.resume();
    if (status >= 500) logFailure(error, { type, requestId, traceId: span.traceId });
    span.end({ status, endMs: deps.monotonicMs(), ...(status >= 500 ? { errorType: type } : {}) });
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const header = (name: 'x-request-id' | 'traceparent' | 'tracestate'): string | undefined => {
      const value = request.headers[name];
      return typeof value === 'string' ? value : value?.[0];
    };
    const requestId = requestIdOf(header('x-request-id'), deps.newId);
    const span = deps.tracing.startRequest({
      method: 'POST',
      route: path,
      path,
      scheme: 'http',
      traceparent: header('traceparent'),
      tracestate: header('tracestate'),
      startMs: deps.monotonicMs(),
    });
    const arrived = { request, response, requestId, span };
    const place = admission.enter();
    try {
      await serve(arrived, place);
    } catch (error) {
      fail(error, arrived);
    } finally {
      place.leave();
    }
  };

  return (request, response) => void answer(request, response);
};
