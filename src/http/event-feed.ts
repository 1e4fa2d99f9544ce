/**
 * The states of all rollouts as a stream: every event is a whole state, so a client that missed some is up to date with the
 * next. A change is sent at once, what the engine measures at most once a second. A client: open -> ended (drain) | cut (slow).
 */
import { ProblemError } from '../problem.ts';

/** One reader of the stream. */
export interface FeedClient {
  readonly write: (text: string) => void;
  /** Bytes that the client has not taken yet. */
  readonly bufferedBytes: () => number;
  readonly end: () => void;
  /** Drops the connection. */
  readonly cut: () => void;
}

export interface FeedDeps {
  /** The states of all rollouts now. */
  readonly states: () => readonly { readonly model: string }[];
  /** Names this life of the process in the ids of events. */
  readonly incarnation: string;
  /** Hears how many clients there are. */
  readonly onClients: (count: number) => void;
}

export interface EventFeed {
  /**
   * Begins a stream: what changed since the event with that id, all states for any other id or none.
   * @returns what to call when the client has left
   * @throws ProblemError overloaded while the gateway drains, or when too many read already
   */
  readonly open: (client: FeedClient, lastEventId: string | undefined) => () => void;
  /** A rollout has changed: sent at once. */
  readonly changed: () => void;
  /** Sends what else has changed. Call it once a second. */
  readonly tick: () => void;
  /** Ends every stream; no new one is begun. */
  readonly end: () => void;
}

/** Operators' pages and scripts; the states are made once for all of them. */
const maxClients = 100;
/** Some two hundred states. The kernel's socket buffer comes before it. */
export const maxBufferedBytes = 512 * 1024;
const retryMs = 3_000;
const heartbeatTicks = 15;

interface Sent {
  readonly number: number;
  readonly data: string;
}

const numberOf = (id: string | undefined, incarnation: string): number => {
  const [life, number] = id?.split('/') ?? [];
  return life === incarnation && /^\d{1,15}$/.test(number ?? '') ? Number(number) : 0;
};

/** Makes the feed of one gateway. */
export const createEventFeed = ({ states, incarnation, onClients }: FeedDeps): EventFeed => {
  const clients = new Set<FeedClient>();
  const sent = new Map<string, Sent>();
  let lastNumber = 0;
  let ticks = 0;
  let isOver = false;

  const eventText = ({ number, data }: Sent): string => `id: ${incarnation}/${number}\nevent: rollout\ndata: ${data}\n\n`;
  const leave = (client: FeedClient): void => {
    if (clients.delete(client)) onClients(clients.size);
  };
  const broadcast = (text: string): void => {
    for (const client of clients) {
      client.write(text);
      if (client.bufferedBytes() <= maxBufferedBytes) continue;
      client.cut();
      leave(client);
    }
  };
  const refresh = (): void => {
    for (const state of states()) {
      const data = JSON.stringify(state);
      if (sent.get(state.model)?.data === data) continue;
      lastNumber += 1;
      const event = { number: lastNumber, data };
      sent.set(state.model, event);
      broadcast(eventText(event));
    }
  };

  return {
    open: (client, lastEventId) => {
      if (isOver) throw new ProblemError('overloaded', 'The gateway is draining.');
      if (clients.size >= maxClients) throw new ProblemError('overloaded', `${maxClients} clients read the events already.`);
      refresh();
      const after = numberOf(lastEventId, incarnation);
      const missed = [...sent.values()].filter(({ number }) => number > after).sort((left, right) => left.number - right.number);
      clients.add(client);
      onClients(clients.size);
      client.write(`retry: ${retryMs}\n\n${missed.map(eventText).join('')}`);
      return () => leave(client);
    },
    changed: () => {
      if (clients.size > 0) refresh();
    },
    tick: () => {
      if (clients.size === 0) return;
      refresh();
      ticks += 1;
      if (ticks % heartbeatTicks === 0) broadcast(': the gateway is alive\n\n');
    },
    end: () => {
      isOver = true;
      for (const client of clients) client.end();
      clients.clear();
      onClients(0);
    },
  };
};
