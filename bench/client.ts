/**
 * The load generator: HTTP/1.1 over raw sockets, with requests that are bytes already, so that one process can keep a
 * server busy on the other core. It reads no more of an answer than its status, its length and its body.
 */
import { connect } from 'node:net';
import type { Arm, PreparedRequest } from './requests.ts';

/** Closed loop (a connection sends its next request when it has its answer) or, with `ratePerSecond`, open loop. */
export interface Load {
  readonly port: number;
  readonly connections: number;
  readonly seconds: number;
  readonly requests: readonly PreparedRequest[];
  readonly ratePerSecond?: number;
  /**
   * In the open loop: sleep until a request is due instead of looking at the clock in every turn, which takes a whole core.
   * It is sent up to a millisecond late, so it counts from when it is sent.
   */
  readonly sleeps?: boolean;
}

export interface LoadResult {
  readonly answered: number;
  /** Answers that are not 200 with the golden outputs. */
  readonly wrong: number;
  readonly firstWrong: string | null;
  readonly seconds: number;
  /** By the arm that the request was assigned to. In an open loop that does not sleep they count from when the request was due, so a late start is part of them. */
  readonly latenciesMs: Readonly<Record<Arm, readonly number[]>>;
}

interface Connection {
  readonly send: (bytes: Buffer) => void;
  readonly close: () => void;
}

const bufferBytes = 65_536;
/** How long the last answers may take after the load has ended. */
const graceMs = 10_000;

type Receive = (status: string, body: string) => void;

/** Takes an answer off the front of the text; null while it is incomplete. */
const readAnswer = (text: string): { readonly status: string; readonly body: string } | null => {
  const headEnd = text.indexOf('\r\n\r\n');
  if (headEnd === -1) return null;
  const length = Number(/content-length: (\d+)/i.exec(text)?.[1]);
  const bodyStart = headEnd + 4;
  return text.length < bodyStart + length ? null : { status: text.slice(9, 12), body: text.slice(bodyStart, bodyStart + length) };
};

const openConnection = (port: number, receive: Receive): Promise<Connection> =>
  new Promise((resolve, reject) => {
    let text = '';
    const onBytes = (size: number, buffer: Uint8Array): boolean => {
      text += (buffer as Buffer).toString('latin1', 0, size);
      const answer = readAnswer(text);
      if (answer !== null) {
        text = '';
        receive(answer.status, answer.body);
      }
      return true;
    };
    const socket = connect({ port, host: '127.0.0.1', noDelay: true, onread: { buffer: Buffer.alloc(bufferBytes), callback: onBytes } });
    socket.once('connect', () => resolve({ send: (bytes) => void socket.write(bytes), close: () => socket.destroy() }));
    socket.once('error', reject);
    socket.once('end', () => receive('end', ''));
  });

interface Tally {
  answered: number;
  wrong: number;
  firstWrong: string | null;
  readonly latenciesMs: Record<Arm, number[]>;
}

const count = (
  tally: Tally,
  { status, body, request, sentMs }: { readonly status: string; readonly body: string; readonly request: PreparedRequest; readonly sentMs: number },
): void => {
  const verdict = status === '200' ? request.judge(body) : { right: false, arm: 'none' as const };
  tally.answered += 1;
  tally.latenciesMs[verdict.arm].push(performance.now() - sentMs);
  if (verdict.right) return;
  tally.wrong += 1;
  tally.firstWrong ??= `${status} ${body}`;
};

/** When the next request is due, on the monotonic clock; null when there is none any more. */
type NextDue = (sent: number) => number | null;

const closedLoop = (endMs: number): NextDue => {
  return () => {
    const nowMs = performance.now();
    return nowMs < endMs ? nowMs : null;
  };
};

const openLoop =
  (startMs: number, { ratePerSecond, seconds }: { readonly ratePerSecond: number; readonly seconds: number }): NextDue =>
  (sent) =>
    sent < ratePerSecond * seconds ? startMs + (sent * 1_000) / ratePerSecond : null;

/** Puts the load on the port and waits for the last answer. */
export const runLoad = async ({ port, connections, seconds, requests, ratePerSecond, sleeps = false }: Load): Promise<LoadResult> => {
  const tally: Tally = { answered: 0, wrong: 0, firstWrong: null, latenciesMs: { baseline: [], candidate: [], none: [] } };
  const idle: Connection[] = [];
  const all: Connection[] = [];
  let sent = 0;
  let over = false;
  let nextDue: NextDue = () => null;
  const { promise: finished, resolve, reject } = Promise.withResolvers<void>();

  const countsFrom = (dueMs: number): number => (sleeps ? performance.now() : dueMs);
  const pump = (): void => {
    while (idle.length > 0) {
      const dueMs = nextDue(sent);
      over = dueMs === null;
      if (dueMs === null || dueMs > performance.now()) break;
      transmit(idle.shift(), countsFrom(dueMs));
    }
    if (over && tally.answered === sent) resolve();
  };
  const current = new Map<Connection, { readonly request: PreparedRequest; readonly sentMs: number }>();
  const transmit = (connection: Connection | undefined, sentMs: number): void => {
    const request = requests[sent % requests.length];
    if (connection === undefined || request === undefined) return;
    sent += 1;
    current.set(connection, { request, sentMs });
    connection.send(request.bytes);
  };
  const addConnection = async (): Promise<void> => {
    const connection: Connection = await openConnection(port, (status, body) => {
      const asked = current.get(connection);
      if (status === 'end') reject(new Error('the server closed a connection'));
      if (asked === undefined) return;
      count(tally, { status, body, ...asked });
      idle.push(connection);
      pump();
    });
    all.push(connection);
    idle.push(connection);
  };

  await Promise.all(Array.from({ length: connections }, addConnection));
  const limit = setTimeout(() => reject(new Error(`${sent - tally.answered} requests have no answer`)), seconds * 1_000 + graceMs);
  const startMs = performance.now();
  nextDue = ratePerSecond === undefined ? closedLoop(startMs + seconds * 1_000) : openLoop(startMs, { ratePerSecond, seconds });
  // A timer is late by up to a millisecond, which is more than an answer takes: the open loop looks at the clock in every turn instead.
  const tick = (): void => {
    pump();
    if (over) return;
    if (sleeps) setTimeout(tick, Math.max(1, (nextDue(sent) ?? 0) - performance.now()));
    else setImmediate(tick);
  };
  if (ratePerSecond === undefined) pump();
  else tick();
  try {
    await finished;
  } finally {
    over = true;
    clearTimeout(limit);
    for (const connection of all) connection.close();
  }
  return { ...tally, seconds: (performance.now() - startMs) / 1_000 };
};
