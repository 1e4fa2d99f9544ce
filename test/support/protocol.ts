/** The Open Inference Protocol as a client speaks it, byte for byte. */
import type { Agent } from 'node:http';
import { type IncomingHttpHeaders, request as startRequest } from 'node:http';
import { buffer } from 'node:stream/consumers';

export interface ProtocolAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The JSON of the body; an empty object for none. */
  readonly json: Readonly<Record<string, unknown>> & { readonly error?: string; readonly outputs?: readonly OutputTensor[] };
  /** What follows the JSON. */
  readonly binary: Buffer;
}

export interface OutputTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
  readonly data?: readonly unknown[];
  readonly parameters?: { readonly binary_data_size?: number };
}

export interface ProtocolRequest {
  readonly url: string;
  readonly path: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
}

/** Sends a request with just these headers; no content type unless it is given. */
export const ask = async ({ url, path, method = 'POST', headers = {}, body = '', agent }: ProtocolRequest): Promise<ProtocolAnswer> => {
  const bytes = Buffer.from(body);
  const { hostname, port } = new URL(url);
  const length = method === 'GET' ? {} : { 'content-length': String(bytes.length) };
  const request = startRequest({ host: hostname, port, path, method, headers: { ...length, ...headers }, agent: agent ?? false });
  const { promise, resolve, reject } = Promise.withResolvers<ProtocolAnswer>();
  request.on('error', reject);
  request.on('response', (response) => {
    buffer(response).then((answer) => {
      const jsonLength = Number(response.headers['inference-header-content-length'] ?? answer.length);
      const text = answer.subarray(0, jsonLength).toString('utf8');
      resolve({
        status: response.statusCode ?? 0,
        headers: response.headers,
        json: text.startsWith('{') ? JSON.parse(text) : {},
        binary: answer.subarray(jsonLength),
      });
    }, reject);
  });
  request.end(bytes);
  return promise;
};

/** JSON and what follows it, with the length header. */
export const framed = (
  json: unknown,
  ...binary: readonly Uint8Array[]
): { readonly headers: { 'inference-header-content-length': string }; readonly body: Buffer } => {
  const text = Buffer.from(JSON.stringify(json));
  return { headers: { 'inference-header-content-length': String(text.length) }, body: Buffer.concat([text, ...binary]) };
};

export const bytesOf = (data: ArrayBufferView): Buffer => Buffer.from(data.buffer, data.byteOffset, data.byteLength);

/** BYTES elements with their lengths. */
export const elements = (...texts: readonly (string | Uint8Array)[]): Buffer =>
  Buffer.concat(
    texts.flatMap((text) => {
      const bytes = Buffer.from(text);
      const length = Buffer.alloc(4);
      length.writeUInt32LE(bytes.length);
      return [length, bytes];
    }),
  );
