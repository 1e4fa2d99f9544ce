import type { SpanContext } from './trace-context.ts';

/** Why a request was assigned to its arm, in the words of OpenTelemetry's feature flag conventions. */
export type AssignmentReason = 'split' | 'targeting_match' | 'static' | 'default' | 'disabled' | 'stale' | 'error';

/** An HTTP request as it arrives. */
export interface RequestStart {
  readonly method: string;
  /** The path's template, which has few values: it names the span. */
  readonly route: string;
  readonly path: string;
  readonly scheme: 'http' | 'https';
  readonly traceparent: string | undefined;
  readonly tracestate: string | undefined;
  /** Arrival on the monotonic clock, milliseconds. */
  readonly startMs: number;
}

/** What became known of a request on its way. Build it only for a sampled span; every part is optional and may come in its own call. */
export interface RequestFacts {
  readonly model?: string;
  /** The version that answers. */
  readonly version?: string;
  readonly arm?: 'baseline' | 'candidate' | null;
  readonly reason?: AssignmentReason;
  readonly epoch?: number;
  readonly rollout?: string;
  /** Hash of the routing key, never the key. */
  readonly routingKeyHash?: string;
  readonly rows?: number;
  readonly rescued?: boolean;
  readonly predictionId?: string;
  /** Milliseconds spent in each stage. */
  readonly stagesMs?: { readonly validate?: number; readonly route?: number; readonly queue?: number; readonly compute?: number; readonly guard?: number };
}

/** A call that a request causes: `client` to another server, `internal` to a process of our own. */
export interface ChildStart {
  readonly name: string;
  readonly kind: 'client' | 'internal';
  /** Monotonic milliseconds. */
  readonly startMs: number;
}

export interface ChildEnd {
  /** Monotonic milliseconds. */
  readonly endMs: number;
  readonly attributes?: Readonly<Record<string, string | number | boolean>>;
  /** Short word for the fault, from few values; marks the span as failed. */
  readonly errorType?: string;
}

/** A running call. */
export interface ChildSpan {
  /** Header for the called server, so that its spans continue this one. */
  readonly traceparent: string;
  readonly end: (end: ChildEnd) => void;
}

export interface RequestEnd {
  /** Status code of the response; from 500 on the span is failed. */
  readonly status: number;
  /** Problem type of a response from 500 on; the status code stands in for it. */
  readonly errorType?: string;
  /** Monotonic milliseconds. */
  readonly endMs: number;
}

/** The server span of one request. Without sampling only its ids exist and every method does nothing. */
export interface RequestSpan extends SpanContext {
  /** Whether it is recorded: build facts and attributes only then. */
  readonly sampled: boolean;
  /** For the response, and for calls that have no span of their own. */
  readonly traceparent: string;
  /** The caller's vendor state, to be passed on beside `traceparent`. */
  readonly tracestate: string | undefined;
  readonly set: (facts: RequestFacts) => void;
  readonly child: (start: ChildStart) => ChildSpan;
  /** Points at a span of another trace that worked for this request. */
  readonly link: (context: SpanContext) => void;
  /** Once, as the last call. */
  readonly end: (end: RequestEnd) => void;
}

/** One run of a model for the rows of one or more requests. */
export interface BatchRun {
  readonly model: string;
  readonly version: string;
  readonly placement: 'inline' | 'worker' | 'remote';
  readonly rows: number;
  readonly startMs: number;
  readonly endMs: number;
  /** The spans of the requests in it, none of them ended yet. */
  readonly requests: readonly RequestSpan[];
  readonly errorType?: string;
}

/** Gives every request its trace, and sends the sampled ones away. */
export interface Tracing {
  readonly startRequest: (start: RequestStart) => RequestSpan;
  /** Records the run as a trace of its own, linked both ways with the sampled requests in it; nothing if there is none. */
  readonly batchRun: (run: BatchRun) => void;
  /** Sends what is waiting, for at most so long; spans that were not sent by then are lost. */
  readonly shutdown: (limitMs: number) => Promise<void>;
}

const ignore = (): void => {};

/** The span of a request that is not recorded: ids only. */
export const createUnrecordedSpan = (ids: SpanContext & { readonly traceparent: string; readonly tracestate: string | undefined }): RequestSpan => {
  const { traceId, spanId, traceparent, tracestate } = ids;
  return { traceId, spanId, sampled: false, traceparent, tracestate, set: ignore, child: () => ({ traceparent, end: ignore }), link: ignore, end: ignore };
};
