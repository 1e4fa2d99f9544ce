import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDelivery, type Delivery, retryDelayMs } from '../../src/notify/deliver-events.ts';
import { postEvent } from '../../src/notify/post-event.ts';
import { parseWebhookSecret, webhookHeaders } from '../../src/notify/sign-webhook.ts';
import type { RolloutStore } from '../../src/store/rollout-store.ts';
import { createSqliteRolloutStore } from '../../src/store/sqlite-rollout-store.ts';
import { decisionFor, recordWith } from '../support/rollout-record.ts';
import { answer, hang, startReceiver, take, type WebhookReceiver } from '../support/webhook-receiver.ts';

const key = parseWebhookSecret('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw');
const wallMs = 1_767_225_600_999;

let directory = '';
let store: RolloutStore;
let receiver: WebhookReceiver;
let delivery: Delivery;
let nowMs = 0;
let told: unknown[] = [];
let backlog: unknown = null;
let stopping: AbortController;

const createTestDelivery = (url = receiver.url): Delivery =>
  createDelivery({
    outbox: store.outbox,
    post: (event) => postEvent(event, { url, key, wallMs: () => wallMs, timeoutMs: 300, stopping: stopping.signal }),
    monotonicMs: () => nowMs,
    random: () => 1 - Number.EPSILON,
    hooks: {
      tried: (result) => told.push(result),
      backlog: (now) => {
        backlog = now;
      },
      troubled: (trouble) => told.push(trouble),
      gone: () => told.push('gone for good'),
      fault: (error) => {
        throw error;
      },
    },
  });

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'handoff-deliver-'));
  store = await createSqliteRolloutStore({ dataDir: directory });
  await store.outbox.setWebhook(true);
  receiver = await startReceiver();
  stopping = new AbortController();
  nowMs = 0;
  told = [];
  delivery = createTestDelivery();
});
afterEach(async () => {
  await store.close();
  await receiver.close();
  await rm(directory, { recursive: true, force: true });
});

const revisions = new Map<string, number>();
beforeEach(() => revisions.clear());

/** A decision about a model, in its rollout. */
const decide = async (model: string, move: string): Promise<void> => {
  const before = revisions.get(model) ?? null;
  const revision = (before ?? 0) + 1;
  const record = recordWith({ model, rollout: `rollout of ${model}`, revision, epoch: revision, weightHundredths: 1_050 });
  expect(await store.save({ record, expectedRevision: before, decision: decisionFor(record, { move }) })).toBe('saved');
  revisions.set(model, revision);
};

const types = () => receiver.posts.map(({ event }) => `${event.subject} ${event.type}`);

/** Passes as many seconds of simulated time, with a look in each. */
const seconds = async (count: number): Promise<void> => {
  for (let index = 0; index < count; index += 1) {
    nowMs += 1_000;
    await delivery.look();
  }
};

describe('the delivery of events', () => {
  it('sends every decision as a signed CloudEvent, once', async () => {
    await decide('card-fraud', 'start');
    await seconds(3);
    const entry = await store.ledger.head();
    expect(receiver.posts).toHaveLength(1);
    const [post] = receiver.posts;
    expect(post).toMatchObject({
      path: '/hook?token=sesame',
      headers: { 'content-type': 'application/cloudevents+json; charset=utf-8' },
      event: {
        specversion: '1.0',
        id: `1-${entry?.hash.slice(0, 16)}`,
        source: `urn:handoff:${store.ledger.keyId}`,
        type: 'handoff.rollout.start',
        subject: 'card-fraud',
        time: '2026-01-01T00:00:00.123Z',
        datacontenttype: 'application/json',
        data: {
          user: { id: 'someone' },
          event: { action: 'start', outcome: 'success' },
          reason: 'the plan was accepted: “ünïcode”',
          rollout: { id: 'rollout of card-fraud', from: 0, to: 10.5, epoch: 1, revision: 1, phase: 'pending', baseline: '1.4.0', candidate: '2.0.0' },
          ledger: entry,
        },
      },
    });
    expect(post?.headers).toMatchObject(webhookHeaders({ id: String(post?.event.id), timestamp: 1_767_225_600, body: String(post?.body) }, key));
    expect(backlog).toEqual({ events: 0, oldestMs: null });
  });

  it('sends what waits in its order', async () => {
    for (const move of ['accept', 'start', 'advance', 'rollback']) await decide('card-fraud', move);
    await seconds(1);
    expect(types()).toEqual(['accept', 'start', 'advance', 'rollback'].map((move) => `card-fraud handoff.rollout.${move}`));
  });

  it.each([
    { title: 'fails', treatment: answer(500) },
    { title: 'is asked for too much', treatment: answer(429) },
    { title: 'hangs', treatment: hang },
    { title: 'redirects', treatment: answer(307, { location: 'http://127.0.0.1:1/' }) },
    { title: 'refuses', treatment: answer(400) },
    { title: 'breaks the connection off', treatment: (response: { readonly destroy: () => void }) => response.destroy() },
  ])('tries again when the receiver $title, with the same id and content', async ({ treatment }) => {
    receiver.treat(treatment);
    await decide('card-fraud', 'start');
    await decide('card-fraud', 'advance');
    await seconds(2);
    expect(backlog).toMatchObject({ events: 2, oldestMs: 1_767_225_600_123 });
    const tries = receiver.posts.length;
    expect(tries).toBeGreaterThan(1);
    receiver.treat(take);
    await seconds(4);
    const ids = receiver.posts.map(({ event }) => event.id);
    expect(new Set(ids.slice(0, tries + 1)).size).toBe(1);
    expect(new Set(receiver.posts.slice(0, tries + 1).map(({ body }) => body)).size).toBe(1);
    expect(types().slice(tries)).toEqual(['card-fraud handoff.rollout.start', 'card-fraud handoff.rollout.advance']);
    expect(backlog).toEqual({ events: 0, oldestMs: null });
  });

  it('tells a redirect target nothing', async () => {
    const elsewhere = await startReceiver();
    receiver.treat(answer(308, { location: elsewhere.url }));
    await decide('card-fraud', 'start');
    await seconds(5);
    expect(elsewhere.posts).toEqual([]);
    await elsewhere.close();
  });

  it('waits longer after every failure, up to five minutes', () => {
    expect([1, 2, 3, 9, 10, 10_000].map((failures) => retryDelayMs(failures, () => 1))).toEqual([1_000, 2_000, 4_000, 256_000, 300_000, 300_000]);
    expect([1, 2, 3, 10_000].map((failures) => retryDelayMs(failures, () => 0))).toEqual([500, 1_000, 2_000, 150_000]);
  });

  it('tries a dead receiver ever less often and tells once a minute', async () => {
    receiver.treat(answer(503));
    await decide('card-fraud', 'start');
    await seconds(600);
    // After 1, 2, 4, 8 … 256 s.
    expect(receiver.posts).toHaveLength(10);
    const troubles = told.filter((entry) => typeof entry === 'object');
    expect(troubles[0]).toEqual({ why: 'the receiver answered 503', events: 1, failures: 1 });
    expect(troubles.length).toBeLessThanOrEqual(10);
  });

  it('waits as long as the receiver asks for', async () => {
    receiver.treat(answer(429, { 'retry-after': '30' }));
    await decide('card-fraud', 'start');
    await seconds(30);
    expect(receiver.posts).toHaveLength(1);
    await seconds(1);
    expect(receiver.posts).toHaveLength(2);
  });

  it('asks a receiver that wants time with no event of another rollout either', async () => {
    receiver.treat(answer(503, { 'retry-after': '30' }));
    await decide('card-fraud', 'start');
    await seconds(1);
    receiver.treat(take);
    await decide('search-ranker', 'start');
    await seconds(29);
    expect(receiver.posts).toHaveLength(1);
    await seconds(1);
    expect(types().slice(1).sort()).toEqual(['card-fraud handoff.rollout.start', 'search-ranker handoff.rollout.start']);
  });

  it('holds up no other rollout for as long as the receiver wants to refuse an event', async () => {
    receiver.treat((response, post) => (post.event.subject === 'card-fraud' ? answer(422, { 'retry-after': '30' }) : take)(response, post));
    await decide('card-fraud', 'start');
    await seconds(1);
    await decide('search-ranker', 'start');
    await seconds(1);
    expect(types()).toEqual(['card-fraud handoff.rollout.start', 'search-ranker handoff.rollout.start']);
  });

  it('lets an event that is refused hold up its own rollout only', async () => {
    receiver.treat((response, post) => (post.event.subject === 'card-fraud' ? answer(422) : take)(response, post));
    await decide('card-fraud', 'start');
    await decide('card-fraud', 'advance');
    await decide('search-ranker', 'start');
    await seconds(1);
    await decide('search-ranker', 'advance');
    await seconds(1);
    expect(types().filter((entry) => entry.startsWith('search'))).toEqual(['search-ranker handoff.rollout.start', 'search-ranker handoff.rollout.advance']);
    expect(types()).not.toContain('card-fraud handoff.rollout.advance');
    expect(backlog).toMatchObject({ events: 2 });
  });

  it('sends nothing more after 410, and drops nothing', async () => {
    receiver.treat(answer(410));
    await decide('card-fraud', 'start');
    await seconds(600);
    expect(receiver.posts).toHaveLength(1);
    expect(told).toContain('gone for good');
    expect(backlog).toMatchObject({ events: 1 });
    receiver.treat(take);
    delivery = createTestDelivery();
    await seconds(1);
    expect(backlog).toMatchObject({ events: 0 });
  });

  it('finds a receiver that was down when it is back', async () => {
    const { port } = receiver;
    await receiver.close();
    await decide('card-fraud', 'start');
    await seconds(1);
    expect(told).toEqual(['failed', { why: 'the receiver cannot be reached (ECONNREFUSED)', events: 1, failures: 1 }]);
    receiver = await startReceiver(take, port);
    await seconds(1);
    expect(types()).toEqual(['card-fraud handoff.rollout.start']);
  });

  it('tells of a receiver neither its address nor its token', async () => {
    await receiver.close();
    await decide('card-fraud', 'start');
    await seconds(1);
    expect(JSON.stringify(told)).not.toMatch(/127\.0\.0\.1|sesame/);
    receiver = await startReceiver();
  });

  it('ends a try that hangs when it is stopped', async () => {
    receiver.treat(() => stopping.abort());
    await decide('card-fraud', 'start');
    const looked = delivery.look();
    await delivery.stop();
    await looked;
    expect(backlog).toMatchObject({ events: 1 });
  });
});

describe('the outbox', () => {
  it('takes nothing without a webhook, and goes on with what it has', async () => {
    await decide('card-fraud', 'accept');
    await store.outbox.setWebhook(false);
    await decide('card-fraud', 'start');
    await store.outbox.setWebhook(true);
    await decide('card-fraud', 'advance');
    await seconds(1);
    expect(types()).toEqual(['card-fraud handoff.rollout.accept', 'card-fraud handoff.rollout.advance']);
  });
});
