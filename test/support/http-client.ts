import { Agent, type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request as startRequest } from 'node:http';
import { text } from 'node:stream/consumers';

/** A request byte for byte: what `fetch` would add, mend or refuse is left as it is given. */
export interface RawRequest {
  /** Base address, such as `http://127.0.0.1:8080`. */
  readonly url: string;
  /** As it stands in the request line. */
  readonly path?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** Sends the body without a declared length. */
  readonly chunked?: boolean;
  /** Keeps connections open between requests. */
  readonly agent?: Agent;
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** The parsed JSON, or an empty object for an answer that is none. */
  readonly body: Readonly<Record<string, unknown>>;
}

const asJson = (content: string): RawAnswer['body'] => {
  try {
    return JSON.parse(content) as RawAnswer['body'];
  } catch {
    return {};
  }
};

const answerOf = (request: ClientRequest): Promise<RawAnswer> =>
  new Promise((resolve, reject) => {
    request.on('error', reject);
    request.on('response', (response: IncomingMessage) => {
      text(response).then((content) => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: asJson(content) }), reject);
    });
  });

const start = ({ url, path = '/infer', method = 'POST', headers = {}, agent }: RawRequest): ClientRequest => {
  const { hostname, port } = new URL(url);
  return startRequest({ host: hostname, port, path, method, headers, agent: agent ?? false });
};

/** Sends a request and reads its answer, also one that comes before the body is through. */
export const send = (raw: RawRequest): Promise<RawAnswer> => {
  const { body = '', chunked = false } = raw;
  const length = { 'content-length': String(Buffer.byteLength(body)) };
  const request = start({ ...raw, headers: { ...(chunked || body === '' ? {} : length), ...raw.headers } });
  const answer = answerOf(request);
  // As bytes: with text, Node would write the headers in the encoding of the body.
  request.end(Buffer.from(body));
  return answer;
};

/** A request whose body is held back: the gateway has its head and waits. */
export interface HeldRequest {
  readonly answer: Promise<RawAnswer>;
  /** Sends the body. */
  readonly release: () => void;
  /** Goes away without an answer. */
  readonly abandon: () => void;
}

/** Sends the head of a request and the first bytes of its body. */
export const hold = (raw: RawRequest, sentBytes = 1): HeldRequest => {
  const body = Buffer.from(raw.body ?? '');
  const request = start({ ...raw, headers: { 'content-type': 'application/json', 'content-length': String(body.length), ...raw.headers } });
  const answer = answerOf(request);
  // Whoever abandons a request does not ask for its answer.
  answer.catch(() => undefined);
  request.write(body.subarray(0, sentBytes));
  return { answer, release: () => request.end(body.subarray(sentBytes)), abandon: () => request.destroy() };
};

/** An agent that keeps as many connections open as there are requests at once. */
export const keepAliveAgent = (connections: number): Agent => new Agent({ keepAlive: true, maxSockets: connections, maxFreeSockets: connections });

/** Runs the task for every item, at most `limit` at once; the results are in the order of the items. */
export const inParallel = async <Item, Result>(
  items: readonly Item[],
  limit: number,
  task: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> => {
  const results: Result[] = [];
  const waiting = items.entries();
  const work = async (): Promise<void> => {
    for (const [index, item] of waiting) results[index] = await task(item, index);
  };
  await Promise.all(Array.from({ length: limit }, work));
  return results;
};
