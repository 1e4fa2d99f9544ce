import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterEach, describe, expect, it } from 'vitest';
import type { TensorSpec } from '../../../src/bundle/contract.ts';
import type { RemotePlacement } from '../../../src/bundle/manifest.ts';
import { systemClock } from '../../../src/clock.ts';
import { InferenceFailure } from '../../../src/data-plane/inference/inference-failure.ts';
import type { Placement } from '../../../src/data-plane/inference/placement.ts';
import { createRemotePlacement } from '../../../src/data-plane/inference/remote-placement.ts';
import { createUnrecordedSpan } from '../../../src/telemetry/request-span.ts';

interface Seen {
  readonly headers: IncomingMessage['headers'];
  readonly url: string;
  readonly body: Buffer;
  /** Of the connection that it came on. */
  readonly port: number | undefined;
}

const spec = (name: string): TensorSpec => ({ name, datatype: 'FP32', shape: [-1, 2], fields: [] });
const contract = { inputs: [spec('x')], outputs: [spec('y')] };
const feeds = { x: { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) } } as const;
const metadata = {
  name: 'm',
  versions: ['1'],
  platform: 'test',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
};
const answer = { model_name: 'm', outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [3, 4] }] };

const json = (response: ServerResponse, body: unknown, status = 200): void => {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(body));
};

let running: Server | null = null;
let placement: Placement | null = null;

/** A server of the protocol that answers inference as it is told. */
const serve = async (infer: (seen: Seen, response: ServerResponse) => void, extensions: readonly string[] = []): Promise<string> => {
  const respond = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    if (request.url === '/v2') json(response, { name: 'test', version: '1', extensions });
    else if (request.url?.endsWith('/infer') !== true) json(response, metadata);
    else infer({ headers: request.headers, url: request.url, body: await buffer(request), port: request.socket.remotePort }, response);
  };
  running = createServer((request, response) => void respond(request, response));
  await new Promise<void>((resolve) => running?.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(running.address() as AddressInfo).port}`;
};

const open = async (
  remote: RemotePlacement,
  { maxRunMs = 5_000, maxResponseBytes = 1_000_000, monotonicMs = systemClock.monotonicMs } = {},
): Promise<Placement> => {
  placement = await createRemotePlacement({ remote, contract, maxRunMs: () => maxRunMs, maxResponseBytes, maxLoadMs: 0, monotonicMs, newId: randomUUID });
  return placement;
};

/** What a message says besides its tensors. */
const saidIn = ({ body }: Seen) => JSON.parse(body.toString()) as { readonly id: string; readonly parameters: { readonly timeout: number } };

const failureOf = async (run: Promise<unknown>): Promise<InferenceFailure> => {
  const error = await run.then(
    () => null,
    (cause: unknown) => cause,
  );
  if (!(error instanceof InferenceFailure)) throw new Error('the run did not fail as it should');
  return error;
};

afterEach(async () => {
  await placement?.close();
  running?.closeAllConnections();
  running?.close();
  running = null;
  placement = null;
});

describe('a remote placement', () => {
  it('asks in JSON where the server has no binary data, and reads the answer', async () => {
    let seen: Seen | null = null;
    const url = await serve((asked, response) => {
      seen = asked;
      json(response, answer);
    });
    const { outputs, luma } = await (await open({ url, model: 'my model', version: '1' })).run(feeds);
    expect({ outputs, luma }).toEqual({ outputs: { y: { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(3, 4) } }, luma: null });
    expect(seen).toMatchObject({ url: '/v2/models/my%20model/versions/1/infer', headers: { 'content-type': 'application/json' } });
    expect(JSON.parse(String(seen?.['body' as never]))).toMatchObject({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
      outputs: [{ name: 'y' }],
    });
  });

  it('asks in bytes where the server takes them, and reads bytes', async () => {
    const lengths: number[] = [];
    const url = await serve(
      ({ headers, body }, response) => {
        lengths.push(body.length - Number(headers['inference-header-content-length']));
        const head = JSON.stringify({ outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } }] });
        response.writeHead(200, { 'inference-header-content-length': String(head.length) });
        response.end(Buffer.concat([Buffer.from(head), Buffer.from(Float32Array.of(5, 6).buffer)]));
      },
      ['binary_tensor_data'],
    );
    const { outputs } = await (await open({ url, model: 'm' })).run(feeds);
    expect(outputs.y?.data).toEqual(Float32Array.of(5, 6));
    expect(lengths).toEqual([8]);
  });

  it('passes on the trace and what is left of the deadline', async () => {
    let seen: Seen | null = null;
    const url = await serve((asked, response) => {
      seen = asked;
      json(response, answer);
    });
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00';
    const span = createUnrecordedSpan({ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', traceparent, tracestate: 'vendor=1' });
    await (await open({ url, model: 'm' })).run(feeds, { deadlineMs: systemClock.monotonicMs() + 900, spans: [span] });
    const { headers } = seen as unknown as Seen;
    expect(headers).toMatchObject({ traceparent, tracestate: 'vendor=1' });
    expect(Number(headers['x-request-timeout-ms'])).toBeGreaterThan(0);
    expect(Number(headers['x-request-timeout-ms'])).toBeLessThanOrEqual(900);
    expect(saidIn(seen as unknown as Seen).parameters.timeout).toBeLessThanOrEqual(900_000);
  });

  it('gives up at the deadline', async () => {
    const url = await serve(() => undefined);
    const remote = await open({ url, model: 'm' }, { maxRunMs: 60 });
    expect((await failureOf(remote.run(feeds))).reason).toBe('timeout');
    expect((await failureOf(remote.run(feeds, { deadlineMs: systemClock.monotonicMs() - 1, spans: [] }))).reason).toBe('timeout');
  });

  it('tells a run that its caller hardly gave any time from one that was too slow', async () => {
    const url = await serve(() => undefined);
    const remote = await open({ url, model: 'm' }, { maxRunMs: 100 });
    const within = (ms: number) => failureOf(remote.run(feeds, { deadlineMs: systemClock.monotonicMs() + ms, spans: [] }));
    expect(await within(10)).toMatchObject({ reason: 'timeout', isHurried: true });
    expect(await within(-1)).toMatchObject({ reason: 'timeout', isHurried: true });
    expect(await within(50)).toMatchObject({ reason: 'timeout', isHurried: false });
    expect(await within(1_000)).toMatchObject({ reason: 'timeout', isHurried: false });
  });

  it('holds an error against the server however little time it had', async () => {
    const url = await serve((_asked, response) => json(response, { error: 'no' }, 500));
    const remote = await open({ url, model: 'm' }, { maxRunMs: 60_000 });
    const hurried = remote.run(feeds, { deadlineMs: systemClock.monotonicMs() + 5_000, spans: [] });
    expect(await failureOf(hurried)).toMatchObject({ reason: 'error', isHurried: false });
  });

  it.each<[string, (response: ServerResponse) => void, string, RegExp]>([
    ['an error', (response) => json(response, { error: 'no' }, 500), 'error', /answered 500: no/],
    ['that it is busy', (response) => json(response, { error: 'busy' }, 429), 'queue-full', /429/],
    ['that it is not ready', (response) => json(response, {}, 503), 'lost-worker', /503/],
    ['a redirect, which nobody follows', (response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), 'error', /answered 302/],
    ['no JSON', (response) => void response.end('<html>'), 'error', /JSON/],
    ['other sizes than it says', (response) => json(response, { outputs: [{ ...answer.outputs[0], data: [1] }] }), 'error', /got 1 values/],
    ['another datatype', (response) => json(response, { outputs: [{ ...answer.outputs[0], datatype: 'INT32' }] }), 'breach', /INT32/],
    ['nothing, and hangs up', (response) => void response.destroy(), 'lost-worker', /cannot be reached/],
    [
      'half an answer',
      (response) => void response.writeHead(200, { 'content-length': '1000' }).write('{', () => response.destroy()),
      'lost-worker',
      /early|reached|aborted/,
    ],
  ])('fails when the server answers %s', async (...[, respond, reason, message]) => {
    const url = await serve((_seen, response) => respond(response));
    const failure = await failureOf((await open({ url, model: 'm' })).run(feeds));
    expect({ reason: failure.reason, message: failure.message }).toEqual({ reason, message: expect.stringMatching(message) });
  });

  it('reads no more than its bound', async () => {
    const url = await serve((_, response) => void response.end(Buffer.alloc(2_000_000)));
    const failure = await failureOf((await open({ url, model: 'm' }, { maxResponseBytes: 100_000 })).run(feeds));
    expect(failure.message).toBe('the remote server answered with more than 100000 bytes');
  });

  it('asks once more when the server had closed the idle connection', async () => {
    let calls = 0;
    const url = await serve((_, response) => {
      calls += 1;
      json(response, answer);
    });
    const remote = await open({ url, model: 'm' }, { monotonicMs: () => 0 });
    await remote.run(feeds);
    running?.closeAllConnections();
    expect((await remote.run(feeds)).outputs.y?.data).toEqual(Float32Array.of(3, 4));
    expect(calls).toBe(2);
  });

  describe('of a server that closes a kept connection without an answer', () => {
    /** Closes the first connection that is used a second time, so many milliseconds after the run came on it. What was seen begins with that run. */
    const interrupted = async (closesAfterMs: number) => {
      let nowMs = 0;
      const ports = new Set<number | undefined>();
      const seen: Seen[] = [];
      const url = await serve((asked, response) => {
        if (seen.length > 0 || ports.has(asked.port)) seen.push(asked);
        ports.add(asked.port);
        if (seen.length !== 1) return json(response, answer);
        nowMs += closesAfterMs;
        response.destroy();
      });
      const remote = await open({ url, model: 'm' }, { monotonicMs: () => nowMs });
      let last: Promise<unknown> = Promise.resolve();
      while (seen.length === 0) {
        last = remote.run(feeds);
        await Promise.allSettled([last]);
      }
      return { seen, last };
    };

    it('asks once more where it closed just as the run came, with the time that is left', async () => {
      const { seen, last } = await interrupted(4);
      expect(await last).toMatchObject({ outputs: { y: { data: Float32Array.of(3, 4) } } });
      expect(seen.map(({ headers }) => headers['x-request-timeout-ms'])).toEqual(['5000', '4996']);
      expect(seen.map((asked) => saidIn(asked).parameters.timeout)).toEqual([5_000_000, 4_996_000]);
      expect(new Set(seen.map((asked) => saidIn(asked).id)).size).toBe(1);
    });

    it('does not ask again where the server had the run for longer', async () => {
      const { seen, last } = await interrupted(11);
      expect(await failureOf(last)).toMatchObject({ reason: 'lost-worker', message: expect.stringContaining('cannot be reached') });
      expect(seen).toHaveLength(1);
    });
  });

  describe('gives each run an id', () => {
    it('that is another one each time', async () => {
      const ids: string[] = [];
      const url = await serve((asked, response) => {
        ids.push(saidIn(asked).id);
        json(response, { ...answer, id: saidIn(asked).id });
      });
      const remote = await open({ url, model: 'm' });
      for (let run = 0; run < 3; run += 1) expect((await remote.run(feeds)).outputs.y?.data).toEqual(Float32Array.of(3, 4));
      expect(new Set(ids).size).toBe(3);
      expect(ids.every((id) => id.length > 20)).toBe(true);
    });

    it.each([null, '', 7, '0b6c0e0c-7d5b-4f2a-9a53-6c5a5c1f6a10'])('and takes an answer that the server names %j itself', async (id) => {
      const url = await serve((_, response) => json(response, { ...answer, id }));
      expect((await (await open({ url, model: 'm' })).run(feeds)).outputs.y?.data).toEqual(Float32Array.of(3, 4));
    });

    it('and takes an answer to another run for a lost worker, whose connection is not used again', async () => {
      const ids: string[] = [];
      const ports: (number | undefined)[] = [];
      const url = await serve((asked, response) => {
        const { id } = saidIn(asked);
        ids.push(id);
        ports.push(asked.port);
        json(response, { ...answer, id: ids.length === 2 ? ids[0] : id });
      });
      const remote = await open({ url, model: 'm' });
      await remote.run(feeds);
      expect(await failureOf(remote.run(feeds))).toMatchObject({ reason: 'lost-worker', message: 'the remote server answered another run' });
      for (let run = 0; run < remote.maxInFlight; run += 1) await remote.run(feeds);
      expect(ports.slice(2)).not.toContain(ports[1]);
    });
  });

  it.each([
    ['of a datatype that nobody reads', { name: 'z', datatype: 'BF16', shape: [1, 2], parameters: { binary_data_size: 4 } }],
    ['of no dimension', { name: 'z', datatype: 'FP32', shape: [], parameters: { binary_data_size: 4 } }],
    ['that says less than a tensor', { name: 'z', parameters: { binary_data_size: 4 } }],
    ['of the same name as the one before', { name: 'also', datatype: 'INT32', shape: [1], parameters: { binary_data_size: 4 } }],
  ])('passes over an output that it did not ask for, %s', async (_, extra) => {
    const also = { name: 'also', datatype: 'BF16', shape: [], data: [1], parameters: null };
    const asked = { name: 'y', datatype: 'FP32', shape: [1, 2], parameters: { binary_data_size: 8 } };
    const url = await serve((_seen, response) => {
      const head = JSON.stringify({ outputs: [also, extra, asked] });
      response.writeHead(200, { 'inference-header-content-length': String(head.length) });
      response.end(Buffer.concat([Buffer.from(head), Buffer.alloc(4, 1), Buffer.from(Float32Array.of(5, 6).buffer)]));
    });
    const { outputs } = await (await open({ url, model: 'm' })).run(feeds);
    expect(outputs).toEqual({ y: { datatype: 'FP32', shape: [1, 2], data: Float32Array.of(5, 6) } });
  });

  it('reads the outputs that it asked for as strictly as ever, and says where they are', async () => {
    const extra = { name: 'z', datatype: 'BF16', shape: [], data: [1] };
    const url = await serve((_, response) => json(response, { outputs: [extra, { name: 'y', datatype: 'FP32', shape: [1, 2], data: [1] }] }));
    expect(await failureOf((await open({ url, model: 'm' })).run(feeds))).toMatchObject({
      message: 'outputs[1].data: got 1 values, expected 2, as the shape says.',
    });
  });

  it('cannot be opened when nobody answers', async () => {
    const url = await serve(() => undefined);
    running?.close();
    running?.closeAllConnections();
    expect((await failureOf(open({ url, model: 'm' }))).reason).toBe('lost-worker');
  });
});
