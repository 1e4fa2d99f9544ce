/** The data port. The two hot endpoints are dispatched on node:http itself; express, which costs more than the whole budget of a request, serves the rest. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Infer, InferAnswer } from '../data-plane/infer.ts';
import { ProblemError, type ProblemType, problems } from '../problem.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { RequestSpan } from '../telemetry/request-span.ts';
import { parseInferRequest } from './infer-request.ts';
import { logFailure } from './log-failure.ts';
import { createOutcomesEndpoint, isOutcomes, type OutcomesEndpointDeps } from './outcomes-endpoint.ts';
import { parseJsonBody, readBody } from './read-body.ts';
import { readTimeoutMs } from './read-timeout.ts';
import { requestIdOf } from './request-id.ts';
import { sendProblem } from './send-problem.ts';

export interface DataServerDeps extends OutcomesEndpointDeps {
  readonly infer: Infer;
  readonly metrics: Metrics;
  /** While it drains, connections are closed after their answer. */
  readonly isDraining: () => boolean;
  /** @throws ProblemError unauthenticated, forbidden */
  readonly authorize: (request: IncomingMessage) => void;
  /** Everything but `POST /infer` and `POST /outcomes`. */
  readonly others: RequestListener;
}

export interface DataServer {
  readonly listener: RequestListener;
  readonly pending: () => number;
}

/** Faults of the caller that are found before the model is known; the others are counted for their model. */
const beforeTheModel: ReadonlySet<ProblemType> = new Set([
  'malformed-request',
  'unauthenticated',
  'forbidden',
  'model-not-found',
  'version-not-found',
  'request-too-large',
  'unsupported-media-type',
]);

interface Failed {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requestId: string;
  readonly span: RequestSpan;
  readonly arrivedMs: number;
}

export const createDataServer = (deps: DataServerDeps): DataServer => {
  const outcomes = createOutcomesEndpoint(deps);
  let pending = 0;

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const arrivedMs = deps.monotonicMs();
    const { headers } = request;
    const header = (name: string): string | undefined => {
      const value = headers[name];
      const first = typeof value === 'string' ? value : value?.[0];
      return first === undefined ? undefined : asUtf8(first);
    };
    const requestId = requestIdOf(header('x-request-id'), deps.newId);
    const span = deps.tracing.startRequest({
      method: 'POST',
      route: '/infer',
      path: '/infer',
      scheme: 'http',
      traceparent: header('traceparent'),
      tracestate: header('tracestate'),
      startMs: arrivedMs,
    });
    pending += 1;
    try {
      deps.authorize(request);
      if (pending > deps.maxPendingRequests) throw shed(deps);
      const body = parseJsonBody(request, await readBody(request, deps.maxBodyBytes));
      const { request: inferRequest, id } = parseInferRequest(body);
      const answer = await deps.infer(inferRequest, { header, arrivedMs, timeoutMs: readTimeoutMs(header), span, requestId });
      endConnection(response);
      sendAnswer(response, answer, { id, requestId, span });
      span.end({ status: 200, endMs: deps.monotonicMs() });
    } catch (error) {
      fail(error, { request, response, requestId, span, arrivedMs });
    } finally {
      pending -= 1;
    }
  };

  /** With the answer and not before: most of what is under way began before the drain. */
  const endConnection = (response: ServerResponse): void => {
    if (deps.isDraining() && !response.headersSent) response.setHeader('connection', 'close');
  };

  const fail = (error: unknown, { request, response, requestId, span, arrivedMs }: Failed): void => {
    endConnection(response);
    const type = sendProblem(response, error, { requestId, traceId: span.traceId, path: '/infer', random: deps.random });
    const { status } = problems[type];
    if (beforeTheModel.has(type)) deps.metrics.unrouted.request('client_error', (deps.monotonicMs() - arrivedMs) / 1_000);
    // What is left of the body flows past, so that the connection can serve the next request.
    request.resume();
    if (status >= 500) logFailure(deps.log, error, { type, requestId, traceId: span.traceId });
    span.end({ status, endMs: deps.monotonicMs(), ...(status >= 500 ? { errorType: type } : {}) });
  };

  return {
    listener: (request, response) => {
      if (request.method === 'POST' && isInfer(request.url)) void serve(request, response);
      else if (request.method === 'POST' && isOutcomes(request.url)) outcomes(request, response);
      else deps.others(request, response);
    },
    pending: () => pending,
  };
};

/** Node reads a header's bytes as Latin-1; a routing key that was sent in UTF-8 must be the same key as in a field, or on the admin port. */
const asUtf8 = (value: string): string => {
  if (!/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
};

const isInfer = (url: string | undefined): boolean => url === '/infer' || url?.startsWith('/infer?') === true;

const shed = ({ metrics, maxPendingRequests }: DataServerDeps): ProblemError => {
  metrics.unrouted.request('shed', 0);
  return new ProblemError('overloaded', `${maxPendingRequests} requests are under way already.`);
};

interface Sent {
  readonly id: string | null;
  readonly requestId: string;
  readonly span: RequestSpan;
}

const sendAnswer = (response: ServerResponse, answer: InferAnswer, { id, requestId, span }: Sent): void => {
  const body = JSON.stringify({
    ...(id === null ? {} : { id }),
    prediction_id: answer.predictionId,
    model: answer.model,
    version: answer.version,
    arm: answer.arm,
    rescued: answer.rescued,
    outputs: answer.outputs,
  });
  // A flat list is sent as it is; an object would be walked, checked and copied first.
  response.writeHead(200, [
    'content-type',
    'application/json',
    'content-length',
    String(Buffer.byteLength(body)),
    'x-request-id',
    requestId,
    'traceparent',
    span.traceparent,
    'x-handoff-version',
    answer.version,
    'x-handoff-arm',
    answer.arm ?? 'none',
    'x-handoff-epoch',
    String(answer.epoch),
  ]);
  response.end(body);
};
