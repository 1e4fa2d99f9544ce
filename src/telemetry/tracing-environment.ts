import { ROOT_CONTEXT, SamplingDecision } from '@opentelemetry/api';
import { TraceIdRatioBasedSampler } from '@opentelemetry/sdk-trace';
import type { Log } from './log.ts';
import type { RemoteContext } from './trace-context.ts';

/** Environment variables by name. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Whether the request of this trace is recorded; `remote` is the caller's context. */
export type Sample = (traceId: string, remote: RemoteContext | null) => boolean;

/**
 * What `OTEL_TRACES_SAMPLER` and `OTEL_TRACES_SAMPLER_ARG` say; by default every request whose caller has not decided otherwise.
 * A value that means nothing is reported and replaced by its default. The caller's decision is looked up here rather than by the SDK's
 * parent-based sampler, which needs a context object for each request.
 * @see https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/#general-sdk-configuration
 */
export const sampleFrom = (environment: Environment, log: Log): Sample => {
  const name = environment.OTEL_TRACES_SAMPLER?.trim() || 'parentbased_always_on';
  const known = rootSample(name.replace(/^parentbased_/, ''), environment, log);
  if (known === null) log.warn({ got: name }, 'OTEL_TRACES_SAMPLER is not known; using parentbased_always_on');
  const root = known ?? (() => true);
  if (known !== null && !name.startsWith('parentbased_')) return root;
  return (traceId, remote) => (remote === null ? root(traceId) : remote.sampled);
};

const rootSample = (name: string, environment: Environment, log: Log): ((traceId: string) => boolean) | null => {
  if (name === 'always_on') return () => true;
  if (name === 'always_off') return () => false;
  if (name !== 'traceidratio') return null;
  const sampler = new TraceIdRatioBasedSampler(ratioFrom(environment.OTEL_TRACES_SAMPLER_ARG, log));
  return (traceId) => sampler.shouldSample(ROOT_CONTEXT, traceId).decision === SamplingDecision.RECORD_AND_SAMPLED;
};

const ratioFrom = (text: string | undefined, log: Log): number => {
  const ratio = text === undefined || text.trim() === '' ? 1 : Number(text);
  if (ratio >= 0 && ratio <= 1) return ratio;
  log.warn({ got: text }, 'OTEL_TRACES_SAMPLER_ARG is not a number from 0 to 1; using 1');
  return 1;
};

/** The limits of the batch processor, with the least that each can be: with a queue or a batch of none the processor would empty its queue for ever. */
const batchLimits = {
  maxQueueSize: { variable: 'OTEL_BSP_MAX_QUEUE_SIZE', least: 1 },
  scheduledDelayMillis: { variable: 'OTEL_BSP_SCHEDULE_DELAY', least: 0 },
  exportTimeoutMillis: { variable: 'OTEL_BSP_EXPORT_TIMEOUT', least: 0 },
  maxExportBatchSize: { variable: 'OTEL_BSP_MAX_EXPORT_BATCH_SIZE', least: 1 },
} as const;

/**
 * Limits of the batch processor that the environment sets; the SDK's defaults stand for the others: 2048 spans queued, 512 sent at a time,
 * every 5 s. A value that means nothing is reported and replaced by its default.
 */
export const batchLimitsFrom = (environment: Environment, log: Log): Readonly<Record<string, number>> =>
  Object.fromEntries(
    Object.entries(batchLimits).flatMap(([name, { variable, least }]) => {
      const text = environment[variable]?.trim() ?? '';
      if (text === '') return [];
      const value = Number(text);
      if (Number.isInteger(value) && value >= least) return [[name, value]];
      log.warn({ got: text }, `${variable} is not a whole number of at least ${least}; using the default`);
      return [];
    }),
  );

/** Says so when the environment asks for a way of sending that is not there. */
export const warnOfUnsupported = (environment: Environment, log: Log): void => {
  const protocol = environment.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL?.trim() || environment.OTEL_EXPORTER_OTLP_PROTOCOL?.trim();
  if (protocol && protocol !== 'http/protobuf') log.warn({ got: protocol }, 'the OTLP protocol is not supported; using http/protobuf');
  const exporter = environment.OTEL_TRACES_EXPORTER?.trim();
  if (exporter && exporter !== 'otlp') log.warn({ got: exporter }, 'OTEL_TRACES_EXPORTER is not supported; using otlp');
};
