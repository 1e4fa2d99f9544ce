import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';

/** A request as it came. */
export interface ReceivedPost {
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  readonly event: { readonly id: string; readonly type: string; readonly subject: string } & Record<string, unknown>;
}

/** How the receiver treats a request: it has been read, the answer is still to be given. */
export type Treatment = (response: ServerResponse, post: ReceivedPost) => void;

/** Takes an event. */
export const take: Treatment = (response) => void response.writeHead(204).end();
/** Never answers. */
export const hang: Treatment = () => undefined;
export const answer =
  (status: number, headers: Readonly<Record<string, string>> = {}): Treatment =>
  (response) =>
    void response.writeHead(status, headers).end('an answer of some length that nobody reads');

/** A real receiver of webhooks. */
export interface WebhookReceiver {
  readonly url: string;
  readonly port: number;
  /** Every request, whether it was taken or not. */
  readonly posts: readonly ReceivedPost[];
  /** From now on requests are treated so. */
  readonly treat: (treatment: Treatment) => void;
  readonly close: () => Promise<void>;
}

/** Starts a receiver; `port` 0 for any free one. */
export const startReceiver = async (treatment: Treatment = take, port = 0): Promise<WebhookReceiver> => {
  const posts: ReceivedPost[] = [];
  let current = treatment;
  const receive = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const body = await text(request);
    const post = { path: request.url ?? '', headers: request.headers, body, event: JSON.parse(body) };
    posts.push(post);
    current(response, post);
  };
  const server = createServer((request, response) => void receive(request, response));
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const bound = (server.address() as AddressInfo).port;
  return {
    url: `http://127.0.0.1:${bound}/hook?token=sesame`,
    port: bound,
    posts,
    treat: (next) => {
      current = next;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
};
