/** Calls to another server over a pool of connections that are kept alive. Nothing is followed, and nothing is read beyond its bound. */
import { type ClientRequest, Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
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

/** The server closed a connection that had been idle just as the call went out: it has not seen the call. */
const wasStale = (request: ClientRequest, error: unknown): boolean => {
  const code = error instanceof Error ? Reflect.get(error, 'code') : undefined;
  return request.reusedSocket && (code === 'ECONNRESET' || code === 'EPIPE');
};

const unreachable = (error: Error): InferenceFailure =>
  error instanceof InferenceFailure ? error : new InferenceFailure('lost-worker', `the remote server cannot be reached: ${error.message}`);

const readBounded = (response: IncomingMessage, maxBytes: number): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size > maxBytes) response.destroy(new InferenceFailure('error', `the remote server answered with more than ${maxBytes} bytes`));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(chunks.length === 1 && chunks[0] !== undefined ? chunks[0] : Buffer.concat(chunks)));
    const early = new InferenceFailure('lost-worker', 'the remote server ended its answer early');
    response.on('error', (error) => reject(error instanceof InferenceFailure ? error : early));
    response.on('close', () => reject(early));
  });

const headerOf = (response: IncomingMessage) => (name: string) => {
  const value = response.headers[name];
  return typeof value === 'string' ? value : value?.[0];
};

/** A pool of connections to one server. */
export const createRemoteHttp = ({ url, maxConnections, maxResponseBytes }: RemoteHttpOptions): RemoteHttp => {
  const base = new URL(url);
  const isSecure = base.protocol === 'https:';
  const prefix = base.pathname.replace(/\/+$/, '');
  const agent = new (isSecure ? HttpsAgent : HttpAgent)({ keepAlive: true, maxSockets: maxConnections, maxFreeSockets: maxConnections });
  const { hostname, port, host } = base;
  const target = { host: hostname.replace(/^\[|\]$/g, ''), agent, ...(port === '' ? {} : { port: Number(port) }) };

  const once = (call: RemoteCall, mayRepeat: boolean): Promise<RemoteAnswer> =>
    new Promise((resolve, reject) => {
      const { method, path, headers, body, timeoutMs } = call;
      const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
      const options = { ...target, method, path: `${prefix}${path}`, headers: { host, ...length, ...headers } };
      const request = isSecure ? httpsRequest(options) : httpRequest(options);
      const timer = setTimeout(() => request.destroy(new InferenceFailure('timeout', 'the remote server did not answer in time')), Math.max(0, timeoutMs));
      const settle = (): void => clearTimeout(timer);
      request.on('error', (error) => {
        settle();
        if (mayRepeat && wasStale(request, error)) resolve(once(call, false));
        else reject(unreachable(error));
      });
      request.on('response', (response) => {
        readBounded(response, maxResponseBytes)
          .then((answer) => resolve({ status: response.statusCode ?? 0, header: headerOf(response), body: answer }), reject)
          .finally(settle);
      });
      request.end(body);
    });

  return {
    call: (call) => once(call, true),
    close: () => agent.destroy(),
  };
};
