/** Calls to another server over a pool of connections that are kept alive. Nothing is followed, and nothing is read beyond its bound. */
import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, errors, Pool } from 'undici';
import { InferenceFailure } from './inference-failure.ts';

/** What a call carries. */
export interface RemoteContent {
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer | string;
}

export interface RemoteCall {
  readonly method: 'GET' | 'POST';
  /** Below the server's base URL. */
  readonly path: string;
  /** Given the milliseconds that are left; asked once more when the call is sent again. */
  readonly content?: (leftMs: number) => RemoteContent;
  /** The call is given up then; milliseconds from now. */
  readonly timeoutMs: number;
}

export interface RemoteAnswer {
  readonly status: number;
  readonly header: (name: string) => string | undefined;
  readonly body: Buffer;
}

/** Another server. */
export interface RemoteHttp {
  /** @throws InferenceFailure lost-worker when there is no connection, timeout, error for an answer that is too large */
  readonly call: (call: RemoteCall) => Promise<RemoteAnswer>;
  /** What is called from now on goes over new connections; the others end with the calls that are under way on them. */
  readonly renew: () => void;
  /** Ends all connections. */
  readonly close: () => void;
}

export interface RemoteHttpOptions {
  /** Base URL. */
  readonly url: string;
  readonly maxConnections: number;
  readonly maxResponseBytes: number;
  readonly monotonicMs: () => number;
}

/**
 * A server that closed an idle connection before it saw the call is heard of within a round trip (below 2 ms in one region) and the turn of the
 * event loop that is under way. One that is heard of later may have the call, and may have been ended by it: another must not get it.
 */
const crossingMs = 10;

const outOfTime = (): InferenceFailure => new InferenceFailure('timeout', 'the remote server did not answer in time');

/** The server closed a connection that had answered before. */
const wasKept = (error: Error): boolean => error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0;

const unreachable = (error: Error): InferenceFailure =>
  error instanceof InferenceFailure ? error : new InferenceFailure('lost-worker', `the remote server cannot be reached: ${error.message}`);

interface Ended {
  readonly resolve: (answer: RemoteAnswer) => void;
  readonly reject: (failure: InferenceFailure) => void;
  /** Sends the call again, when the connection was closed before the server can have seen it; null when that was done already. */
  readonly repeat: (() => void) | null;
}

interface Bounds {
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly monotonicMs: () => number;
}

/** Gathers one answer within its bounds. States: waiting for a connection, then for the answer, then ended; only the first end counts. */
const gather = ({ timeoutMs, maxBytes, monotonicMs }: Bounds, { resolve, reject, repeat }: Ended): Dispatcher.DispatchHandler => {
  const chunks: Buffer[] = [];
  let size = 0;
  let status = 0;
  let headers: IncomingHttpHeaders = {};
  let sentMs = 0;
  let given: Dispatcher.DispatchController | null = null;
  let failed: InferenceFailure | null = null;
  const fail = (failure: InferenceFailure): void => {
    clearTimeout(timer);
    failed ??= failure;
    reject(failed);
    given?.abort(failed);
  };
  const timer = setTimeout(() => fail(outOfTime()), timeoutMs);
  const crossed = (error: Error): boolean => wasKept(error) && monotonicMs() - sentMs <= crossingMs;
  return {
    onRequestStart: (controller) => {
      given = controller;
      sentMs = monotonicMs();
      if (failed !== null) controller.abort(failed);
    },
    onResponseStart: (_controller, code, received) => {
      status = code;
      headers = received;
    },
    onResponseData: (_controller, chunk) => {
      size += chunk.length;
      if (size > maxBytes) fail(new InferenceFailure('error', `the remote server answered with more than ${maxBytes} bytes`));
      else chunks.push(chunk);
    },
    onResponseEnd: () => {
      clearTimeout(timer);
      const body = chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks);
      resolve({ status, header: (name) => [headers[name]].flat()[0], body });
    },
    onResponseError: (_controller, error) => {
      if (status !== 0) fail(new InferenceFailure('lost-worker', 'the remote server ended its answer early'));
      else if (failed === null && repeat !== null && crossed(error)) {
        clearTimeout(timer);
        repeat();
      } else fail(unreachable(error));
    },
  };
};

/** A pool of connections to one server. */
export const createRemoteHttp = ({ url, maxConnections, maxResponseBytes: maxBytes, monotonicMs }: RemoteHttpOptions): RemoteHttp => {
  const base = new URL(url);
  const prefix = base.pathname.replace(/\/+$/, '');
  // Each call has a deadline of its own; one request a connection at a time, so that a slow one holds up no other.
  const openPool = () => new Pool(base.origin, { connections: maxConnections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  let pool = openPool();
  const once = ({ untilMs, mayRepeat, ...call }: Attempt): Promise<RemoteAnswer> =>
    new Promise((resolve, reject) => {
      const timeoutMs = untilMs - monotonicMs();
      if (timeoutMs <= 0) throw outOfTime();
      const { headers = {}, body = null } = call.content?.(timeoutMs) ?? {};
      const repeat = mayRepeat ? () => resolve(once({ ...call, untilMs, mayRepeat: false })) : null;
      const bounds = { timeoutMs, maxBytes, monotonicMs };
      pool.dispatch({ method: call.method, path: `${prefix}${call.path}`, headers, body }, gather(bounds, { resolve, reject, repeat }));
    });
  return {
    call: ({ timeoutMs, ...call }) => once({ ...call, untilMs: monotonicMs() + timeoutMs, mayRepeat: true }),
    renew: () => {
      void pool.close();
      pool = openPool();
    },
    close: () => void pool.destroy(),
  };
};

interface Attempt extends Omit<RemoteCall, 'timeoutMs'> {
  readonly untilMs: number;
  readonly mayRepeat: boolean;
}
