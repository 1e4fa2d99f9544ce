/** A collector for OTLP over HTTP that counts what it is sent and keeps nothing, so that it costs the machine little. `GET` answers with the counts. */
import { createServer } from 'node:http';
import { announce } from './announce.ts';

let exports = 0;
let bytes = 0;

const server = createServer((request, response) => {
  if (request.method === 'GET') {
    response.end(JSON.stringify({ exports, bytes }));
    return;
  }
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
  });
  request.on('end', () => {
    exports += 1;
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end();
  });
});

announce(server);
