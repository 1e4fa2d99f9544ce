import type { EventFeed } from '../event-feed.ts';
import type { Resource } from '../express-app.ts';

/** What the events resource needs. */
export interface EventRoutesDeps {
  readonly events: Pick<EventFeed, 'open'>;
}

const headers = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  // Proxies of the nginx kind would else hold events back.
  'x-accel-buffering': 'no',
} as const;

/** `GET /events`: the states of all rollouts as server-sent events, by path. */
export const eventResources = ({ events }: EventRoutesDeps): Readonly<Record<string, Resource>> => ({
  '/events': {
    get: (request, response) => {
      if (request.method === 'HEAD') {
        response.writeHead(200, headers).end();
        return;
      }
      const client = {
        write: (text: string) => {
          // Held back until the stream is let in, so that a refusal is a problem and not half a stream.
          if (!response.headersSent) response.writeHead(200, headers);
          response.write(text);
        },
        bufferedBytes: () => response.writableLength,
        end: () => void response.end(),
        cut: () => void response.destroy(),
      };
      response.on('close', events.open(client, request.headers['last-event-id']?.toString()));
    },
  },
});
