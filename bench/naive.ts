/** The server that a team writes first: express, express.json(), one run of the graph a request. */
import { createServer } from 'node:http';
import express from 'express';
import { announce } from './announce.ts';
import { type Row, score } from './peer.ts';

const app = express();
app.use(express.json());
app.post('/infer', async (request, response) => {
  const { inputs } = request.body as { readonly inputs: readonly Row[] };
  response.json({ outputs: await score(inputs) });
});

announce(createServer(app));
