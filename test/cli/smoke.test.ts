import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import { readBundle } from '../../src/bundle/read-bundle.ts';
import { smokeCommand } from '../../src/cli/smoke.ts';
import { sendProblem } from '../../src/http/send-problem.ts';
import { ProblemError, type ProblemType } from '../../src/problem.ts';
import { runCommand } from '../support/run-command.ts';

const place = { model: 'search-ranker', version: '1.3.2', folder: 'models/search-ranker/1.3.2', goldenFolder: 'golden/search-ranker/1.3.2' };
const words = [`${place.model}/${place.version}`, '--models-dir', 'models', '--golden-dir', 'golden'];

let server: Server | null = null;
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
});

/** A data port that answers every golden case as it is stored, but for what it refuses. */
const dataPort = async (refuse: (response: ServerResponse) => boolean): Promise<string> => {
  const golden = (await readBundle(place)).bundle?.golden ?? [];
  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { inputs } = (await json(request)) as { readonly inputs: unknown };
    if (refuse(response)) return;
    const stored = golden.find((entry) => JSON.stringify(entry.golden.request.inputs) === JSON.stringify(inputs));
    response.setHeader('content-type', 'application/json').end(JSON.stringify(stored?.golden.expected));
  };
  server = createServer((request, response) => void answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

/** Sends a problem as the gateway does; its `Retry-After` is 2 seconds. */
const problem = (response: ServerResponse, type: ProblemType): true => {
  sendProblem(response, new ProblemError(type, 'Version 1.3.2 of model search-ranker is not served yet.'), {
    requestId: 'a-request',
    path: '/infer',
    random: () => 0.9,
  });
  return true;
};

const run = async (url: string) => {
  const pausesMs: number[] = [];
  const result = await runCommand((io) => smokeCommand(io, async (ms) => pausesMs.push(ms)), [...words, '--url', url]);
  return { ...result, pausesMs, waitedMs: pausesMs.reduce((sum, ms) => sum + ms, 0) };
};

describe('handoff smoke --url', () => {
  it('waits for a version that is still to be proven, as long as the gateway says', async () => {
    let refusals = 2;
    const url = await dataPort((response) => refusals-- > 0 && problem(response, 'model-not-ready'));
    const { exitCode, stdout, pausesMs } = await run(url);
    expect({ exitCode, pausesMs }).toEqual({ exitCode: 0, pausesMs: [2_000, 2_000] });
    expect(stdout).not.toContain('503');
  });

  it('gives up after a minute for all cases together, and calls them unanswered', async () => {
    const { exitCode, stdout, stderr, waitedMs } = await run(await dataPort((response) => problem(response, 'model-not-ready')));
    expect({ exitCode, waitedMs }).toEqual({ exitCode: 3, waitedMs: 60_000 });
    expect(stdout).toContain('unanswered  503: Version 1.3.2 of model search-ranker is not served yet.');
    expect(stderr).toMatch(/^0 of \d+ golden cases hold\n$/);
  });

  it('asks at most once a second', async () => {
    const atOnce = (response: ServerResponse) => {
      response.setHeader('retry-after', '0').writeHead(503, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ type: '/problems/model-not-ready', detail: 'at once' }));
      return true;
    };
    const { exitCode, pausesMs } = await run(await dataPort(atOnce));
    expect({ exitCode, pausesMs }).toEqual({ exitCode: 3, pausesMs: Array(60).fill(1_000) });
  });

  it.each(['overloaded', 'circuit-open'] as const)('does not wait for a gateway that is %s', async (type) => {
    const { exitCode, waitedMs } = await run(await dataPort((response) => problem(response, type)));
    expect({ exitCode, waitedMs }).toEqual({ exitCode: 3, waitedMs: 0 });
  });
});
