import type { RequestSpan } from '../telemetry/request-span.ts';

/** What surrounds a request. */
export interface InferContext {
  /** The first value of a header, by lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The key that the request itself names, where its header or field does not. */
  readonly routingKey: string | null;
  /** Arrival on the monotonic clock, milliseconds. */
  readonly arrivedMs: number;
  /** What the caller allows from arrival on, milliseconds; null for the bundle's own deadline. */
  readonly timeoutMs: number | null;
  readonly span: RequestSpan;
  /** For the log. */
  readonly requestId: string;
}
