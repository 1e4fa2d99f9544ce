import {
  createNoopMeter,
  createTraceState,
  DiagLogLevel,
  diag,
  type HrTime,
  type Link,
  type MeterProvider,
  type SpanContext as OtelSpanContext,
  SpanKind,
  type SpanStatus,
  SpanStatusCode,
  TraceFlags,
} from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  type Resource,
  resourceAttributesEnvDetector,
  resourceFromAttributes,
  serviceInstanceIdDetector,
  serviceNameEnvDetector,
} from '@opentelemetry/resources';
import { BatchSpanProcessor, type ReadableSpan } from '@opentelemetry/sdk-trace';
import type { Clock } from '../clock.ts';
import { within } from '../within.ts';
import type { Log } from './log.ts';
import { type BatchRun, createUnrecordedSpan, type RequestSpan, type RequestStart, type Tracing } from './request-span.ts';
import { addFacts, batchAttributes, type SpanAttributes } from './span-attributes.ts';
import { formatTraceparent, parseTraceContext, type RemoteContext, type SpanContext, type TraceIds } from './trace-context.ts';
import { batchLimitsFrom, type Environment, sampleFrom, warnOfUnsupported } from './tracing-environment.ts';

/*
 * Spans are written down by this file and handed to the SDK's batch processor when they end, not made by the SDK's tracer: the tracer checks
 * and copies attributes twice and reads the clock by itself, and it makes a span object also for a request that is not sampled.
 * The SDK's ratio sampler, resource, batch processor and exporter are used as they are.
 */

export interface TracingDeps {
  /** The process's environment; OpenTelemetry's own variables keep their meaning and defaults. */
  readonly environment: Environment;
  /** Version of the gateway, for the resource. */
  readonly version: string;
  readonly clock: Clock;
  /** Cryptographically strong random bytes. */
  readonly randomBytes: (count: number) => Uint8Array;
  readonly log: Log;
  /** Called with the number of recorded spans that were not delivered: the queue was full or the export failed. */
  readonly onDropped: (count: number) => void;
}

/** Records the requests that the sampler of the environment takes, and exports them by OTLP over HTTP. */
export const createExportingTracing = (deps: TracingDeps, ids: TraceIds): Tracing => {
  const { environment, log } = deps;
  warnThrough(log);
  warnOfUnsupported(environment, log);
  const resource = describeService(deps.version);
  const processor = new BatchSpanProcessor({
    exporter: new OTLPTraceExporter(),
    selfObsMeterProvider: countUndelivered(deps.onDropped),
    ...batchLimitsFrom(environment, log),
  });
  const recording: Recording = { ids, clock: deps.clock, record: (span) => processor.onEnd(toReadable(span, { resource, version: deps.version })) };
  const sample = sampleFrom(environment, log);
  return {
    startRequest: (start) => {
      const remote = parseTraceContext(start.traceparent, start.tracestate);
      const traceId = remote === null ? ids.traceId() : remote.traceId;
      const context = { traceId, spanId: ids.spanId() };
      if (sample(traceId, remote)) return createRecordedSpan(recording, context, { start, remote });
      return createUnrecordedSpan({ ...context, traceparent: formatTraceparent(context, false), tracestate: remote?.tracestate });
    },
    batchRun: (run) => recordBatchRun(recording, run),
    shutdown: (limitMs) =>
      within(processor.shutdown(), limitMs, `not after ${limitMs} ms`).catch((error: unknown) => log.warn({ err: error }, 'the last spans were not delivered')),
  };
};

/** What a span needs to be written down. */
interface Recording {
  readonly ids: TraceIds;
  readonly clock: Clock;
  readonly record: (span: FinishedSpan) => void;
}

interface FinishedSpan {
  readonly name: string;
  readonly kind: SpanKind;
  readonly context: SpanContext;
  readonly parent: OtelSpanContext | undefined;
  readonly tracestate: string | undefined;
  /** Milliseconds since the epoch. */
  readonly startEpochMs: number;
  readonly endEpochMs: number;
  readonly attributes: SpanAttributes;
  readonly links: Link[];
  readonly failed: boolean;
}

const noLinks: Link[] = [];

const sampledContext = ({ traceId, spanId }: SpanContext): OtelSpanContext => ({ traceId, spanId, traceFlags: TraceFlags.SAMPLED });
const remoteContext = ({ traceId, spanId, sampled }: RemoteContext): OtelSpanContext => ({
  traceId,
  spanId,
  traceFlags: sampled ? TraceFlags.SAMPLED : TraceFlags.NONE,
  isRemote: true,
});

const createRecordedSpan = (
  recording: Recording,
  context: SpanContext,
  { start, remote }: { start: RequestStart; remote: RemoteContext | null },
): RequestSpan => {
  const { ids, clock, record } = recording;
  const epochOffsetMs = clock.wallMs() - clock.monotonicMs();
  const tracestate = remote?.tracestate;
  const links: Link[] = [];
  const attributes: SpanAttributes = { 'http.request.method': start.method, 'url.path': start.path, 'url.scheme': start.scheme, 'http.route': start.route };
  return {
    ...context,
    sampled: true,
    traceparent: formatTraceparent(context, true),
    tracestate,
    set: (facts) => addFacts(attributes, facts),
    child: ({ name, kind, startMs }) => {
      const child = { traceId: context.traceId, spanId: ids.spanId() };
      return {
        traceparent: formatTraceparent(child, true),
        end: ({ endMs, attributes: given, errorType }) => {
          const failed = errorType !== undefined;
          record({
            name,
            kind: kind === 'client' ? SpanKind.CLIENT : SpanKind.INTERNAL,
            context: child,
            parent: sampledContext(context),
            tracestate,
            startEpochMs: startMs + epochOffsetMs,
            endEpochMs: endMs + epochOffsetMs,
            attributes: failed ? { ...given, 'error.type': errorType } : { ...given },
            links: noLinks,
            failed,
          });
        },
      };
    },
    link: (other) => {
      links.push({ context: sampledContext(other) });
    },
    end: ({ status, errorType, endMs }) => {
      attributes['http.response.status_code'] = status;
      const failed = status >= 500;
      if (failed) attributes['error.type'] = errorType ?? String(status);
      const name = `${start.method} ${start.route}`;
      const parent = remote === null ? undefined : remoteContext(remote);
      const [startEpochMs, endEpochMs] = [start.startMs + epochOffsetMs, endMs + epochOffsetMs];
      record({ name, kind: SpanKind.SERVER, context, parent, tracestate, startEpochMs, endEpochMs, attributes, links, failed });
    },
  };
};

const recordBatchRun = ({ ids, clock, record }: Recording, run: BatchRun): void => {
  const requests = run.requests.filter((request) => request.sampled);
  if (requests.length === 0) return;
  const epochOffsetMs = clock.wallMs() - clock.monotonicMs();
  const context = { traceId: ids.traceId(), spanId: ids.spanId() };
  for (const request of requests) request.link(context);
  const attributes = batchAttributes(run);
  if (run.errorType !== undefined) attributes['error.type'] = run.errorType;
  record({
    name: `run ${run.model}`,
    kind: SpanKind.INTERNAL,
    context,
    parent: undefined,
    tracestate: undefined,
    startEpochMs: run.startMs + epochOffsetMs,
    endEpochMs: run.endMs + epochOffsetMs,
    attributes,
    links: requests.map((request) => ({ context: sampledContext(request) })),
    failed: run.errorType !== undefined,
  });
};

const unset: SpanStatus = { code: SpanStatusCode.UNSET };
const error: SpanStatus = { code: SpanStatusCode.ERROR };

const toReadable = (span: FinishedSpan, { resource, version }: { resource: Resource; version: string }): ReadableSpan => {
  const context =
    span.tracestate === undefined ? sampledContext(span.context) : { ...sampledContext(span.context), traceState: createTraceState(span.tracestate) };
  return {
    name: span.name,
    kind: span.kind,
    spanContext: () => context,
    ...(span.parent === undefined ? {} : { parentSpanContext: span.parent }),
    startTime: toHrTime(span.startEpochMs),
    endTime: toHrTime(span.endEpochMs),
    duration: toHrTime(span.endEpochMs - span.startEpochMs),
    status: span.failed ? error : unset,
    attributes: span.attributes,
    links: span.links,
    events: [],
    ended: true,
    resource,
    instrumentationScope: { name: 'handoff', version },
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  };
};

/** Seconds and nanoseconds of a time in milliseconds. */
const toHrTime = (ms: number): HrTime => {
  const seconds = Math.floor(ms / 1000);
  return [seconds, Math.floor((ms - seconds * 1000) * 1_000_000)];
};

/** `handoff` unless the environment names the service otherwise. */
const describeService = (version: string): Resource =>
  defaultResource()
    .merge(resourceFromAttributes({ 'service.name': 'handoff', 'service.version': version }))
    .merge(detectResources({ detectors: [serviceInstanceIdDetector, resourceAttributesEnvDetector] }))
    .merge(detectResources({ detectors: [serviceNameEnvDetector] }));

/** The batch processor tells its losses only through a counter of its own metrics: spans processed, with an `error.type` when they were lost. */
const countUndelivered = (onDropped: (count: number) => void): MeterProvider => {
  const meter = createNoopMeter();
  const silent = meter.createCounter('');
  meter.createCounter = (name) => {
    if (name !== 'otel.sdk.processor.span.processed') return silent;
    return { add: (count, attributes) => attributes?.['error.type'] !== undefined && onDropped(count) };
  };
  return { getMeter: () => meter };
};

const warnThrough = (log: Log): void => {
  const warn = (message: string): void => log.warn({ source: 'opentelemetry' }, message);
  const silent = (): void => {};
  diag.setLogger({ error: warn, warn, info: silent, debug: silent, verbose: silent }, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
};
