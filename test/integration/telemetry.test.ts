/** What a real gateway tells about itself: spans as a collector receives them, metrics as they are scraped, log lines, and nothing to anybody else. */
import { readdir, readFile, readlink } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { deliver, goldenRows, makeTeamFolders, plan, type TeamFolders } from '../support/bundles.ts';
import { type Answer, type GatewayProcess, startGateway } from '../support/gateway.ts';
import { type MetricFamily, parseMetrics } from '../support/metric-lines.ts';
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from '../support/otlp-receiver.ts';

type Row = Record<string, unknown>;

const throwing = 'card-fraud-throws';
/** The graph that throws does so from this amount on. */
const breakingAmount = 5_000;
const callerSpanId = '00f067aa0ba902b7';
const soon = { OTEL_BSP_SCHEDULE_DELAY: '50' };

let folders: TeamFolders;
let receiver: OtlpReceiver;
let gateway: GatewayProcess;
let transaction: Row;
let photo: Row;
let traces = 0;

/** A trace of a caller that nobody else has. */
const newTrace = (flags: '00' | '01' = '01') => {
  traces += 1;
  const traceId = traces.toString(16).padStart(32, 'a');
  return { traceId, traceparent: `00-${traceId}-${callerSpanId}-${flags}` };
};

const isServer = (span: ReceivedSpan): boolean => span.kind === 'server';
/** The spans of a trace, once its server span is there: its children end before it. */
const spansOf = async (traceId: string): Promise<{ readonly server: ReceivedSpan; readonly others: readonly ReceivedSpan[] }> => {
  const all = (await receiver.waitFor((spans) => spans.some((span) => span.traceId === traceId && isServer(span)))).filter((span) => span.traceId === traceId);
  const server = all.find(isServer);
  if (server === undefined) throw new Error(`the trace ${traceId} has no server span`);
  return { server, others: all.filter((span) => !isServer(span)) };
};
const spanAt = async (link: { readonly traceId: string; readonly spanId: string } | undefined): Promise<ReceivedSpan | undefined> => {
  const isIt = (span: ReceivedSpan): boolean => span.traceId === link?.traceId && span.spanId === link.spanId;
  return (await receiver.waitFor((spans) => spans.some(isIt))).find(isIt);
};

interface Traced {
  readonly answer: Answer;
  readonly server: ReceivedSpan;
  readonly others: readonly ReceivedSpan[];
}

const traced = async (body: Row, headers: Readonly<Record<string, string>> = {}): Promise<Traced> => {
  const { traceId, traceparent } = newTrace();
  const answer = await gateway.infer(body, { traceparent, ...headers });
  return { answer, ...(await spansOf(traceId)) };
};

const setWeight = (model: string, weight: number) => gateway.admin('PUT', `/rollouts/${model}/weight`, { weight, reason: 'a test of telemetry' });
const scrape = async (): Promise<readonly MetricFamily[]> => parseMetrics(await (await fetch(`${gateway.adminUrl}/metrics`)).text());

beforeAll(async () => {
  folders = await makeTeamFolders();
  const patient = { file: 'handoff.yaml', change: (text: string): string => text.replace(/deadlineMs: \d+/, 'deadlineMs: 20000') };
  const [baseline, candidate] = [
    { model: 'card-fraud', version: '1.4.0' },
    { model: 'card-fraud', version: '2.0.0' },
  ];
  await deliver(folders, { from: baseline, edit: patient });
  await deliver(folders, { from: candidate, edit: patient });
  await deliver(folders, { from: baseline, as: { model: throwing, version: '1.4.0' }, edit: patient });
  await deliver(folders, { from: candidate, as: { model: throwing, version: '2.0.0' }, graph: 'test/fixtures/broken-candidates/throws.onnx', edit: patient });
  await deliver(folders, { from: { model: 'photo-classifier', version: '1.0.0' }, edit: patient });
  await plan(folders, { model: 'card-fraud', baseline: '1.4.0', candidate: '2.0.0' });
  await plan(folders, { model: throwing, baseline: '1.4.0', candidate: '2.0.0' });
  [transaction = {}] = await goldenRows('card-fraud', ['1.4.0', '2.0.0'], '01-ordinary-purchase.json');
  [photo = {}] = await goldenRows('photo-classifier', ['1.0.0'], '01-coffee.json');
  receiver = await startOtlpReceiver();
  gateway = await startGateway(folders, { flags: ['--log-level', 'debug'], env: { OTEL_EXPORTER_OTLP_ENDPOINT: receiver.endpoint, ...soon } });
  await setWeight('card-fraud', 50);
  await setWeight(throwing, 100);
});

afterAll(async () => {
  await gateway.end('SIGKILL');
  await receiver.close();
  await folders.remove();
});

describe('the span of a request', () => {
  test.each(['baseline', 'candidate'])('carries the assignment to the %s as a feature flag, and the times of its stages', async (arm) => {
    const { body: state } = await gateway.admin('GET', '/rollouts/card-fraud');
    const keys = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => (await gateway.admin('GET', `/rollouts/card-fraud/explain?key=person-${index}`)).body),
    );
    const key = String(keys.find((explained) => explained.arm === arm)?.key);
    const { answer, server } = await traced({ model: 'card-fraud', inputs: [transaction, transaction] }, { 'x-routing-key': key });
    expect(answer.body).toMatchObject({ arm, rescued: false });
    const time = expect.toSatisfy((ms: unknown) => typeof ms === 'number' && ms >= 0 && ms < 20_000, 'milliseconds') as number;
    expect(server.attributes).toEqual({
      'http.request.method': 'POST',
      'url.path': '/infer',
      'url.scheme': 'http',
      'http.route': '/infer',
      'http.response.status_code': 200,
      'feature_flag.key': 'card-fraud',
      'feature_flag.provider.name': 'handoff',
      'feature_flag.result.variant': arm,
      'feature_flag.result.reason': 'split',
      'feature_flag.version': answer.headers.get('x-handoff-epoch'),
      'feature_flag.set.id': state.rollout,
      'feature_flag.context.id': expect.stringMatching(/^[0-9a-f]{16}$/) as string,
      'handoff.model.name': 'card-fraud',
      'handoff.model.version': answer.body.version,
      'handoff.batch.rows': 2,
      'handoff.rescued': false,
      'handoff.prediction_id': answer.body.prediction_id,
      'handoff.stage.validate_ms': time,
      'handoff.stage.route_ms': time,
      'handoff.stage.queue_ms': time,
      'handoff.stage.compute_ms': time,
      'handoff.stage.guard_ms': time,
    });
    expect(server).toMatchObject({ name: 'POST /infer', status: 'unset', resource: { 'service.name': 'handoff' } });
    expect(server.endNs).toBeGreaterThan(server.startNs);
  });

  test("continues the caller's trace and is handed back", async () => {
    const { answer, server } = await traced({ model: 'card-fraud', inputs: [transaction] }, { tracestate: 'rojo=1' });
    expect(server).toMatchObject({ parentSpanId: callerSpanId, tracestate: 'rojo=1' });
    expect(answer.headers.get('traceparent')).toBe(`00-${server.traceId}-${server.spanId}-01`);
  });

  test('begins a trace of its own without a caller, or with one whose context is none', async () => {
    for (const headers of [{}, { traceparent: '00-00000000000000000000000000000000-00f067aa0ba902b7-01', tracestate: 'rojo=1' }]) {
      const answer = await gateway.infer({ model: 'card-fraud', inputs: [transaction] }, headers);
      const { server } = await spansOf(answer.headers.get('traceparent')?.slice(3, 35) ?? '');
      expect(server).toMatchObject({ parentSpanId: '', tracestate: '' });
    }
  });

  test('says why a request has its arm', async () => {
    const [oldRow = {}] = await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json');
    const pinned = await traced({ model: 'card-fraud', version: '2.0.0', inputs: [transaction] });
    const ineligible = await traced({ model: 'card-fraud', inputs: [oldRow] });
    const alone = await traced({ model: 'photo-classifier', inputs: [photo] });
    const [reason, variant] = ['feature_flag.result.reason', 'feature_flag.result.variant'];
    expect([pinned, ineligible, alone].map(({ server: { attributes } }) => [attributes[reason], attributes[variant]])).toEqual([
      ['static', undefined],
      ['disabled', 'baseline'],
      ['default', 'baseline'],
    ]);
  });

  test('is failed for a fault of the gateway, and not for one of the caller', async () => {
    const bad = await traced({ model: 'card-fraud', inputs: [{}] });
    const late = await traced({ model: 'photo-classifier', inputs: [photo] }, { 'x-request-timeout-ms': '1' });
    expect(
      [bad, late].map(({ answer, server }) => [answer.status, server.status, server.attributes['error.type'], server.attributes['http.response.status_code']]),
    ).toEqual([
      [400, 'unset', undefined, 400],
      [504, 'error', 'deadline-exceeded', 504],
    ]);
    expect([bad, late].map(({ answer, server }) => answer.body.traceId === server.traceId)).toEqual([true, true]);
  });

  test('holds no input and no routing key', async () => {
    const { traceId } = (await traced({ model: 'card-fraud', inputs: [{ ...transaction, amount: 31_415.92 }] }, { 'x-routing-key': 'jane-doe-4711' })).server;
    await traced({ model: 'card-fraud', inputs: [{ ...transaction, amount: 'jane-doe-4711' }] });
    const text = JSON.stringify(receiver.spans(), (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
    expect(text).toContain(traceId);
    expect(text).not.toMatch(/31415\.92|jane-doe/);
  });
});

describe('the spans of runs', () => {
  test('are linked with the requests in them, both ways', async () => {
    const keys = Array.from({ length: 24 }, (_, index) => `batch-${index}`);
    const requests = await Promise.all(keys.map((key) => traced({ model: 'card-fraud', inputs: [transaction] }, { 'x-routing-key': key })));
    for (const { answer, server } of requests) {
      expect(server.links).toHaveLength(1);
      const run = await spanAt(server.links[0]);
      expect(run).toMatchObject({ name: 'run card-fraud', kind: 'internal', parentSpanId: '', status: 'unset' });
      expect(run?.links).toContainEqual({ traceId: server.traceId, spanId: server.spanId });
      expect(run?.attributes).toMatchObject({
        'handoff.model.version': answer.body.version,
        'handoff.batch.requests': run?.links.length,
        'handoff.batch.rows': run?.links.length,
      });
      expect(run?.traceId).not.toBe(server.traceId);
    }
  });

  test('in a worker process are children of the request, those in the gateway are not', async () => {
    const [inGateway, inWorker, image] = await Promise.all([
      traced({ model: 'card-fraud', version: '1.4.0', inputs: [transaction] }),
      traced({ model: 'card-fraud', version: '2.0.0', inputs: [transaction] }),
      traced({ model: 'photo-classifier', inputs: [photo] }),
    ]);
    const { body } = await gateway.admin('GET', '/models/card-fraud/1.4.0');
    expect(body.placement).toBe('inline');
    expect(inGateway.others).toEqual([]);
    for (const { server, others } of [inWorker, image]) {
      expect(others).toMatchObject([{ kind: 'internal', parentSpanId: server.spanId, status: 'unset', name: expect.stringMatching(/^infer /) as string }]);
      const [child] = others;
      expect(Number(child?.startNs)).toBeGreaterThanOrEqual(Number(server.startNs));
      expect(Number(child?.endNs)).toBeLessThanOrEqual(Number(server.endNs));
    }
    const [run] = await Promise.all(inWorker.server.links.map(spanAt));
    expect(run?.attributes['handoff.placement']).toBe('worker');
  });

  test('of a rescue show the failure of the candidate and the answer of the baseline', async () => {
    const { answer, server, others } = await traced({ model: throwing, inputs: [{ ...transaction, amount: breakingAmount }] });
    expect(answer).toMatchObject({ status: 200, body: { arm: 'candidate', version: '1.4.0', rescued: true } });
    expect(server.status).toBe('unset');
    expect(server.attributes).toMatchObject({ 'handoff.rescued': true, 'feature_flag.result.variant': 'candidate', 'handoff.model.version': '1.4.0' });
    expect(others).toMatchObject([{ parentSpanId: server.spanId, status: 'error', attributes: { 'error.type': 'error' } }]);
    const runs = await Promise.all(server.links.map(spanAt));
    expect(runs.map((run) => [run?.attributes['handoff.model.version'], run?.status])).toEqual([
      ['2.0.0', 'error'],
      ['1.4.0', 'unset'],
    ]);
  });
});

describe('the sampler of the environment', () => {
  test.each([
    ['parentbased_always_off', { own: false, callerOff: false, callerOn: true }],
    ['always_off', { own: false, callerOff: false, callerOn: false }],
    ['parentbased_always_on', { own: true, callerOff: false, callerOn: true }],
  ])('%s decides what is sent', async (sampler, expected) => {
    const data = await makeTeamFolders();
    onTestFinished(data.remove);
    const own = await startOtlpReceiver();
    onTestFinished(own.close);
    await deliver(data, { from: { model: 'card-fraud', version: '1.4.0' } });
    const sampled = await startGateway(data, { env: { OTEL_EXPORTER_OTLP_ENDPOINT: own.endpoint, OTEL_TRACES_SAMPLER: sampler } });
    onTestFinished(async () => void (await sampled.end('SIGKILL')));
    const inputs = await goldenRows('card-fraud', ['1.4.0'], '01-ordinary-purchase.json');
    const traceOf = async (headers: Readonly<Record<string, string>>) =>
      (await sampled.infer({ model: 'card-fraud', inputs }, headers)).headers.get('traceparent')?.slice(3, 35);
    const [callerOff, callerOn] = [newTrace('00'), newTrace('01')];
    const traceIds = { own: await traceOf({}), callerOff: await traceOf(callerOff), callerOn: await traceOf(callerOn) };
    expect(traceIds).toMatchObject({ callerOff: callerOff.traceId, callerOn: callerOn.traceId });
    // The end sends what is left.
    expect(await sampled.end('SIGTERM')).toBe(0);
    const sent = new Set(own.spans().map(({ traceId }) => traceId));
    expect(Object.fromEntries(Object.entries(traceIds).map(([name, traceId]) => [name, sent.has(traceId ?? '')]))).toEqual(expected);
  });
});

describe('the metrics', () => {
  const sumOf = async (name: string, labels: Readonly<Record<string, string>>): Promise<number> =>
    (await scrape())
      .flatMap(({ samples }) => samples)
      .filter((sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value))
      .reduce((sum, { value }) => sum + value, 0);

  test('are named by their kind and in base units, each with a help text and no series twice', async () => {
    const families = await scrape();
    const rules: Readonly<Record<string, (family: MetricFamily) => boolean>> = {
      prefix: ({ name }) => /^(gateway|nodejs|process)_[a-z0-9_]+$/.test(name),
      help: ({ help }) => help.length > 5,
      type: ({ type }) => ['counter', 'gauge', 'histogram'].includes(type),
      '_total on counters only': ({ name, type }) => (type === 'counter') === name.endsWith('_total'),
      'base unit and no reserved suffix': ({ name }) => !/_(ms|milliseconds|us|minutes|percent|kb|mb|count|sum|bucket)$/.test(name),
      'durations in seconds': ({ name }) => !name.includes('duration') || name.endsWith('_seconds'),
      // Node's own loop lag is no number until its first sample.
      'finite values': ({ name, samples }) => name.startsWith('nodejs_') || samples.every(({ value }) => Number.isFinite(value)),
    };
    const broken = families.flatMap((family) => Object.entries(rules).flatMap(([rule, holds]) => (holds(family) ? [] : [`${family.name}: ${rule}`])));
    expect(broken).toEqual([]);
    const series = families.flatMap(({ samples }) => samples.map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()])));
    expect(new Set(series).size).toBe(series.length);
    expect(new Set(families.map(({ name }) => name)).size).toBe(families.length);
  });

  test('have no label that a caller can fill', async () => {
    const made = 'made-up-4711';
    await gateway.infer({ model: made, version: made, inputs: [{}] }, { 'x-routing-key': made });
    await gateway.infer({ model: 'card-fraud', version: made, inputs: [{}] });
    await gateway.infer({ model: 'card-fraud', inputs: [{ [made]: 1 }] });
    expect(await (await fetch(`${gateway.adminUrl}/metrics`)).text()).not.toContain(made);
    const labels = new Set(
      (await scrape()).filter(({ name }) => name.startsWith('gateway_')).flatMap(({ samples }) => samples.flatMap((sample) => Object.keys(sample.labels))),
    );
    const known = [
      'model',
      'version',
      'arm',
      'result',
      'reason',
      'feature',
      'rule',
      'phase',
      'digest',
      'contract_version',
      'signal',
      'objective',
      'kind',
      'le',
    ];
    expect([...labels].filter((label) => !known.includes(label))).toEqual([]);
  });

  test('count every request once, by arm and result', async () => {
    const counts = async () => ({
      ok: await sumOf('gateway_inference_requests_total', { model: 'card-fraud', result: 'ok' }),
      timed: await sumOf('gateway_inference_request_duration_seconds_count', { model: 'card-fraud', version: '2.0.0', arm: 'candidate' }),
      pinned: await sumOf('gateway_inference_requests_total', { model: 'card-fraud', arm: 'none', result: 'ok' }),
      bad: await sumOf('gateway_inference_requests_total', { model: 'card-fraud', result: 'client_error' }),
      amounts: await sumOf('gateway_contract_violations_total', { model: 'card-fraud', feature: 'amount', rule: 'value' }),
      rescued: await sumOf('gateway_inference_rescues_total', { model: throwing, version: '2.0.0', reason: 'error' }),
      failed: await sumOf('gateway_inference_requests_total', { model: throwing, arm: 'candidate', result: 'error' }),
    });
    const before = await counts();
    const keys = Array.from({ length: 40 }, (_, index) => `count-${index}`);
    const answers = await Promise.all(keys.map((key) => gateway.infer({ model: 'card-fraud', inputs: [transaction] }, { 'x-routing-key': key })));
    await Promise.all(keys.slice(0, 5).map(() => gateway.infer({ model: 'card-fraud', version: '1.4.0', inputs: [transaction] })));
    await Promise.all(keys.slice(0, 3).map(() => gateway.infer({ model: 'card-fraud', inputs: [{ ...transaction, amount: -1 }] })));
    await Promise.all(keys.slice(0, 2).map(() => gateway.infer({ model: throwing, inputs: [{ ...transaction, amount: breakingAmount }] })));
    const after = await counts();
    const candidates = answers.filter(({ body }) => body.arm === 'candidate').length;
    expect(Object.fromEntries(Object.entries(after).map(([name, value]) => [name, value - before[name as keyof typeof before]]))).toEqual({
      ok: 45,
      timed: candidates,
      pinned: 5,
      bad: 3,
      amounts: 3,
      rescued: 2,
      failed: 2,
    });
  });

  test('say what is served and how the traffic is split', async () => {
    expect(await sumOf('gateway_model_info', { model: 'card-fraud' })).toBe(2);
    await setWeight('card-fraud', 50);
    expect(await sumOf('gateway_rollout_weight_ratio', { model: 'card-fraud', version: '2.0.0' })).toBe(0.5);
    expect(await sumOf('gateway_rollout_weight_ratio', { model: 'card-fraud', version: '1.4.0' })).toBe(0.5);
    expect(await sumOf('gateway_rollout_phase', { model: 'card-fraud', phase: 'paused' })).toBe(1);
    expect(await sumOf('gateway_rollout_phase', { model: 'card-fraud' })).toBe(1);
  });

  test('have a boundary of the request durations at the objective of the bundle', async () => {
    await gateway.infer({ model: 'card-fraud', inputs: [transaction] });
    const bounds = (await scrape())
      .flatMap(({ samples }) => samples)
      .filter(({ name, labels }) => name === 'gateway_inference_request_duration_seconds_bucket' && labels.model === 'card-fraud');
    expect(bounds.map(({ labels }) => labels.le)).toContain('0.03');
  });
});

describe('the log', () => {
  const linesOf = (field: string, value: string) => gateway.log().filter((line) => line[field] === value);

  test('is one JSON object a line, with time, level and message', () => {
    expect(gateway.log().length).toBeGreaterThan(5);
    const faults = gateway
      .log()
      .filter(
        ({ time, level, msg }) =>
          !(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(String(time)) && ['debug', 'info', 'warn', 'error'].includes(String(level)) && typeof msg === 'string'),
      );
    expect(faults).toEqual([]);
  });

  test('ties an answer to its trace, its request and its prediction', async () => {
    const { answer, server } = await traced({ model: 'card-fraud', inputs: [transaction] }, { 'x-request-id': 'logged.1' });
    await expect
      .poll(() => linesOf('request_id', 'logged.1'))
      .toMatchObject([{ level: 'debug', trace_id: server.traceId, prediction_id: answer.body.prediction_id }]);
  });

  test('ties a rescue and its cause to its trace and its request', async () => {
    const { server } = await traced({ model: throwing, inputs: [{ ...transaction, amount: breakingAmount }] }, { 'x-request-id': 'logged.2' });
    await expect
      .poll(() => linesOf('request_id', 'logged.2').filter(({ reason }) => reason !== undefined))
      .toMatchObject([
        {
          trace_id: server.traceId,
          model: throwing,
          version: '2.0.0',
          reason: 'error',
          err: { message: expect.any(String) as string },
          msg: expect.stringMatching(/^rescued/) as string,
        },
      ]);
  });

  test('ties a request without an answer to its trace, its request and its problem', async () => {
    const traces: string[] = [];
    const warned = () => linesOf('request_id', 'logged.3').filter(({ level }) => level === 'warn');
    const ask = async () => {
      const { server } = await traced({ model: 'photo-classifier', inputs: [photo] }, { 'x-request-id': 'logged.3', 'x-request-timeout-ms': '1' });
      traces.push(server.traceId);
      return warned();
    };
    // One line a second warns of a kind of problem, so another test's may be in the way of the first.
    await expect.poll(ask, { interval: 250, timeout: 5_000 }).toMatchObject([{ problem: 'deadline-exceeded' }]);
    expect(traces).toContain(warned()[0]?.trace_id);
  });

  test('holds no input, no routing key and no credential', async () => {
    const headers = { 'x-routing-key': 'john-doe-4712', authorization: 'Bearer very-secret-4713', 'x-request-id': 'logged.4' };
    await gateway.infer({ model: throwing, inputs: [{ ...transaction, amount: 27_182.81 }] }, headers);
    await expect.poll(() => linesOf('request_id', 'logged.4').length).toBeGreaterThan(0);
    expect(JSON.stringify(gateway.log())).not.toMatch(/27182\.81|john-doe|very-secret/);
  });
});

/** The remote ends of the TCP and UDP sockets that these processes hold, as `address:port` in the kernel's hexadecimal. */
const remotesOf = async (pids: readonly number[]): Promise<ReadonlySet<string>> => {
  const remotes = new Set<string>();
  for (const pid of pids) {
    const names = await readdir(`/proc/${pid}/fd`).catch(() => []);
    const targets = await Promise.all(names.map((name) => readlink(`/proc/${pid}/fd/${name}`).catch(() => '')));
    const inodes = new Set(targets.flatMap((target) => /^socket:\[(\d+)\]$/.exec(target)?.[1] ?? []));
    const tables = await Promise.all(['tcp', 'tcp6', 'udp', 'udp6'].map((table) => readFile(`/proc/${pid}/net/${table}`, 'utf8').catch(() => '')));
    for (const line of tables.join('\n').split('\n')) {
      const [, local = '', remote = '', , , , , , , inode = ''] = line.trim().split(/\s+/);
      // What came in at a port of the gateway is not its own doing.
      if (inodes.has(inode) && !ownPorts().has(portOf(local))) remotes.add(remote);
    }
  }
  return remotes;
};
const portOf = (address: string): number => Number.parseInt(address.split(':').at(-1) ?? '', 16);
const ownPorts = (): ReadonlySet<number> => new Set([gateway.url, gateway.adminUrl].map((url) => Number(new URL(url).port)));

describe.runIf(process.platform === 'linux')('the gateway and its workers', () => {
  test('hold no connection but those of their callers and of the collector', async () => {
    const details = await Promise.all(['card-fraud/2.0.0', 'photo-classifier/1.0.0'].map((path) => gateway.admin('GET', `/models/${path}`)));
    const pids = [gateway.pid, ...details.map(({ body }) => Number(body.worker_pid))];
    const seen = new Set<string>();
    const bodies = Array.from({ length: 30 }, () => [
      { model: 'card-fraud', inputs: [transaction] },
      { model: 'photo-classifier', inputs: [photo] },
    ]).flat();
    for (const body of bodies) {
      expect((await gateway.infer(body)).status).toBe(200);
      for (const remote of await remotesOf(pids)) seen.add(remote);
    }
    const collector = Number(new URL(receiver.endpoint).port);
    expect([...seen].filter((remote) => portOf(remote) !== collector)).toEqual([]);
    expect([...seen].map(portOf)).toContain(collector);
  });
});
