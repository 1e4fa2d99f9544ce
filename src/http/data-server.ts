/** The data port. The hot endpoints are dispatched on node:http itself; express, which costs more than the whole budget of a request, serves the rest. */
import { isUtf8 } from 'node:buffer';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { Infer } from '../data-plane/infer.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';
import { type ProblemType, problems } from '../problem.ts';
import type { Metrics, PendingReaders } from '../telemetry/metrics.ts';
import type { RequestSpan } from '../telemetry/request-span.ts';
import { createAdmission } from './admission.ts';
import { createEndTogether } from './end-together.ts';
import { inferEdge } from './infer-edge.ts';
import type { Exchange, InferEdge } from './infer-exchange.ts';
import { createLogFailure } from './log-failure.ts';
import { createOpenInferenceEdge } from './open-inference-edge.ts';
import { createOutcomesEndpoint, isOutcomes, type OutcomesEndpointDeps } from './outcomes-endpoint.ts';
import { readBody } from './read-body.ts';
import { readTimeoutMs } from './read-timeout.ts';
import { requestIdOf } from './request-id.ts';
import { sendProblem } from './send-problem.ts';

export interface DataServerDeps extends OutcomesEndpointDeps {
  readonly infer: Infer;
  readonly registry: Pick<ModelRegistry, 'get'>;
  readonly metrics: Metrics;
  /** While it drains, connections are closed after their answer. */
  readonly isDraining: () => boolean;
  /** @throws ProblemError unauthenticated, forbidden */
  readonly authorize: (request: IncomingMessage) => void;
  /** Everything but inference and outcomes. */
  readonly others: RequestListener;
}

export interface DataServer {
  readonly listener: RequestListener;
  readonly pending: PendingReaders;
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
  readonly route: string;
}

export const createDataServer = (deps: DataServerDeps): DataServer => {
  const outcomes = createOutcomesEndpoint(deps);
  const edgeOf = createEdges(deps);
  const logFailure = createLogFailure(deps);
  const end = createEndTogether();
  const admission = createAdmission({ ...deps, what: 'requests', onRefused: () => deps.metrics.unrouted.request('shed', 0) });

  const serve = async (request: IncomingMessage, response: ServerResponse, edge: InferEdge): Promise<void> => {
    const arrivedMs = deps.monotonicMs();
    const header = headerOf(request);
    const requestId = requestIdOf(header('x-request-id'), deps.newId);
    const span = deps.tracing.startRequest({
      method: 'POST',
      route: edge.route,
      path: pathOf(request.url),
      scheme: 'http',
      traceparent: header('traceparent'),
      tracestate: header('tracestate'),
      startMs: arrivedMs,
    });
    const { admit, hold, leave } = admission.enter();
    try {
      deps.authorize(request);
      admit();
      const body = await readBody(request, { maxBytes: deps.maxBodyBytes, hold });
      const infer: Exchange['infer'] = async (asked, { timeoutMs, routingKey, form }) => {
        const answer = await deps.infer(asked, { header, routingKey, arrivedMs, timeoutMs: earlier(readTimeoutMs(header), timeoutMs), form, span, requestId });
        endConnection(response);
        return answer;
      };
      await edge.serve({ request, response, end, body, hold, header, infer, requestId, span });
      span.end({ status: 200, endMs: deps.monotonicMs() });
    } catch (error) {
      fail(error, { request, response, requestId, span, arrivedMs, route: edge.route });
    } finally {
      leave();
    }
  };

  /** With the answer and not before: most of what is under way began before the drain. */
  const endConnection = (response: ServerResponse): void => {
    if (deps.isDraining() && !response.headersSent) response.setHeader('connection', 'close');
  };

  const fail = (error: unknown, { request, response, requestId, span, arrivedMs, route }: Failed): void => {
    endConnection(response);
    const type = sendProblem(response, error, { requestId, traceId: span.traceId, path: route, random: deps.random });
    const { status } = problems[type];
    if (beforeTheModel.has(type)) deps.metrics.unrouted.request('client_error', (deps.monotonicMs() - arrivedMs) / 1_000);
    // What is left of the body flows past, so that the connection can serve the next request.
    request.resume();
    if (status >= 500) logFailure(error, { type, requestId, traceId: span.traceId });
    span.end({ status, endMs: deps.monotonicMs(), ...(status >= 500 ? { errorType: type } : {}) });
  };

  return {
    listener: (request, response) => {
      const url = inOriginForm(request);
      const edge = request.method === 'POST' ? edgeOf(url) : null;
      if (edge !== null) void serve(request, response, edge);
      else if (request.method === 'POST' && isOutcomes(url)) outcomes(request, response);
      else deps.others(withoutFragment(request), response);
    },
    pending: { requests: admission.pending, bytes: deps.bodies.bytes },
  };
};

/** The url, from here on without scheme and host: a client may send both. @see https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2 */
const inOriginForm = (request: IncomingMessage): string => {
  const { url = '' } = request;
  if (url.startsWith('/')) return url;
  request.url = url.replace(/^[a-z][a-z\d+.-]*:\/\/[^/?#]*\/?/i, '/');
  return request.url;
};

/** No target has a fragment. Express would pass over it, and so take `/infer#x` for a path that is dispatched here. */
const withoutFragment = (request: IncomingMessage): IncomingMessage => {
  if (request.url?.includes('#') === true) request.url = request.url.replaceAll('#', '%23');
  return request;
};

const headerOf =
  ({ headers }: IncomingMessage): Exchange['header'] =>
  (name) => {
    const value = headers[name];
    const first = typeof value === 'string' ? value : value?.[0];
    return first === undefined ? undefined : asUtf8(first);
  };

/** Node reads a header's bytes as Latin-1; a routing key that was sent in UTF-8 must be the same key as in a field, or on the admin port. */
const asUtf8 = (value: string): string => {
  if (!/[\x80-\xff]/.test(value)) return value;
  const bytes = Buffer.from(value, 'latin1');
  return isUtf8(bytes) ? bytes.toString('utf8') : value;
};

/** Which form of asking a url is; null for none. */
const createEdges = (deps: DataServerDeps): ((url: string) => InferEdge | null) => {
  const openInference = createOpenInferenceEdge(deps);
  return (url) => (isInfer(url) ? inferEdge : openInference(url));
};

const isInfer = (url: string): boolean => url === '/infer' || url.startsWith('/infer?');

const pathOf = (url: string | undefined): string => (url ?? '').split('?', 1)[0] ?? '';

const earlier = (one: number | null, other: number | null): number | null => (one === null || other === null ? (one ?? other) : Math.min(one, other));
