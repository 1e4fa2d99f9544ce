/** Calls to another server over a pool of connections that are kept alive. Nothing is followed, and nothing is read beyond its bound. */
import type { IncomingHttpHeaders } from 'node:http';
import { type Dispatcher, errors, Pool } from 'undici';
import { InferenceFailure } from './inference-failure.ts';

export interface RemoteCall {
  readonly method: 'GET' | 'POST';
  /** Below the server's base URL. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
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
  /** Ends all connections. */
  readonly close: () => void;
}

export interface RemoteHttpOptions {
  /** Base URL. */
  readonly url: string;
  readonly maxConnections: number;
  readonly maxResponseBytes: number;
}

/** The server closed a connection that had answered before just as the call went out: it has not seen the call. */
const wasStale = (error: Error): boolean => error instanceof errors.SocketError && (error.socket?.bytesRead ?? 0) > 0;

const unreachable = (error: Error): InferenceFailure =>
  error instanceof InferenceFailure ? error : new InferenceFailure('lost-worker', `the remote server cannot be reached: ${error.message}`);

interface Ended {
  readonly resolve: (answer: RemoteAnswer) => void;
  readonly reject: (failure: InferenceFailure) => void;
  /** The connection was closed before the server can have seen the call. */
  readonly repeat: (() => void) | null;
}

/** Gathers one answer within its bounds. States: waiting for a connection, then for the answer, then ended; only the first end counts. */
const gather = (
  { timeoutMs, maxBytes }: { readonly timeoutMs: number; readonly maxBytes: number },
  { resolve, reject, repeat }: Ended,
): Dispatcher.DispatchHandler => {
  const chunks: Buffer[] = [];
  let size = 0;
  let status = 0;
  let headers: IncomingHttpHeaders = {};
  let given: Dispatcher.DispatchController | null = null;
  let failed: InferenceFailure | null = null;
  const fail = (failure: InferenceFailure): void => {
    clearTimeout(timer);
    failed ??= failure;
    reject(failed);
    given?.abort(failed);
  };
  const timer = setTimeout(() => fail(new InferenceFailure('timeout', 'the remote server did not answer in time')), Math.max(0, timeoutMs));
  return {
    onRequestStart: (controller) => {
      given = controller;
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
      else if (failed === null && repeat !== null && wasStale(error)) {
        clearTimeout(timer);
        repeat();
      } else fail(unreachable(error));
    },
  };
};

/** A pool of connections to one server. */
export const createRemoteHttp = ({ url, maxConnections, maxResponseBytes: maxBytes }: RemoteHttpOptions): RemoteHttp => {
  const base = new URL(url);
  const prefix = base.pathname.replace(/\/+$/, '');
  // Each call has a deadline of its own; one request a connection at a time, so that a slow one holds up no other.
  const pool = new Pool(base.origin, { connections: maxConnections, pipelining: 1, headersTimeout: 0, bodyTimeout: 0 });
  const once = (call: RemoteCall, mayRepeat: boolean): Promise<RemoteAnswer> =>
    new Promise((resolve, reject) => {
      const { method, path, headers = {}, body = null, timeoutMs } = call;
      const repeat = mayRepeat ? () => resolve(once(call, false)) : null;
      pool.dispatch({ method, path: `${prefix}${path}`, headers, body }, gather({ timeoutMs, maxBytes }, { resolve, reject, repeat }));
    });
  return {
    call: (call) => once(call, true),
    close: () => void pool.destroy(),
  };
};
