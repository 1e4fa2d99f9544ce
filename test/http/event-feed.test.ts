import { describe, expect, it } from 'vitest';
import { createEventFeed, type FeedClient, maxBufferedBytes } from '../../src/http/event-feed.ts';
import { ProblemError } from '../../src/problem.ts';

const createFeed = (incarnation = 'life-1') => {
  let states: readonly { readonly model: string; readonly weight?: number }[] = [];
  let clients = 0;
  const feed = createEventFeed({
    states: () => states,
    incarnation,
    onClients: (count) => {
      clients = count;
    },
  });
  const set = (next: typeof states): void => {
    states = next;
  };
  return { ...feed, set, clients: () => clients };
};

/** A client that reads at once, or not at all. */
const createClient = ({ reads = true } = {}) => {
  let text = '';
  let state = 'open';
  const client: FeedClient = {
    write: (more) => {
      text += more;
    },
    bufferedBytes: () => (reads ? 0 : text.length),
    end: () => {
      state = 'ended';
    },
    cut: () => {
      state = 'cut';
    },
  };
  return { client, text: () => text, state: () => state };
};

describe('the feed of events', () => {
  it('begins with the state of every rollout', () => {
    const feed = createFeed();
    feed.set([{ model: 'a' }, { model: 'b' }]);
    const { client, text } = createClient();
    feed.open(client, undefined);
    expect(text()).toBe('retry: 3000\n\nid: life-1/1\nevent: rollout\ndata: {"model":"a"}\n\nid: life-1/2\nevent: rollout\ndata: {"model":"b"}\n\n');
  });

  it('sends what has changed and nothing else', () => {
    const feed = createFeed();
    feed.set([{ model: 'a' }, { model: 'b' }]);
    const { client, text } = createClient();
    feed.open(client, undefined);
    const before = text().length;
    feed.tick();
    expect(text().slice(before)).toBe('');
    feed.set([{ model: 'a' }, { model: 'b', weight: 5 }]);
    feed.changed();
    feed.tick();
    expect(text().slice(before)).toBe('id: life-1/3\nevent: rollout\ndata: {"model":"b","weight":5}\n\n');
  });

  it.each([
    { title: 'of this life', lastEventId: 'life-1/2', models: ['a'] },
    { title: 'of this life, when nothing was missed', lastEventId: 'life-1/3', models: [] },
    { title: 'of another life', lastEventId: 'life-0/3', models: ['b', 'a'] },
    { title: 'that is none', lastEventId: 'life-1/x', models: ['b', 'a'] },
  ])('goes on after an event $title', ({ lastEventId, models }) => {
    const feed = createFeed();
    feed.set([{ model: 'a' }, { model: 'b' }]);
    feed.open(createClient().client, undefined);
    feed.set([{ model: 'a', weight: 1 }, { model: 'b' }]);
    feed.changed();
    const { client, text } = createClient();
    feed.open(client, lastEventId);
    expect([...text().matchAll(/"model":"(.)"/g)].map(([, model]) => model)).toEqual(models);
  });

  it('says that it is alive every fifteen seconds', () => {
    const feed = createFeed();
    const { client, text } = createClient();
    feed.open(client, undefined);
    for (let tick = 0; tick < 45; tick += 1) feed.tick();
    expect(text().match(/^: /gm)).toHaveLength(3);
  });

  it('cuts a client that does not read, and no other', () => {
    const feed = createFeed();
    const slow = createClient({ reads: false });
    const quick = createClient();
    feed.open(slow.client, undefined);
    feed.open(quick.client, undefined);
    let tick = 0;
    for (; slow.state() === 'open'; tick += 1) {
      feed.set([{ model: 'a'.repeat(1_000), weight: tick }]);
      feed.tick();
    }
    expect(slow.text().length).toBeLessThan(maxBufferedBytes + 2_000);
    feed.tick();
    expect([quick.state(), feed.clients()]).toEqual(['open', 1]);
  });

  it('ends with the drain, and begins no stream from then on', () => {
    const feed = createFeed();
    const { client, state } = createClient();
    feed.open(client, undefined);
    feed.end();
    expect([state(), feed.clients()]).toEqual(['ended', 0]);
    expect(() => feed.open(createClient().client, undefined)).toThrow(ProblemError);
  });

  it('takes a hundred clients', () => {
    const feed = createFeed();
    const leave = Array.from({ length: 100 }, () => feed.open(createClient().client, undefined));
    expect(() => feed.open(createClient().client, undefined)).toThrow('100 clients');
    leave[0]?.();
    feed.open(createClient().client, undefined);
    expect(feed.clients()).toBe(100);
  });
});
