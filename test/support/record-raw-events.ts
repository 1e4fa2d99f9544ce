/**
 * Loaded into a gateway by `NODE_OPTIONS=--import`: writes the raw facts of its data port and of its pairs to a file, one JSON a line.
 * Each line is written before the gateway goes on, so that `kill -9` loses none. Does nothing in the processes that a gateway starts.
 */
import { subscribe } from 'node:diagnostics_channel';
import { openSync, writeSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';

type Headers = Readonly<Record<string, string>>;

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

const headersOf = (given: unknown): Headers => {
  if (!Array.isArray(given)) return Object.fromEntries(Object.entries(given ?? {}).map(([name, value]) => [name, String(value)]));
  const pairs = Array.from({ length: given.length / 2 }, (_, index) => [String(given[2 * index]), String(given[2 * index + 1])] as const);
  return Object.fromEntries(pairs);
};

const recordInto = (file: string): void => {
  const handle = openSync(file, 'a');
  const write = (kind: string, facts: object): void => void writeSync(handle, `${JSON.stringify({ kind, atMs: performance.now(), ...facts })}\n`);

  const watchRequest = ({ request }: Exchange): void => {
    const arrivedMs = performance.now();
    const body: Buffer[] = [];
    const push = request.push.bind(request);
    request.push = (chunk: unknown, encoding?: BufferEncoding): boolean => {
      if (chunk instanceof Buffer) body.push(chunk);
      if (chunk === null) write('received', { id: request.headers['x-request-id'], arrivedMs, headers: request.headers, body: String(Buffer.concat(body)) });
      return push(chunk, encoding);
    };
  };

  const watchAnswer = ({ request, response }: Exchange): void => {
    let head: { readonly status: number; readonly headers: Headers } | null = null;
    const writeHead = response.writeHead.bind(response) as (status: number, headers: never) => ServerResponse;
    const end = response.end.bind(response) as (...given: unknown[]) => ServerResponse;
    const watched = {
      writeHead: (status: number, headers: never) => {
        head = { status, headers: headersOf(headers) };
        return writeHead(status, headers);
      },
      end: (...given: unknown[]) => {
        const body = typeof given[0] === 'string' || given[0] instanceof Uint8Array ? Buffer.from(given[0] as string).toString() : '';
        write('answered', { id: request.headers['x-request-id'], ...head, gone: request.socket.readableEnded || request.socket.destroyed, body });
        return end(...given);
      },
    };
    Object.assign(response, watched);
  };

  write('started', { pid: process.pid, originMs: performance.timeOrigin });
  subscribe('http.server.request.start', (message) => {
    const exchange = message as Exchange;
    if (exchange.request.url !== '/infer') return;
    watchRequest(exchange);
    watchAnswer(exchange);
  });
  for (const kind of ['assigned', 'failed', 'pair']) subscribe(`handoff:${kind}`, (message) => write(kind, message as object));
};

const file = process.env.RAW_EVENTS_FILE;
if (file !== undefined && process.argv[2] === 'serve') recordInto(file);
