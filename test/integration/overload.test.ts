/** More work than a gateway takes: what is too much is turned away at once, everything else is answered, and nothing lasts. */
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, type TeamFolders } from '../support/bundles.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { hold, inParallel, type RawAnswer, send } from '../support/http-client.ts';

type Row = Record<string, unknown>;

const maxPendingRequests = 16;
const maxPendingBytes = 20_000_000;
const maxQueueRows = 8;

let folders: TeamFolders;
let gateway: GatewayProcess;
let transaction: string;
let photo: Row;
let photos: string;

const json = { 'content-type': 'application/json' };
const ask = (body: string, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> =>
  send({ url: gateway.url, headers: { ...json, ...headers }, body });
const holdMany = (count: number, body: string) => Array.from({ length: count }, () => hold({ url: gateway.url, body }));
const pending = () => gateway.metric(/^gateway_inference_pending_requests/);
const heldBytes = () => gateway.metric(/^gateway_request_body_bytes/);
const shed = () => gateway.metric(/^gateway_inference_requests_total\{.*result="shed"\}/);
const photoWorker = async () => (await gateway.admin('GET', '/models/photo-classifier/1.0.0')).body.worker_pid;
const becomesIdle = () => expect.poll(pending, { timeout: 20_000, interval: 20 }).toBe(0);
const statusesOf = (answers: readonly RawAnswer[]): number[] => [...new Set(answers.map(({ status }) => status))].sort();

const expectOverloaded = ({ status, headers, body }: RawAnswer, detail: RegExp): void => {
  expect({ status, type: body.type }).toEqual({ status: 503, type: '/problems/overloaded' });
  expect(headers['retry-after']).toMatch(/^[12]$/);
  expect(body.detail).toMatch(detail);
};

beforeAll(async () => {
  folders = await makeTeamFolders();
  // Time enough that a slow machine makes nothing late.
  const patient = (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 30000').replace(/maxQueueRows: 32/, `maxQueueRows: ${maxQueueRows}`);
  const edit = { file: 'handoff.yaml', change: patient };
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit });
  await deliver(folders, { from: { model: 'photo-classifier', version: '1.0.0' }, edit });
  transaction = JSON.stringify({ model: 'card-fraud', inputs: await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json') });
  [photo = {}] = await goldenRows('photo-classifier', ['1.0.0'], '01-coffee.json');
  photos = JSON.stringify({ model: 'photo-classifier', inputs: Array(4).fill(photo) });
  gateway = await startGateway(folders, { flags: ['--max-pending-requests', String(maxPendingRequests), '--max-pending-bytes', String(maxPendingBytes)] });
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await folders.remove();
});

describe('a gateway with as many requests under way as it takes', () => {
  test('turns the next one away, and answers those that were there', async () => {
    const before = await shed();
    const held = holdMany(maxPendingRequests, transaction);
    await expect.poll(pending, { interval: 20 }).toBe(maxPendingRequests);
    expectOverloaded(await ask(transaction), /^16 requests are under way already\.$/);
    expect(await shed()).toBe(before + 1);
    for (const request of held) request.release();
    expect(statusesOf(await Promise.all(held.map(({ answer }) => answer)))).toEqual([200]);
    expect((await ask(transaction)).status).toBe(200);
    expect(await pending()).toBe(0);
  });

  test('turns a large one away before its body is sent', async () => {
    const held = holdMany(maxPendingRequests, transaction);
    await expect.poll(pending, { interval: 20 }).toBe(maxPendingRequests);
    const large = hold({ url: gateway.url, body: 'x'.repeat(10_000_000) });
    expectOverloaded(await large.answer, /requests are under way/);
    large.abandon();
    for (const request of held) request.abandon();
    await becomesIdle();
  });

  test('still says that it is ready, and lets operators in', async () => {
    const held = holdMany(maxPendingRequests, transaction);
    await expect.poll(pending, { interval: 20 }).toBe(maxPendingRequests);
    expect((await fetch(`${gateway.url}/health/ready`)).status).toBe(200);
    expect((await gateway.admin('GET', '/models')).status).toBe(200);
    for (const request of held) request.abandon();
    await becomesIdle();
  });
});

describe('a gateway with as many bytes of bodies as it takes', () => {
  const large = ' '.repeat(12_000_000);
  const full = /^The bodies of the requests under way have \d+ bytes, the limit is 20000000\.$/;

  /** One request that holds most of the bytes, of whatever endpoint, for as long as the action takes. */
  const beside = async (path: string, action: () => Promise<void>): Promise<void> => {
    const held = hold({ url: gateway.url, path, body: `${large}{}` }, large.length);
    await expect.poll(heldBytes, { timeout: 20_000 }).toBe(large.length);
    await action();
    held.abandon();
    await expect.poll(heldBytes, { timeout: 20_000 }).toBe(0);
    expect((await ask(large)).status).toBe(400);
  };

  test.each(['/infer', '/v2/models/card-fraud/infer', '/outcomes'])('turns large ones away while %s has them, and answers small ones', async (path) => {
    await beside(path, async () => {
      const before = await shed();
      expectOverloaded(await ask(large), full);
      expect(await shed()).toBe(before + 1);
      expectOverloaded(await send({ url: gateway.url, path: '/outcomes', headers: json, body: large }), full);
      expect((await ask(transaction)).status).toBe(200);
    });
  });

  test('counts what a small one becomes when it is inflated', async () => {
    const path = '/v2/models/card-fraud/infer';
    const bomb = { url: gateway.url, path, headers: { ...json, 'content-encoding': 'gzip' }, body: gzipSync(large) };
    expect((await send(bomb)).status).toBe(400);
    await beside('/infer', async () => expectOverloaded(await send(bomb), full));
    expect((await send(bomb)).status).toBe(400);
  });
});

describe('a burst', () => {
  test('of images is answered as far as there is room, and turned away beyond it', async () => {
    const answers = await inParallel(Array(60).fill(photos), 60, (body) => ask(body));
    expect(statusesOf(answers)).toEqual([200, 503]);
    for (const answer of answers.filter(({ status }) => status === 503))
      expectOverloaded(answer, /requests are under way|rows wait for model photo-classifier, the limit is 8/);
    await becomesIdle();
    expect((await ask(photos)).status).toBe(200);
  });

  test('of images that wait for their model leaves the other model alone', async () => {
    const before = await shed();
    const [images, transactions] = await Promise.all([
      inParallel(Array(10).fill(photos), 10, (body) => ask(body)),
      inParallel(Array(50).fill(transaction), 4, (body) => ask(body)),
    ]);
    expect(statusesOf(transactions)).toEqual([200]);
    expect(statusesOf(images)).toEqual([200, 503]);
    const refused = images.filter(({ status }) => status === 503);
    for (const answer of refused) expectOverloaded(answer, /^\d+ rows wait for model photo-classifier, the limit is 8\.$/);
    expect(await shed()).toBe(before + refused.length);
    await becomesIdle();
  });
});

describe('a client that goes away', () => {
  test('in the middle of its body leaves its place to others', async () => {
    for (const request of holdMany(maxPendingRequests, transaction)) request.abandon();
    await becomesIdle();
    expect(statusesOf(await inParallel(Array(maxPendingRequests).fill(transaction), maxPendingRequests, (body) => ask(body)))).toEqual([200]);
  });

  test('before its answer comes harms nobody', async () => {
    const worker = await photoWorker();
    const three = JSON.stringify({ model: 'photo-classifier', inputs: [photo, photo, photo] });
    const held = holdMany(2, three);
    const stays = hold({ url: gateway.url, body: JSON.stringify({ model: 'photo-classifier', inputs: [photo] }) });
    for (const request of [...held, stays]) request.release();
    // Answered: what was released before it has arrived too.
    expect((await ask(transaction)).status).toBe(200);
    for (const request of held) request.abandon();
    const [answer] = await Promise.all([
      stays.answer,
      ...Array(10)
        .fill(transaction)
        .map((body: string) => ask(body)),
    ]);
    expect(answer.status).toBe(200);
    await becomesIdle();
    expect(await photoWorker()).toBe(worker);
    expect(gateway.log().filter(({ level }) => level === 'error')).toEqual([]);
  });
});

describe('a deadline', () => {
  test.each([
    ['x-request-timeout-ms', '1'],
    ['x-envoy-expected-rq-timeout-ms', '1'],
    ['grpc-timeout', '1m'],
    ['grpc-timeout', '1n'],
  ])('%s: %s ends the wait for an image, and not its worker', async (name, value) => {
    const worker = await photoWorker();
    const { status, body, headers } = await ask(photos, { [name]: value });
    expect({ status, type: body.type, retryAfter: headers['retry-after'] }).toEqual({
      status: 504,
      type: '/problems/deadline-exceeded',
      retryAfter: undefined,
    });
    await becomesIdle();
    expect((await ask(photos)).status).toBe(200);
    expect(await photoWorker()).toBe(worker);
  });

  test('that is long enough is met', async () => {
    expect((await ask(photos, { 'x-request-timeout-ms': '30000', 'grpc-timeout': '30S' })).status).toBe(200);
  });

  test('of others behind it does not touch a request that is under way', async () => {
    const single = JSON.stringify({ model: 'photo-classifier', inputs: [photo] });
    const first = ask(photos);
    const late = await inParallel(Array(4).fill(single), 4, (body) => ask(body, { 'x-request-timeout-ms': '1' }));
    expect(statusesOf(late)).toEqual([504]);
    expect((await first).status).toBe(200);
    await becomesIdle();
  });
});
