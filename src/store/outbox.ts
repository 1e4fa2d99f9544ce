import type { DecisionEntry } from '../ledger/ledger-entry.ts';

/** A CloudEvent as JSON, exactly as it is sent. */
export type EventText = string;

/** An event that waits, without its content. */
export interface QueuedEvent {
  /** Grows with every event that is queued. */
  readonly position: number;
  /** Events of one lane are delivered in their order. */
  readonly lane: string;
}

/** What an event says: a decision by its entry of the ledger, or a notice that was queued as a whole. */
export type QueuedContent = { readonly kind: 'decision'; readonly entry: DecisionEntry } | { readonly kind: 'notice'; readonly event: EventText };

/** A signal of a version that holds. */
export interface KeptHold {
  readonly model: string;
  readonly version: string;
  readonly signal: string;
  /** Wall time of its beginning, milliseconds since the epoch. */
  readonly sinceMs: number;
  /** Id of the page that is open for it; null when there is none. */
  readonly page: string | null;
}

/** A notice that goes out with a change; it is queued only while there is a webhook. */
export interface Notice {
  readonly lane: string;
  readonly event: EventText;
  /** Wall time, milliseconds since the epoch. */
  readonly atMs: number;
}

/**
 * What waits to be sent to the webhook. Decisions are queued by `RolloutStore.save` itself, in its transaction. Every method
 * rejects with a plain Error when the store cannot be reached; nothing is then changed.
 */
export interface Outbox {
  /** From now on decisions and notices are queued, or are not. What is queued already stays. Durable, idempotent. */
  readonly setWebhook: (isOn: boolean) => Promise<void>;
  /** The first event of every lane, oldest first. Idempotent. */
  readonly heads: () => Promise<readonly QueuedEvent[]>;
  /** The content of an event; null when it is not queued any more. Idempotent. */
  readonly read: (position: number) => Promise<QueuedContent | null>;
  /** Takes out an event that was delivered. Durable when it resolves, idempotent. */
  readonly remove: (position: number) => Promise<void>;
  /** How many events wait, and since when the first of them does (wall time, milliseconds); null when none waits. Idempotent. */
  readonly backlog: () => Promise<{ readonly events: number; readonly oldestMs: number | null }>;
  /** The signals that held when it was asked last. Idempotent. */
  readonly holds: () => Promise<readonly KeptHold[]>;
  /** Keeps or replaces a hold and queues its notice, in one transaction. */
  readonly keepHold: (hold: KeptHold, notice: Notice | null) => Promise<void>;
  /** Forgets a hold and queues its notice, in one transaction. A hold that is not kept is forgotten already: nothing is queued then. */
  readonly dropHold: (hold: Pick<KeptHold, 'model' | 'version' | 'signal'>, notice: Notice | null) => Promise<void>;
}
