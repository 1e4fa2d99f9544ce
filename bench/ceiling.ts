/** The ceiling: bare node:http with the same payload, model and turn-of-the-loop batching, and nothing of what a gateway adds. */
import { createServer, type ServerResponse } from 'node:http';
import { announce } from './announce.ts';
import { type Row, score } from './peer.ts';

interface Waiting {
  readonly row: Row;
  readonly response: ServerResponse;
}

let waiting: Waiting[] = [];

const flush = async (): Promise<void> => {
  const batch = waiting;
  waiting = [];
  const scored = await score(batch.map(({ row }) => row));
  batch.forEach(({ response }, index) => {
    const body = JSON.stringify({ outputs: [scored[index]] });
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) });
    response.end(body);
  });
};

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const { inputs } = JSON.parse(Buffer.concat(chunks).toString()) as { readonly inputs: readonly Row[] };
    if (waiting.length === 0) setImmediate(() => void flush());
    waiting.push({ row: inputs[0] ?? {}, response });
  });
});

announce(server);
