import type { IncomingMessage } from 'node:http';
import express, { type Express, type NextFunction, type Request, type Response } from 'express';
import { ProblemError } from '../problem.ts';
import type { Log } from '../telemetry/log.ts';
import { parseTraceContext } from '../telemetry/trace-context.ts';
import { isJson, parseJsonBody, readBody } from './read-body.ts';
import { requestIdOf } from './request-id.ts';
import { sendProblem } from './send-problem.ts';

/** What every request carries on its way: its id, and who sent it. */
interface RequestFacts {
  readonly requestId: string;
  /** Id of the caller's key, or `anonymous`. */
  readonly actor: string;
}

export type AppResponse = Response<unknown, RequestFacts>;
type Read = (request: Request, response: AppResponse) => void | Promise<void>;
/** `body` is the parsed JSON, undefined when none was sent. */
type Write = (request: Request, response: AppResponse, body: unknown) => void | Promise<void>;

/** The handlers of one resource; a method without one is answered 405 with Allow. */
export interface Resource {
  readonly get?: Read;
  readonly put?: Write;
  readonly post?: Write;
}

/** A path parameter; the router gives each one that the path names. */
export const pathParameter = (request: Request, name: string): string => String(request.params[name] ?? '');

/** What an app needs of its surroundings. */
export interface AppDeps {
  readonly newId: () => string;
  /** A number in [0, 1), for the jitter of Retry-After. */
  readonly random: () => number;
  readonly log: Pick<Log, 'error'>;
  /** The actor of a request that is let in. @throws ProblemError unauthenticated, forbidden */
  readonly admit: (request: IncomingMessage & { readonly path: string }) => string;
  readonly maxBodyBytes: number;
}

const readJson = async (request: Request, maxBodyBytes: number): Promise<unknown> => {
  const contentType = request.headers['content-type'];
  // Before the body is read, and for an empty one too: a page can send a plain form to another site, but never this type unasked.
  if (!isJson(contentType))
    throw new ProblemError('unsupported-media-type', `The content type is ${contentType ?? 'not given'}, application/json is expected.`);
  const body = await readBody(request, { maxBytes: maxBodyBytes, hold: () => undefined });
  return body.length === 0 ? undefined : parseJsonBody(request, body);
};

/** Faults that express and its router find themselves, such as a path that cannot be decoded. */
const problemOf = (error: unknown): unknown => {
  const status = error instanceof Error ? Reflect.get(error, 'status') : undefined;
  return typeof status === 'number' && status >= 400 && status < 500
    ? new ProblemError('malformed-request', 'The request cannot be decoded.', { cause: error })
    : error;
};

const answerProblem =
  ({ log, random }: AppDeps) =>
  // Express tells an error handler by its four parameters.
  // biome-ignore lint/complexity/useMaxParams: see above
  (error: unknown, request: Request, response: AppResponse, _next: NextFunction): void => {
    const { requestId } = response.locals;
    const trace = parseTraceContext(request.headers.traceparent?.toString(), undefined);
    const context = { requestId, path: request.path, random, ...(trace === null ? {} : { traceId: trace.traceId }) };
    const type = sendProblem(response, problemOf(error), context);
    // What is left of the body flows past, so that the connection can serve the next request.
    request.resume();
    if (type === 'internal') log.error({ request_id: requestId, problem: type, err: error }, 'a request met a fault of the gateway itself');
  };

/** Adds the resource at `path`. Writes take `application/json` only. */
const addResource = (app: Express, path: string, { resource, maxBodyBytes }: { readonly resource: Resource; readonly maxBodyBytes: number }): void => {
  const route = app.route(path);
  const { get } = resource;
  if (get !== undefined) route.get((request, response: AppResponse) => get(request, response));
  for (const method of ['put', 'post'] as const) {
    const write = resource[method];
    if (write !== undefined) route[method](async (request, response: AppResponse) => write(request, response, await readJson(request, maxBodyBytes)));
  }
  const allow = [
    ...(get === undefined ? [] : ['GET', 'HEAD']),
    ...(resource.put === undefined ? [] : ['PUT']),
    ...(resource.post === undefined ? [] : ['POST']),
  ].join(', ');
  route.all((request) => {
    throw new ProblemError('method-not-allowed', `${request.method} is not allowed here; allowed: ${allow}.`, { headers: { allow } });
  });
};

/** An express app of resources by path: admission first, every fault as a problem, 404 for what is not there. */
export const createExpressApp = (deps: AppDeps, resources: Readonly<Record<string, Resource>>): Express => {
  const app = express();
  app.disable('x-powered-by');
  // The only ETag is the revision of a rollout.
  app.disable('etag');
  // One path a resource: `/infer/` and `/INFER` are not `/infer`, which is not dispatched here.
  app.enable('strict routing').enable('case sensitive routing');
  app.use((request: Request, response: AppResponse, next) => {
    const requestId = requestIdOf(request.headers['x-request-id']?.toString(), deps.newId);
    response.locals = { requestId, actor: '' };
    response.set({ 'x-request-id': requestId, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
    response.locals = { requestId, actor: deps.admit(request) };
    next();
  });
  for (const [path, resource] of Object.entries(resources)) addResource(app, path, { resource, maxBodyBytes: deps.maxBodyBytes });
  app.use((request: Request) => {
    throw new ProblemError('not-found', `There is nothing at ${request.path}.`);
  });
  app.use(answerProblem(deps));
  return app;
};
