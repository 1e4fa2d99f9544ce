import { cloudEventType } from './cloud-event.ts';
import { webhookHeaders } from './sign-webhook.ts';

/** How a try ended. `refused` is about this event, `failed` about the receiver, `gone` says that it wants no more. */
export type PostResult =
  | { readonly result: 'delivered' }
  | { readonly result: 'refused' | 'failed' | 'gone' /** In words, without address or content. */; readonly why: string; readonly retryAfterMs: number | null };

/** An event as it is sent. */
export interface PostedEvent {
  readonly id: string;
  readonly body: string;
}

export interface PostDeps {
  readonly url: string;
  /** Null: events are not signed. */
  readonly key: Uint8Array | null;
  readonly wallMs: () => number;
  readonly timeoutMs: number;
  /** Ends the try. */
  readonly stopping: AbortSignal;
}

/** A receiver that asks for more patience is asked again all the same. */
const maxRetryAfterMs = 3_600_000;

const retryAfterOf = (header: string | null, wallMs: () => number): number | null => {
  if (header === null) return null;
  const ms = /^\d+$/.test(header.trim()) ? Number(header) * 1_000 : Date.parse(header) - wallMs();
  return Number.isFinite(ms) ? Math.min(Math.max(0, ms), maxRetryAfterMs) : null;
};

/** The receiver is busy or broken and may recover; any other 4xx is its answer to this event. */
const transient: ReadonlySet<number> = new Set([408, 425, 429]);

const resultOf = (status: number, retryAfterMs: number | null): PostResult => {
  if (status >= 200 && status < 300) return { result: 'delivered' };
  const why = `the receiver answered ${status}`;
  if (status === 410) return { result: 'gone', why, retryAfterMs };
  if (status >= 300 && status < 400) return { result: 'failed', why: `${why}, a redirect, which is not followed`, retryAfterMs };
  return { result: status >= 400 && status < 500 && !transient.has(status) ? 'refused' : 'failed', why, retryAfterMs };
};

/** The code alone: the text of a network error names the address. */
const faultOf = (error: unknown): string => {
  if (error instanceof Error && error.name === 'TimeoutError') return 'the receiver did not answer in time';
  const cause = error instanceof Error ? error.cause : undefined;
  const code = cause instanceof Error ? Reflect.get(cause, 'code') : undefined;
  return `the receiver cannot be reached (${typeof code === 'string' ? code : 'unknown'})`;
};

/** Sends an event once. Redirects are not followed, and nothing of an answer's body is read. Never rejects. */
export const postEvent = async ({ id, body }: PostedEvent, { url, key, wallMs, timeoutMs, stopping }: PostDeps): Promise<PostResult> => {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': cloudEventType, ...webhookHeaders({ id, timestamp: Math.floor(wallMs() / 1_000), body }, key) },
      body,
      redirect: 'manual',
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), stopping]),
    });
    await response.body?.cancel();
    return resultOf(response.status, retryAfterOf(response.headers.get('retry-after'), wallMs));
  } catch (error) {
    return { result: 'failed', why: faultOf(error), retryAfterMs: null };
  }
};
