/** The least that stands between a client and a server: `node:http` in, kept connections out, nothing looked at. Argument: the server's port. */
import { createServer } from 'node:http';
import { Pool } from 'undici';
import { announce } from './announce.ts';

const pool = new Pool(`http://127.0.0.1:${process.argv[2]}`, { connections: 16, pipelining: 1 });

/** Those of the connection, and the length, are written anew. */
const own: ReadonlySet<string> = new Set(['host', 'connection', 'keep-alive', 'content-length', 'transfer-encoding']);

const passedOn = (headers: Readonly<Record<string, string | string[] | undefined>>): Record<string, string> =>
  Object.fromEntries(Object.entries(headers).flatMap(([name, value]) => (own.has(name) || value === undefined ? [] : [[name, String(value)]])));

announce(
  createServer((request, response) => {
    const body: Buffer[] = [];
    request.on('data', (chunk: Buffer) => body.push(chunk));
    request.on('end', () => {
      const answer: Buffer[] = [];
      pool.dispatch(
        { method: 'POST', path: request.url ?? '/', headers: passedOn(request.headers), body: Buffer.concat(body) },
        {
          // undici knows its handlers of today by this one.
          onRequestStart: () => undefined,
          onResponseStart: (_, status, headers) => void response.writeHead(status, passedOn(headers)),
          onResponseData: (_, chunk) => void answer.push(chunk),
          onResponseEnd: () => void response.end(Buffer.concat(answer)),
          onResponseError: () => void response.destroy(),
        },
      );
    });
  }),
);
