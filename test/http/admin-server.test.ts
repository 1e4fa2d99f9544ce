import { createHash } from 'node:crypto';
import request from 'supertest';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { AdminDeps } from '../../src/http/admin-server.ts';
import { parseKeys } from '../../src/http/keys-file.ts';
import { canonicalJson } from '../../src/ledger/canonical-json.ts';
import type { DecisionEntry } from '../../src/ledger/ledger-entry.ts';
import { verifyChain } from '../../src/ledger/verify-chain.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin-app.ts';

let admin: TestAdmin;
beforeEach(async () => {
  admin = await createTestAdmin();
});
afterEach(() => admin.close());

const reopen = async (changes: Partial<AdminDeps>): Promise<void> => {
  await admin.close();
  admin = await createTestAdmin(changes);
};

const setWeight = (body: unknown, headers: Record<string, string> = {}) =>
  request(admin.app)
    .put('/rollouts/card-fraud/weight')
    .set({ 'content-type': 'application/json', ...headers })
    .send(typeof body === 'string' ? body : JSON.stringify(body));

describe('rollouts', () => {
  it('are listed, and given one by one with their revision as ETag', async () => {
    const one = await request(admin.app).get('/rollouts/card-fraud').expect(200);
    expect(one.headers).toMatchObject({
      etag: '"1"',
      'content-type': 'application/json; charset=utf-8',
      'x-request-id': 'request-1',
      'cache-control': 'no-store',
    });
    expect(one.body).toMatchObject({ model: 'card-fraud', phase: 'pending', weight: 0, guardrails: [], evidence: null });
    const all = await request(admin.app).get('/rollouts').expect(200);
    expect(all.body).toEqual({ rollouts: [one.body] });
    expect(all.headers).not.toHaveProperty('etag');
    expect(all.headers).not.toHaveProperty('x-powered-by');
  });

  it.each([
    { path: '/rollouts/nobody', type: 'model-not-found' },
    { path: '/rollouts/search-ranker', type: 'not-found' },
    { path: '/rollouts/nobody/ledger', type: 'model-not-found' },
  ])('answer $path with $type', async ({ path, type }) => {
    const response = await request(admin.app).get(path).expect(404).expect('content-type', 'application/problem+json');
    expect(response.body).toMatchObject({ type: `/problems/${type}`, status: 404, instance: 'request-1' });
  });

  it('explain a key', async () => {
    const response = await request(admin.app).get('/rollouts/card-fraud/explain?key=a%20b').expect(200);
    expect(response.body).toMatchObject({ key: 'a b', bucket: 17 });
  });

  it.each(['', '?key=', '?key=a&key=b'])('refuse to explain %j', async (query) => {
    const response = await request(admin.app).get(`/rollouts/card-fraud/explain${query}`).expect(400);
    expect(response.body.detail).toContain('expected one routing key');
  });
});

describe('the weight', () => {
  it('is set, in force and recorded when it is answered', async () => {
    const response = await setWeight({ weight: 25, reason: '  looks good ' }).expect(200).expect('etag', '"2"');
    expect(response.body).toMatchObject({ phase: 'paused', weight: 25, effective_weight: 25, revision: 2, reason: 'looks good' });
    expect(admin.published.at(-1)?.rollout?.weightHundredths).toBe(2500);
    const ledger = await request(admin.app).get('/rollouts/card-fraud/ledger').expect(200);
    expect(ledger.body).toMatchObject({
      entries: [
        {
          sequence: 2,
          at: '2026-05-01T00:00:00.000Z',
          model: 'card-fraud',
          rollout: 'rollout-1',
          kind: 'decision',
          body: { move: 'set-weight', actor: 'anonymous', reason: 'looks good', fromWeightHundredths: 0, toWeightHundredths: 2500, epoch: 2, revision: 2 },
        },
        { sequence: 1, body: { move: 'accept', actor: 'gateway' } },
      ],
      next: null,
    });
  });

  it('is set under the revision that If-Match names, and under no other', async () => {
    await setWeight({ weight: 1, reason: 'first' }, { 'if-match': '"1"' }).expect(200);
    const late = await setWeight({ weight: 2, reason: 'late' }, { 'if-match': '"1"' }).expect(409);
    expect(late.body).toMatchObject({ type: '/problems/rollout-conflict', detail: expect.stringContaining('at 2') });
    await setWeight({ weight: 3, reason: 'any' }, { 'if-match': '*' }).expect(200);
    await setWeight({ weight: 4, reason: 'weak' }, { 'if-match': 'W/"3"' }).expect(400);
    expect(admin.rollouts.get('card-fraud')).toMatchObject({ weight: 3, revision: 3 });
  });

  it.each([
    { body: { weight: 101, reason: 'x' }, errors: [{ pointer: '#/weight', detail: 'is wrong', got: '101', expected: 'a weight from 0 to 100' }] },
    { body: { weight: 0.001, reason: 'x' }, errors: [{ pointer: '#/weight', detail: 'is wrong', got: '0.001', expected: 'a weight in steps of 0.01' }] },
    { body: { weight: '5', reason: 'x' }, errors: [{ pointer: '#/weight', detail: 'is wrong', got: '"5"', expected: 'a number from 0 to 100' }] },
    {
      body: '{"weight":5,"reason":"half \\ud800"}',
      errors: [{ pointer: '#/reason', detail: 'is wrong', got: '"half \\ud800"', expected: 'text without half surrogate pairs' }],
    },
    { body: { weight: 5, reason: ' ' }, errors: [{ pointer: '#/reason', detail: 'is wrong', got: '" "', expected: 'text of 1 to 500 characters' }] },
    { body: { weight: 5, reason: 'x'.repeat(501) }, errors: [expect.objectContaining({ pointer: '#/reason', expected: 'text of 1 to 500 characters' })] },
    { body: { weight: 5 }, errors: [{ pointer: '#/reason', detail: 'is missing', got: 'nothing', expected: 'text of 1 to 500 characters' }] },
    {
      body: { weight: -1, reason: 'x', 'a/b': true },
      errors: [expect.objectContaining({ pointer: '#/weight' }), { pointer: '#/a~1b', detail: 'is not known', got: 'true', expected: 'no such field' }],
    },
    { body: '[]', errors: [{ pointer: '#', detail: 'is wrong', got: 'a list of 0', expected: 'an object with weight and reason' }] },
    {
      body: '{"weight":5,"reason":"x","\\ud800":1}',
      errors: [{ pointer: '#/%EF%BF%BD', detail: 'is not known', got: '1', expected: 'no such field' }],
    },
    { body: '', errors: [{ pointer: '#', detail: 'is missing', got: 'nothing', expected: 'an object with weight and reason' }] },
  ])('is refused with every fault: $body', async ({ body, errors }) => {
    const response = await setWeight(body).expect(400).expect('content-type', 'application/problem+json');
    expect(response.body).toMatchObject({ type: '/problems/malformed-request', errors });
    expect(admin.rollouts.get('card-fraud').revision).toBe(1);
  });

  it('is refused when the body is deeper than can be written', async () => {
    const response = await setWeight(`{"weight":5,"reason":${'['.repeat(20_000)}${']'.repeat(20_000)}}`).expect(400);
    expect(response.body.errors).toEqual([{ pointer: '#/reason', detail: 'is wrong', got: 'a list of 1', expected: 'text of 1 to 500 characters' }]);
    expect(admin.logged).toEqual([]);
  });

  it('takes a reason of 500 characters', async () => {
    await setWeight({ weight: 5, reason: '☂'.repeat(500) }).expect(200);
  });

  it('is refused when the body is not JSON', async () => {
    await setWeight('{"weight": 5,').expect(400);
  });

  it('is refused when the body is too large', async () => {
    await setWeight({ weight: 5, reason: 'x'.repeat(70_000) }).expect(413);
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'application/jsonx'])('is refused as %s', async (contentType) => {
    await setWeight('{"weight": 5, "reason": "x"}', { 'content-type': contentType }).expect(415);
    expect(admin.rollouts.get('card-fraud').revision).toBe(1);
  });

  it('is refused for a model without a rollout, and for an unknown one', async () => {
    const body = { weight: 5, reason: 'x' };
    await request(admin.app).put('/rollouts/search-ranker/weight').send(body).expect(409);
    await request(admin.app).put('/rollouts/nobody/weight').send(body).expect(404);
  });

  it('is not changed when the store fails; the cause is logged and not shown', async () => {
    await admin.closeStore();
    const response = await setWeight({ weight: 5, reason: 'x' }).expect(500);
    expect(response.body).toMatchObject({
      type: '/problems/internal',
      detail: 'The store failed, and nothing was changed. A rollback is possible without it.',
    });
    expect(response.text).not.toContain('closed');
    const cause = expect.objectContaining({ message: 'the store is closed' });
    expect(admin.logged).toEqual([expect.objectContaining({ request_id: 'request-1', err: expect.objectContaining({ cause }) })]);
    expect(admin.rollouts.get('card-fraud').weight).toBe(0);
  });
});

describe('the ledger', () => {
  it('comes in pages, newest first', async () => {
    for (const weight of [1, 2, 3]) await setWeight({ weight, reason: 'step' }).expect(200);
    const first = await request(admin.app).get('/rollouts/card-fraud/ledger?limit=2').expect(200);
    const weights = ({ entries }: { readonly entries: readonly DecisionEntry[] }) => entries.map(({ body }) => body.toWeightHundredths / 100);
    expect(weights(first.body)).toEqual([3, 2]);
    const second = await request(admin.app).get(`/rollouts/card-fraud/ledger?limit=2&before=${first.body.next}`).expect(200);
    expect(weights(second.body)).toEqual([1, 0]);
    expect(second.body.next).toBeNull();
  });

  it('comes as it was sealed, with the head of the gateway', async () => {
    await setWeight({ weight: 1, reason: 'step' }).expect(200);
    const { body } = await request(admin.app).get('/rollouts/card-fraud/ledger').expect(200);
    expect(body.head).toEqual({ sequence: 2, hash: body.entries[0].hash });
    expect(body.entries[0].prevHash).toBe(body.entries[1].hash);
    const lines = body.entries.reverse().map(canonicalJson);
    expect(await verifyChain(lines, { keys: null, head: body.head })).toMatchObject({ verifies: true, entries: 2 });
  });

  it('has the head of the gateway for a model without entries too', async () => {
    const { body } = await request(admin.app).get('/rollouts/search-ranker/ledger').expect(200);
    expect(body).toMatchObject({ entries: [], next: null, head: { sequence: 1 } });
  });

  it('comes whole, newest first or in order', async () => {
    for (const weight of [1, 2]) await setWeight({ weight, reason: 'step' }).expect(200);
    const sequences = ({ entries }: { readonly entries: readonly DecisionEntry[] }) => entries.map(({ sequence }) => sequence);
    const newest = (await request(admin.app).get('/ledger?limit=2').expect(200)).body;
    expect([sequences(newest), newest.next, newest.head.sequence]).toEqual([[3, 2], 2, 3]);
    const inOrder = (await request(admin.app).get('/ledger?after=0&limit=2').expect(200)).body;
    expect([sequences(inOrder), inOrder.next]).toEqual([[1, 2], 2]);
    const rest = (await request(admin.app).get(`/ledger?after=${inOrder.next}`).expect(200)).body;
    expect([sequences(rest), rest.next]).toEqual([[3], null]);
  });

  it.each(['after=x', 'after=1&before=2', 'limit=0'])('is refused whole for %s', async (query) => {
    const response = await request(admin.app).get(`/ledger?${query}`).expect(400);
    expect(response.body.detail).toContain(query.split('=')[0]);
  });

  it.each(['limit=0', 'limit=1001', 'limit=-1', 'limit=x', 'before=1.5', 'before='])('is refused for %s', async (query) => {
    const response = await request(admin.app).get(`/rollouts/card-fraud/ledger?${query}`).expect(400);
    expect(response.body.detail).toContain(query.split('=')[0]);
  });
});

describe('models', () => {
  it('say of a wrong query that it is the query', async () => {
    const { body } = await request(admin.app).get('/models').query({ prediction_id: '' }).expect(400);
    expect(body).toMatchObject({ type: '/problems/malformed-request', detail: 'The query cannot be used. prediction_id: got "", expected one prediction id.' });
    expect(body.errors).toBeUndefined();
  });

  it('are listed, and given one by one', async () => {
    expect((await request(admin.app).get('/models').expect(200)).body).toEqual({ models: [{ model: 'card-fraud', version: '1.4.0' }] });
    expect((await request(admin.app).get('/models/card-fraud/1.4.0').expect(200)).body).toEqual({ model: 'card-fraud', version: '1.4.0' });
    await request(admin.app).get('/models/nobody/1.4.0').expect(404);
  });

  it.each(['', '{}'])('are looked for anew with the body %j', async (body) => {
    const response = await request(admin.app).post('/models/rescan').set('content-type', 'application/json').send(body).expect(200);
    expect(response.body).toEqual({ accepted: [], refused: [] });
  });

  it('are looked for by no plain form and with no options', async () => {
    await request(admin.app).post('/models/rescan').expect(415);
    await request(admin.app).post('/models/rescan').send({ deep: true }).expect(400);
  });
});

describe('metrics and health', () => {
  it('are there, metrics with the content type of their format', async () => {
    const metrics = await request(admin.app).get('/metrics').expect(200).expect('content-type', 'text/plain; version=0.0.4');
    expect(metrics.text).toBe('gateway_up 1\n');
    expect((await request(admin.app).get('/health/live').expect(200)).body).toEqual({ status: 'live' });
    expect((await request(admin.app).get('/health/ready').expect(200)).body).toEqual({ status: 'ready' });
  });

  it('say what is not ready', async () => {
    await reopen({ readiness: () => ({ ready: false, detail: 'search-ranker has no baseline.' }) });
    const response = await request(admin.app).get('/health/ready').expect(503).expect('retry-after', '2');
    expect(response.body).toMatchObject({ type: '/problems/model-not-ready', detail: 'search-ranker has no baseline.' });
  });
});

describe('what is not there', () => {
  it('is 404, also when the path cannot be decoded', async () => {
    const response = await request(admin.app).get('/nothing').expect(404);
    expect(response.body).toMatchObject({ type: '/problems/not-found', detail: 'There is nothing at /nothing.' });
    await request(admin.app).get('/rollouts/%E0%A4%A').expect(400).expect('content-type', 'application/problem+json');
  });

  it.each([
    { method: 'delete', path: '/rollouts', allow: 'GET, HEAD' },
    { method: 'get', path: '/rollouts/card-fraud/weight', allow: 'PUT' },
    { method: 'get', path: '/models/rescan', allow: 'POST' },
    { method: 'options', path: '/rollouts/card-fraud', allow: 'GET, HEAD' },
  ] as const)('is 405 with Allow for $method $path', async ({ method, path, allow }) => {
    const response = await request(admin.app)[method](path).expect(405).expect('allow', allow);
    expect(response.body.type).toBe('/problems/method-not-allowed');
  });

  it('has no body for HEAD', async () => {
    const response = await request(admin.app).head('/rollouts/nobody').expect(404);
    expect(response.text).toBeUndefined();
  });
});

describe('a request', () => {
  it("keeps the caller's id and trace in its problem", async () => {
    const response = await request(admin.app)
      .get('/nothing')
      .set({ 'x-request-id': 'mine-1', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' })
      .expect('x-request-id', 'mine-1');
    expect(response.body).toMatchObject({ instance: 'mine-1', traceId: '0af7651916cd43dd8448eb211c80319c' });
  });
});

describe('without keys', () => {
  it.each([{ host: 'example.com' }, { origin: 'https://example.com' }])('a request with %o is refused', async (headers) => {
    await request(admin.app).get('/rollouts').set(headers).expect(403).expect('content-type', 'application/problem+json');
    await setWeight({ weight: 50, reason: 'x' }, headers).expect(403);
    expect(admin.rollouts.get('card-fraud').weight).toBe(0);
  });
});

describe('with keys', () => {
  const digestOf = (secret: string) => createHash('sha256').update(secret).digest('hex');
  const { keys } = parseKeys('keys', `olga ${digestOf('o-secret')} read,operate\nwatcher ${digestOf('w-secret')} read`);
  beforeEach(() => reopen({ keys }));

  it('nobody gets in without one but probes', async () => {
    await request(admin.app).get('/rollouts').expect(401).expect('www-authenticate', 'Bearer realm="handoff"');
    await request(admin.app).get('/metrics').expect(401);
    await request(admin.app).get('/nothing').expect(401);
    await setWeight({ weight: 50, reason: 'x' }).expect(401);
    await request(admin.app).get('/health/live').expect(200);
  });

  it('each does what its scopes allow, under its own name', async () => {
    await request(admin.app).get('/metrics').set('authorization', 'Bearer w-secret').expect(200);
    await setWeight({ weight: 50, reason: 'x' }, { authorization: 'Bearer w-secret' }).expect(403);
    await setWeight({ weight: 50, reason: 'x' }, { authorization: 'Bearer o-secret', host: 'handoff.example.com' }).expect(200);
    expect((await admin.rollouts.decisions('card-fraud', { limit: 1 }))[0]?.actor).toBe('olga');
  });
});
