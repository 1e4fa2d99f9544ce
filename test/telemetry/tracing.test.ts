import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLog } from '../../src/telemetry/log.ts';
import type { RequestSpan, RequestStart } from '../../src/telemetry/request-span.ts';
import { createTracing } from '../../src/telemetry/tracing.ts';
import { type OtlpReceiver, startOtlpReceiver } from '../support/otlp-receiver.ts';

const callerTraceId = '4bf92f3577b34da6a3ce929d0e0e4736';
const callerSpanId = '00f067aa0ba902b7';
/** 2026-01-01T00:00:00Z at monotonic time 0. */
const clock = { wallMs: () => 1_767_225_600_000, monotonicMs: () => 0 };
const start: RequestStart = { method: 'POST', route: '/infer', path: '/infer', scheme: 'http', traceparent: undefined, tracestate: undefined, startMs: 10 };
const fromCaller = (flags: '00' | '01'): RequestStart => ({ ...start, traceparent: `00-${callerTraceId}-${callerSpanId}-${flags}`, tracestate: 'rojo=1' });
const end = (span: RequestSpan): void => span.end({ status: 200, endMs: 12.5 });

let receiver: OtlpReceiver;
const logged: string[] = [];
const dropped: number[] = [];

const makeTracing = (environment: Record<string, string> = {}) => {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  const log = createLog({ level: 'debug', destination: { write: (line) => logged.push(line) } });
  return createTracing({ environment: process.env, version: '0.1.0', clock, randomBytes, log, onDropped: (count) => dropped.push(count) });
};
const toReceiver = (more: Record<string, string> = {}) => makeTracing({ OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, ...more });

beforeEach(async () => {
  logged.length = 0;
  dropped.length = 0;
  receiver = await startOtlpReceiver();
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await receiver.close();
});

describe('without an endpoint', () => {
  it.each([
    ['no endpoint is set', {}],
    ['the endpoint is empty', { OTEL_EXPORTER_OTLP_ENDPOINT: '' }],
    ['the SDK is disabled', { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9', OTEL_SDK_DISABLED: 'True' }],
    ['no exporter is wanted', { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: 'http://127.0.0.1:9', OTEL_TRACES_EXPORTER: 'none' }],
  ])('gives every request ids of its own when %s', async (_, environment) => {
    const tracing = await makeTracing(environment);
    const [one, two] = [tracing.startRequest(start), tracing.startRequest(start)];
    expect(one.sampled).toBe(false);
    expect(one.traceparent).toBe(`00-${one.traceId}-${one.spanId}-00`);
    expect(one.traceId).not.toBe(two.traceId);
  });

  it("passes the caller's context on unchanged, to the response and to calls", async () => {
    const tracing = await makeTracing();
    const span = tracing.startRequest(fromCaller('01'));
    expect(span).toMatchObject({ traceId: callerTraceId, sampled: false, traceparent: fromCaller('01').traceparent, tracestate: 'rojo=1' });
    expect(span.child({ name: 'call', kind: 'client', startMs: 1 }).traceparent).toBe(span.traceparent);
  });
});

describe('with an endpoint', () => {
  it('sends the server span with the request, the assignment as a feature flag and the stages', async () => {
    const tracing = await toReceiver();
    const span = tracing.startRequest(start);
    span.set({
      model: 'card-fraud',
      version: '2.0.0',
      arm: 'candidate',
      reason: 'split',
      epoch: 7,
      rollout: '01J',
      routingKeyHash: 'ab12',
      rows: 3,
      rescued: false,
    });
    span.set({ predictionId: 'p1', stagesMs: { validate: 0.02, route: 0.01, queue: 0.5, compute: 1.5, guard: 0 } });
    span.end({ status: 200, endMs: 12.5 });
    await tracing.shutdown(5000);
    expect(receiver.spans()).toMatchObject([
      {
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: '',
        tracestate: '',
        name: 'POST /infer',
        kind: 'server',
        status: 'unset',
        startNs: 1_767_225_600_010_000_000n,
        endNs: 1_767_225_600_012_500_000n,
        links: [],
      },
    ]);
    expect(receiver.spans()[0]?.attributes).toEqual({
      'http.request.method': 'POST',
      'url.path': '/infer',
      'url.scheme': 'http',
      'http.route': '/infer',
      'http.response.status_code': 200,
      'feature_flag.key': 'card-fraud',
      'feature_flag.provider.name': 'handoff',
      'feature_flag.result.variant': 'candidate',
      'feature_flag.result.reason': 'split',
      'feature_flag.version': '7',
      'feature_flag.set.id': '01J',
      'feature_flag.context.id': 'ab12',
      'handoff.model.name': 'card-fraud',
      'handoff.model.version': '2.0.0',
      'handoff.batch.rows': 3,
      'handoff.rescued': false,
      'handoff.prediction_id': 'p1',
      'handoff.stage.validate_ms': 0.02,
      'handoff.stage.route_ms': 0.01,
      'handoff.stage.queue_ms': 0.5,
      'handoff.stage.compute_ms': 1.5,
      'handoff.stage.guard_ms': 0,
    });
  });

  it("continues the caller's trace and hands its own span on", async () => {
    const tracing = await toReceiver();
    const span = tracing.startRequest(fromCaller('01'));
    expect(span.traceparent).toBe(`00-${callerTraceId}-${span.spanId}-01`);
    expect(span.tracestate).toBe('rojo=1');
    end(span);
    await tracing.shutdown(5000);
    expect(receiver.spans()).toMatchObject([{ traceId: callerTraceId, parentSpanId: callerSpanId, spanId: span.spanId, tracestate: 'rojo=1' }]);
  });

  it('starts a new trace when the caller sends an invalid context', async () => {
    const tracing = await toReceiver();
    end(tracing.startRequest({ ...fromCaller('01'), traceparent: `00-${callerTraceId.toUpperCase()}-${callerSpanId}-01` }));
    await tracing.shutdown(5000);
    expect(receiver.spans()).toMatchObject([{ parentSpanId: '', tracestate: '', traceId: expect.not.stringMatching(/^4bf9/i) }]);
  });

  it('sends calls as children of the request, with their own context for the called server', async () => {
    const tracing = await toReceiver();
    const span = tracing.startRequest(start);
    const remote = span.child({ name: 'infer remote', kind: 'client', startMs: 11 });
    const worker = span.child({ name: 'infer worker', kind: 'internal', startMs: 11 });
    remote.end({ endMs: 12, attributes: { 'server.address': 'triton' } });
    worker.end({ endMs: 12, errorType: 'timeout' });
    end(span);
    await tracing.shutdown(5000);
    const [client, internal] = receiver.spans();
    expect(client).toMatchObject({
      traceId: span.traceId,
      parentSpanId: span.spanId,
      name: 'infer remote',
      kind: 'client',
      status: 'unset',
      attributes: { 'server.address': 'triton' },
    });
    expect(internal).toMatchObject({
      traceId: span.traceId,
      parentSpanId: span.spanId,
      kind: 'internal',
      status: 'error',
      attributes: { 'error.type': 'timeout' },
    });
    expect(remote.traceparent).toBe(`00-${span.traceId}-${client?.spanId}-01`);
  });

  it('links a batch run and the sampled requests in it both ways', async () => {
    const tracing = await toReceiver({ OTEL_TRACES_SAMPLER: 'parentbased_always_off' });
    const requests = [tracing.startRequest(fromCaller('01')), tracing.startRequest(fromCaller('01')), tracing.startRequest(start)];
    tracing.batchRun({ model: 'card-fraud', version: '1.4.0', placement: 'inline', rows: 5, startMs: 11, endMs: 12, requests });
    for (const request of requests) end(request);
    await tracing.shutdown(5000);
    const [run, ...servers] = receiver.spans();
    expect(run).toMatchObject({
      name: 'run card-fraud',
      kind: 'internal',
      parentSpanId: '',
      links: requests.slice(0, 2).map(({ traceId, spanId }) => ({ traceId, spanId })),
      attributes: { 'handoff.model.version': '1.4.0', 'handoff.placement': 'inline', 'handoff.batch.rows': 5, 'handoff.batch.requests': 3 },
    });
    expect(servers.map((span) => span.links)).toEqual([[{ traceId: run?.traceId, spanId: run?.spanId }], [{ traceId: run?.traceId, spanId: run?.spanId }]]);
  });

  it('records no run without a sampled request', async () => {
    const tracing = await toReceiver({ OTEL_TRACES_SAMPLER: 'always_off' });
    tracing.batchRun({ model: 'a', version: '1.0.0', placement: 'worker', rows: 1, startMs: 1, endMs: 2, requests: [tracing.startRequest(start)] });
    await tracing.shutdown(5000);
    expect(receiver.spans()).toEqual([]);
  });

  it.each([
    { status: 200, expected: { status: 'unset', errorType: undefined } },
    { status: 400, problem: 'contract-violation', expected: { status: 'unset', errorType: undefined } },
    { status: 500, problem: 'inference-failed', expected: { status: 'error', errorType: 'inference-failed' } },
    { status: 503, expected: { status: 'error', errorType: '503' } },
  ])('marks the span of a $status response as $expected.status', async ({ status, problem, expected }) => {
    const tracing = await toReceiver();
    tracing.startRequest(start).end({ status, endMs: 12, ...(problem === undefined ? {} : { errorType: problem }) });
    await tracing.shutdown(5000);
    expect(receiver.spans().map((span) => ({ status: span.status, errorType: span.attributes['error.type'] }))).toEqual([expected]);
  });

  it.each([
    ['nothing', {}, { own: true, callerOff: false, callerOn: true }],
    [
      'parentbased_traceidratio 0',
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' },
      { own: false, callerOff: false, callerOn: true },
    ],
    [
      'parentbased_traceidratio 1',
      { OTEL_TRACES_SAMPLER: 'parentbased_traceidratio', OTEL_TRACES_SAMPLER_ARG: '1' },
      { own: true, callerOff: false, callerOn: true },
    ],
    ['traceidratio 0', { OTEL_TRACES_SAMPLER: 'traceidratio', OTEL_TRACES_SAMPLER_ARG: '0' }, { own: false, callerOff: false, callerOn: false }],
    ['always_on', { OTEL_TRACES_SAMPLER: 'always_on' }, { own: true, callerOff: true, callerOn: true }],
    ['an unknown sampler', { OTEL_TRACES_SAMPLER: 'jaeger_remote' }, { own: true, callerOff: false, callerOn: true }],
  ])('samples as OTEL_TRACES_SAMPLER says: %s', async (_, environment, expected) => {
    const tracing = await toReceiver(environment);
    const spans = { own: tracing.startRequest(start), callerOff: tracing.startRequest(fromCaller('00')), callerOn: tracing.startRequest(fromCaller('01')) };
    expect(Object.fromEntries(Object.entries(spans).map(([name, span]) => [name, span.sampled]))).toEqual(expected);
    expect(Object.values(spans).map((span) => span.traceparent.endsWith('-01'))).toEqual(Object.values(expected));
    for (const span of Object.values(spans)) end(span);
    await tracing.shutdown(5000);
    expect(receiver.spans()).toHaveLength(Object.values(expected).filter(Boolean).length);
  });

  it('reports a sampler that it does not know', async () => {
    const tracing = await toReceiver({ OTEL_TRACES_SAMPLER: 'jaeger_remote', OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' });
    await tracing.shutdown(5000);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', got: 'grpc' },
      { level: 'warn', got: 'jaeger_remote' },
    ]);
  });

  it('names the service handoff unless the environment does', async () => {
    const first = await toReceiver();
    end(first.startRequest(start));
    await first.shutdown(5000);
    const second = await toReceiver({ OTEL_SERVICE_NAME: 'scoring', OTEL_RESOURCE_ATTRIBUTES: 'service.name=other,deployment.environment.name=test' });
    end(second.startRequest(start));
    await second.shutdown(5000);
    expect(receiver.spans().map((span) => span.resource)).toMatchObject([
      { 'service.name': 'handoff', 'service.version': '0.1.0', 'telemetry.sdk.language': 'nodejs' },
      { 'service.name': 'scoring', 'deployment.environment.name': 'test' },
    ]);
  });

  it('sends compressed protobuf when asked to', async () => {
    const tracing = await toReceiver({ OTEL_EXPORTER_OTLP_COMPRESSION: 'gzip' });
    end(tracing.startRequest(start));
    await tracing.shutdown(5000);
    expect(receiver.exports()).toEqual([{ contentType: 'application/x-protobuf', encoding: 'gzip' }]);
    expect(receiver.spans()).toHaveLength(1);
  });

  it('sends by itself once a batch is full', async () => {
    const tracing = await toReceiver({ OTEL_BSP_MAX_EXPORT_BATCH_SIZE: '2' });
    for (let index = 0; index < 2; index += 1) end(tracing.startRequest(start));
    expect(await receiver.waitFor((spans) => spans.length === 2)).toHaveLength(2);
    await tracing.shutdown(5000);
  });

  it('counts the spans that find the queue full', async () => {
    const tracing = await toReceiver({ OTEL_BSP_MAX_QUEUE_SIZE: '3' });
    for (let index = 0; index < 8; index += 1) end(tracing.startRequest(start));
    await tracing.shutdown(5000);
    expect(dropped.reduce((sum, count) => sum + count, 0) + receiver.spans().length).toBe(8);
    expect(dropped.length).toBeGreaterThan(0);
  });

  it.each([
    ['OTEL_BSP_MAX_EXPORT_BATCH_SIZE', '0'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', '0'],
    ['OTEL_BSP_MAX_QUEUE_SIZE', 'many'],
    ['OTEL_BSP_SCHEDULE_DELAY', '-1'],
  ])('says that %s=%s cannot be, and sends with the default', async (name, value) => {
    const tracing = await toReceiver({ [name]: value });
    end(tracing.startRequest(start));
    await tracing.shutdown(5000);
    expect(receiver.spans()).toHaveLength(1);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([{ level: 'warn', got: value, msg: expect.stringContaining(name) }]);
  });

  it('counts the spans that the collector refuses, and says so', async () => {
    const refusing = await startOtlpReceiver({ refuse: true });
    const tracing = await toReceiver({ OTEL_EXPORTER_OTLP_ENDPOINT: refusing.endpoint });
    for (let index = 0; index < 3; index += 1) end(tracing.startRequest(start));
    await tracing.shutdown(5000);
    await refusing.close();
    expect(dropped).toEqual([3]);
    expect(logged.some((line) => JSON.parse(line).level === 'warn')).toBe(true);
  });

  it('ends within the limit when the collector does not answer', async () => {
    const tracing = await toReceiver({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    end(tracing.startRequest(start));
    const begun = performance.now();
    await tracing.shutdown(50);
    expect(performance.now() - begun).toBeLessThan(1000);
  });

  it('says so when the limit passes before the last spans are delivered', async () => {
    const tracing = await toReceiver({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:1' });
    end(tracing.startRequest(start));
    await tracing.shutdown(50);
    expect(logged.map((line) => JSON.parse(line))).toMatchObject([
      { level: 'warn', msg: 'the last spans were not delivered', err: { message: 'not after 50 ms' } },
    ]);
  });
});
