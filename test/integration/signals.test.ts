/** Signals, the webhook and the stream of events, from outside: a real gateway process, a real receiver. */
import { createHmac } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { readEvents } from '../support/event-stream.ts';
import { type GatewayProcess, startGateway } from '../support/gateway.ts';
import { answer, hang, startReceiver, take, type WebhookReceiver } from '../support/webhook-receiver.ts';

const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
let folders: TeamFolders;
let gateway: GatewayProcess;
let receiver: WebhookReceiver;
let row: Record<string, unknown>;

const start = async (): Promise<void> => {
  gateway = await startGateway(folders, { env: { HANDOFF_WEBHOOK_URL: receiver.url, HANDOFF_WEBHOOK_SECRET: secret } });
};
const state = async () => (await gateway.admin('GET', '/rollouts/card-fraud')).body;
const push = (value: unknown, name = 'feature-lag') => gateway.admin('PUT', `/signals/${name}`, { value });
const setWeight = (weight: number) => gateway.admin('PUT', '/rollouts/card-fraud/weight', { weight, reason: 'a look' });
const become = (expected: Record<string, unknown>) => vi.waitFor(async () => expect(await state()).toMatchObject(expected), { timeout: 30_000, interval: 50 });
const arms = async () => {
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, key) => gateway.infer({ model: 'card-fraud', inputs: [row] }, { 'x-routing-key': `key-${key}` })),
  );
  return {
    baseline: 0,
    candidate: 0,
    ...Object.fromEntries(
      Map.groupBy(answers, ({ body }) => String(body.arm))
        .entries()
        .map(([arm, of]) => [arm, of.length]),
    ),
  };
};
const received = (type: string) => receiver.posts.filter(({ event }) => event.type === type);

beforeAll(async () => {
  folders = await makeTeamFolders();
  receiver = await startReceiver();
  // A page within seconds instead of a quarter of an hour, and time for a busy test machine.
  const edit = {
    file: 'handoff.yaml',
    change: (text: string) => text.replace('pageAfter: 15m', 'pageAfter: 2s').replace(/deadlineMs: \d+/, 'deadlineMs: 5000'),
  };
  await deliver(folders, { from: { model: 'card-fraud', version: '1.4.0' }, edit });
  await deliver(folders, { from: { model: 'card-fraud', version: '2.0.0' }, edit });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  [row = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  await start();
});
afterAll(async () => {
  await gateway.end('SIGKILL');
  await receiver.close();
  await folders.remove();
});
beforeEach(() => receiver.treat(take));

describe('a gateway with signals', { shuffle: false }, () => {
  test('takes the traffic from the candidate above the limit and gives it back below the lower one', async () => {
    expect(await push(10)).toMatchObject({
      status: 200,
      body: { signal: 'feature-lag', value: 10, concerns: [{ model: 'card-fraud', version: '2.0.0', unit: 's' }] },
    });
    await setWeight(50);
    await become({ phase: 'paused', weight: 50, effective_weight: 50 });
    expect((await arms()).candidate).toBeGreaterThan(10);
    expect((await push(412)).body).toMatchObject({ concerns: [{ role: 'candidate', holds: true }] });
    await become({
      phase: 'paused',
      weight: 50,
      effective_weight: 0,
      reason: expect.stringContaining('the signal feature-lag is 412 s, above its limit of 300 s'),
    });
    expect(await arms()).toEqual({ baseline: 100, candidate: 0 });
    expect((await gateway.admin('GET', '/rollouts/card-fraud/explain?key=key-1')).body).toMatchObject({ weight: 0, arm: 'baseline' });
    expect((await setWeight(80)).body).toMatchObject({ phase: 'paused', weight: 80, effective_weight: 0 });
    await push(200);
    await become({ weight: 80, effective_weight: 0, reason: expect.stringContaining('but not below 120 s yet') });
    await push(119);
    await become({ phase: 'paused', weight: 80, effective_weight: 80 });
    expect((await arms()).candidate).toBeGreaterThan(50);
  });

  test('shows the value, its age and the hold in the metrics', async () => {
    await push(7.5);
    expect(await gateway.metric(/^gateway_signal_value\{signal="feature-lag"\}/)).toBe(7.5);
    expect(await gateway.metric(/^gateway_signal_age_seconds\{signal="feature-lag"\}/)).toBeLessThan(10);
    expect(await gateway.metric(/^gateway_signal_holding\{model="card-fraud",version="2.0.0",signal="feature-lag"\}/)).toBe(0);
  });

  test.each([
    { body: { value: 'high' }, status: 400 },
    { body: { value: null }, status: 400 },
    { body: { value: 1, unit: 's' }, status: 400 },
    { body: {}, status: 400 },
  ])('refuses $body', async ({ body, status }) => {
    expect((await gateway.admin('PUT', '/signals/feature-lag', body)).status).toBe(status);
  });

  test('refuses a number beyond all numbers, and a signal that nobody declares', async () => {
    const response = await fetch(`${gateway.adminUrl}/signals/feature-lag`, {
      method: 'PUT',
      headers: { 'content-type': 'application/json' },
      body: '{"value":1e999}',
    });
    expect(response.status).toBe(400);
    expect(await push(1, 'lag')).toMatchObject({ status: 404, body: { type: '/problems/not-found', detail: expect.stringContaining('declare feature-lag') } });
  });

  test('pages once when the signal lasts, and tells when it is over', async () => {
    const before = received('handoff.page.raised').length;
    await push(412);
    await vi.waitFor(() => expect(received('handoff.page.raised')).toHaveLength(before + 1), { timeout: 30_000 });
    expect(received('handoff.page.raised').at(-1)?.event).toMatchObject({
      subject: 'card-fraud',
      data: { signal: { name: 'feature-lag', value: 412 }, on_call: 'payments-platform on-call' },
    });
    await vi.waitFor(async () => expect(await gateway.metric(/^gateway_page_open\{/)).toBe(1), { timeout: 30_000 });
    await push(1);
    await vi.waitFor(() => expect(received('handoff.page.resolved')).toHaveLength(before + 1), { timeout: 30_000 });
    expect(received('handoff.page.raised')).toHaveLength(before + 1);
    await become({ effective_weight: 80 });
  });

  test('streams every change of a rollout to a client', async () => {
    const stream = await readEvents(`${gateway.adminUrl}/events`);
    expect(stream.headers.get('content-type')).toBe('text/event-stream');
    const first = await stream.next(({ event }) => event === 'rollout');
    expect(first.data).toMatchObject({ model: 'card-fraud', weight: 80 });
    await setWeight(30);
    const second = await stream.next(({ data }) => data.weight === 30);
    expect(second.data).toMatchObject({ model: 'card-fraud', phase: 'paused', effective_weight: 30 });
    expect(Object.keys(second.data)).toEqual(Object.keys(await state()));
    stream.close();
    const resumed = await readEvents(`${gateway.adminUrl}/events`, { 'last-event-id': first.id });
    expect((await resumed.next(() => true)).data.weight).toBe(30);
    resumed.close();
  });

  test('posts every decision of the ledger in its order, signed', async () => {
    const entries = (await gateway.admin('GET', '/ledger?after=0&limit=1000')).body.entries as {
      readonly sequence: number;
      readonly hash: string;
      readonly body: { readonly move: string };
    }[];
    const expected = entries.map(({ sequence, hash, body }) => ({ id: `${sequence}-${hash.slice(0, 16)}`, type: `handoff.rollout.${body.move}` }));
    const decisions = () => receiver.posts.filter(({ event }) => event.type.startsWith('handoff.rollout.')).map(({ event: { id, type } }) => ({ id, type }));
    await vi.waitFor(() => expect(decisions()).toEqual(expected), { timeout: 30_000 });
    for (const { headers, body } of receiver.posts) {
      const signed = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${body}`;
      expect(headers['webhook-signature']).toBe(`v1,${createHmac('sha256', Buffer.alloc(32, 7)).update(signed).digest('base64')}`);
    }
  });

  test.each([
    { title: 'hangs', treatment: hang },
    { title: 'fails', treatment: answer(500) },
  ])('delivers a decision after kill -9 while the receiver $title, with the same id', async ({ treatment }) => {
    receiver.treat(treatment);
    const before = receiver.posts.length;
    expect((await setWeight(20)).status).toBe(200);
    await vi.waitFor(() => expect(receiver.posts.length).toBeGreaterThan(before), { timeout: 30_000 });
    const tried = receiver.posts[before]?.event;
    await gateway.end('SIGKILL');
    const after = receiver.posts.length;
    receiver.treat(take);
    await start();
    await vi.waitFor(() => expect(receiver.posts.length).toBeGreaterThan(after), { timeout: 30_000 });
    expect(receiver.posts[after]?.event).toEqual(tried);
    expect(receiver.posts.slice(after).filter(({ event }) => event.id === tried?.id)).toHaveLength(1);
  });

  test('is not held up by a receiver that hangs, and ends its streams when it drains', async () => {
    receiver.treat(hang);
    // The second death within ten minutes has rolled the candidate back.
    await become({ phase: 'rolled-back' });
    expect((await gateway.admin('POST', '/rollouts/card-fraud/start', { reason: 'a new attempt' })).status).toBe(200);
    const stream = await readEvents(`${gateway.adminUrl}/events`);
    await stream.next(({ data }) => data.attempt === 2);
    await vi.waitFor(async () => expect(await gateway.metric(/^gateway_webhook_pending_events /)).toBeGreaterThan(0), { timeout: 30_000 });
    const { baseline, candidate } = await arms();
    expect(baseline + candidate).toBe(100);
    const ended = stream.ended();
    expect(await gateway.end('SIGTERM')).toBe(0);
    await ended;
    expect(JSON.stringify(gateway.log())).not.toMatch(/sesame|whsec_/);
  });
});
