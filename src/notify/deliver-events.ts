/**
 * Empties the outbox towards the webhook, beside everything else: nobody waits for it. States of the delivery: idle (nothing
 * is due) -> sending (one event at a time) -> idle; or gone, after a 410, until the gateway starts again. An event is taken
 * out after a 2xx only, so it is sent at least once; those of one lane in their order, each after the one before has arrived.
 */
import type { Outbox, QueuedContent, QueuedEvent } from '../store/outbox.ts';
import { decisionEvent } from './cloud-event.ts';
import type { PostedEvent, PostResult } from './post-event.ts';

/** A lane whose first event did not arrive yet. */
interface Lane {
  readonly failures: number;
  /** Monotonic time before which it is not tried again, milliseconds. */
  readonly notBeforeMs: number;
  readonly lastResult: 'refused' | 'failed';
}

/** What the delivery tells about itself. */
export interface DeliveryHooks {
  readonly tried: (result: PostResult['result']) => void;
  /** How far it is behind, after every look. */
  readonly backlog: (backlog: { readonly events: number; readonly oldestMs: number | null }) => void;
  /** What keeps events from arriving, in words; at most once a minute. */
  readonly troubled: (trouble: { readonly why: string; readonly events: number; readonly failures: number }) => void;
  /** The receiver answered 410: nothing is sent any more in this life of the gateway. */
  readonly gone: () => void;
  /** The store could not be asked; it is asked again with the next look. */
  readonly fault: (error: unknown) => void;
}

export interface DeliveryDeps {
  readonly outbox: Outbox;
  readonly post: (event: PostedEvent) => Promise<PostResult>;
  readonly monotonicMs: () => number;
  /** A number in [0, 1), for the jitter. */
  readonly random: () => number;
  readonly hooks: DeliveryHooks;
}

export interface Delivery {
  /** Sends what is due, an event after the other. Call it once a second; while one look is under way a call joins it. Never rejects. */
  readonly look: () => Promise<void>;
  /** No try begins any more; resolves when the last one is over. */
  readonly stop: () => Promise<void>;
}

const firstDelayMs = 1_000;
const maxDelayMs = 300_000;
const troubleEveryMs = 60_000;

/** Exponential with a jitter of half: 0.5–1 s after the first failure, doubling, at most 2.5–5 min. */
export const retryDelayMs = (failures: number, random: () => number): number =>
  Math.min(maxDelayMs, firstDelayMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + random() / 2);

const postedOf = (content: QueuedContent): PostedEvent => {
  if (content.kind === 'notice') return { id: String(JSON.parse(content.event).id), body: content.event };
  const event = decisionEvent(content.entry);
  return { id: event.id, body: JSON.stringify(event) };
};

interface DeliveryState extends DeliveryDeps {
  readonly lanes: Map<string, Lane>;
  /** Monotonic time before which the receiver wants no event of any lane, milliseconds. */
  receiverNotBeforeMs: number;
  lastTroubleMs: number;
  isGone: boolean;
  isStopped: boolean;
}

const isDue = ({ lanes, receiverNotBeforeMs, monotonicMs }: DeliveryState, { lane }: QueuedEvent): boolean =>
  Math.max(receiverNotBeforeMs, lanes.get(lane)?.notBeforeMs ?? 0) <= monotonicMs();

/** The receiver is back: lanes that waited for it are due, those whose event it refuses wait on. */
const receiverAnswers = ({ lanes }: DeliveryState): void => {
  for (const [name, lane] of lanes) if (lane.lastResult === 'failed') lanes.set(name, { ...lane, notBeforeMs: 0 });
};

const failed = (state: DeliveryState, lane: string, outcome: Exclude<PostResult, { readonly result: 'delivered' }>): void => {
  const failures = (state.lanes.get(lane)?.failures ?? 0) + 1;
  const nowMs = state.monotonicMs();
  const delayMs = Math.max(retryDelayMs(failures, state.random), outcome.retryAfterMs ?? 0);
  state.lanes.set(lane, { failures, notBeforeMs: nowMs + delayMs, lastResult: outcome.result === 'refused' ? 'refused' : 'failed' });
  if (outcome.result === 'failed') state.receiverNotBeforeMs = nowMs + (outcome.retryAfterMs ?? 0);
};

/** Sends a lane's first event. @returns what became of it; null when it was not there any more */
const sendOne = async (state: DeliveryState, { position, lane }: QueuedEvent): Promise<PostResult | null> => {
  const content = await state.outbox.read(position);
  if (content === null) return null;
  const outcome = await state.post(postedOf(content));
  state.hooks.tried(outcome.result);
  if (outcome.result === 'delivered') {
    await state.outbox.remove(position);
    state.lanes.delete(lane);
    receiverAnswers(state);
  } else failed(state, lane, outcome);
  return outcome;
};

const tellTrouble = (state: DeliveryState, { why, events }: { readonly why: string; readonly events: number }): void => {
  const nowMs = state.monotonicMs();
  if (nowMs - state.lastTroubleMs < troubleEveryMs) return;
  state.lastTroubleMs = nowMs;
  state.hooks.troubled({ why, events, failures: Math.max(...[...state.lanes.values()].map(({ failures }) => failures)) });
};

/** The first events of the lanes that are due; the fewest failures first, so that an event that the receiver breaks on holds nobody else up. */
const dueEvents = async (state: DeliveryState): Promise<readonly QueuedEvent[]> => {
  const failuresOf = ({ lane }: QueuedEvent): number => state.lanes.get(lane)?.failures ?? 0;
  return (await state.outbox.heads()).filter((event) => isDue(state, event)).sort((left, right) => failuresOf(left) - failuresOf(right));
};

/** What a round of tries came to; `why` is null while nothing was in the way. */
interface Round {
  readonly delivered: number;
  readonly why: string | null;
}

/** One round: the first event of every lane that is due. A receiver that fails ends the round, since the others would wait for the same. */
const sendRound = async (state: DeliveryState): Promise<Round> => {
  let round: Round = { delivered: 0, why: null };
  for (const event of await dueEvents(state)) {
    if (state.isStopped) break;
    const outcome = await sendOne(state, event);
    if (outcome === null) continue;
    round = outcome.result === 'delivered' ? { ...round, delivered: round.delivered + 1 } : { ...round, why: outcome.why };
    state.isGone = outcome.result === 'gone';
    if (outcome.result === 'failed' || outcome.result === 'gone') break;
  }
  return round;
};

const lookOnce = async (state: DeliveryState): Promise<void> => {
  let round: Round = { delivered: 0, why: null };
  do {
    if (state.isGone || state.isStopped) break;
    round = await sendRound(state);
  } while (round.delivered > 0 && round.why === null);
  if (state.isGone && round.why !== null) state.hooks.gone();
  const backlog = await state.outbox.backlog();
  state.hooks.backlog(backlog);
  if (round.why !== null) tellTrouble(state, { why: round.why, events: backlog.events });
};

/** Makes the delivery. It reads no clock and draws no number but what it is given. */
export const createDelivery = (deps: DeliveryDeps): Delivery => {
  const state: DeliveryState = { ...deps, lanes: new Map(), receiverNotBeforeMs: 0, lastTroubleMs: Number.NEGATIVE_INFINITY, isGone: false, isStopped: false };
  let underWay: Promise<void> | null = null;
  return {
    look: () => {
      underWay ??= lookOnce(state)
        .catch(deps.hooks.fault)
        .finally(() => {
          underWay = null;
        });
      return underWay;
    },
    stop: () => {
      state.isStopped = true;
      return underWay ?? Promise.resolve();
    },
  };
};
