import { createUnrecordedSpan, type Tracing } from './request-span.ts';
import { createTraceIds, formatTraceparent, parseTraceContext, type TraceIds } from './trace-context.ts';
import type { TracingDeps } from './tracing-export.ts';

/**
 * With an OTLP endpoint in the environment, sampled requests are recorded and exported; without one, or with `OTEL_SDK_DISABLED=true` or
 * `OTEL_TRACES_EXPORTER=none`, requests still get trace ids and no OpenTelemetry code is loaded.
 */
export const createTracing = async (deps: TracingDeps): Promise<Tracing> => {
  const ids = createTraceIds(deps.randomBytes);
  if (!isExporting(deps.environment)) return createIdsOnly(ids);
  const { createExportingTracing } = await import('./tracing-export.ts');
  return createExportingTracing(deps, ids);
};

const isExporting = (environment: TracingDeps['environment']): boolean => {
  const endpoint = environment.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT || environment.OTEL_EXPORTER_OTLP_ENDPOINT;
  return Boolean(endpoint?.trim()) && environment.OTEL_SDK_DISABLED?.trim().toLowerCase() !== 'true' && environment.OTEL_TRACES_EXPORTER?.trim() !== 'none';
};

/** Passes the caller's context on as it is, since a span that nobody exports must not stand between two that are. */
const createIdsOnly = (ids: TraceIds): Tracing => ({
  startRequest: ({ traceparent, tracestate }) => {
    const remote = parseTraceContext(traceparent, tracestate);
    if (remote !== null) return createUnrecordedSpan({ ...remote, traceparent: formatTraceparent(remote, remote.sampled) });
    const own = { traceId: ids.traceId(), spanId: ids.spanId() };
    return createUnrecordedSpan({ traceId: own.traceId, spanId: own.spanId, traceparent: formatTraceparent(own, false), tracestate: undefined });
  },
  batchRun: () => {},
  shutdown: async () => {},
});
