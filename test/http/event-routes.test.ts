import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createEventFeed } from '../../src/http/event-feed.ts';
import { createTestAdmin, type TestAdmin } from '../support/admin-app.ts';
import { readEvents } from '../support/event-stream.ts';

let admin: TestAdmin;
let server: Server;
let clients = 0;
let states: readonly { readonly model: string }[] = [];
const setClients = (count: number): void => {
  clients = count;
};
const feed = () => createEventFeed({ states: () => states, incarnation: 'life', onClients: setClients });
let events = feed();
let port = 0;

beforeEach(async () => {
  clients = 0;
  states = [{ model: 'card-fraud' }];
  events = feed();
  admin = await createTestAdmin({ events });
  server = createServer(admin.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  port = (server.address() as AddressInfo).port;
});
afterEach(async () => {
  server.closeAllConnections();
  server.close();
  await admin.close();
});

const url = () => `http://127.0.0.1:${port}/events`;

describe('GET /events', () => {
  it('streams to a client, and forgets it when it leaves', async () => {
    const stream = await readEvents(url());
    expect(Object.fromEntries(stream.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
    });
    expect(await stream.next(() => true)).toEqual({ id: 'life/1', event: 'rollout', data: { model: 'card-fraud' } });
    expect(clients).toBe(1);
    stream.close();
    await vi.waitFor(() => expect(clients).toBe(0));
  });

  it('cuts a client that never reads, while another reads on', async () => {
    const reader = await readEvents(url());
    const slow = connect(port, '127.0.0.1').pause();
    slow.on('error', () => undefined);
    slow.write('GET /events HTTP/1.1\r\nhost: localhost\r\n\r\n');
    await vi.waitFor(() => expect(clients).toBe(2));
    // What the kernel takes comes first; a real state has some two thousand bytes.
    let sentBytes = 0;
    for (let count = 0; clients === 2; count += 1) {
      states = [{ model: `${count} ${'x'.repeat(100_000)}` }];
      sentBytes += 100_000;
      events.changed();
      await reader.next(({ data }) => String(data.model).startsWith(`${count} `));
      expect(sentBytes).toBeLessThan(100_000_000);
    }
    expect(clients).toBe(1);
    slow.destroy();
    reader.close();
  });

  it('is ended by the drain and refused from then on', async () => {
    const stream = await readEvents(url());
    events.end();
    await stream.ended();
    const response = await fetch(url());
    expect([response.status, response.headers.get('retry-after') === null]).toEqual([503, false]);
  });

  it('has no body for HEAD', async () => {
    const response = await fetch(url(), { method: 'HEAD' });
    expect([response.status, response.headers.get('content-type'), clients]).toEqual([200, 'text/event-stream', 0]);
  });
});
