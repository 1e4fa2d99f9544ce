import { describe, expect, it } from 'vitest';
import { createMetrics, type Metrics } from '../../src/telemetry/metrics.ts';
import { type MetricFamily, type MetricSample, parseMetrics } from '../support/metric-lines.ts';

const scrape = async (metrics: Metrics): Promise<readonly MetricFamily[]> => parseMetrics((await metrics.text()).body);
const samples = async (metrics: Metrics, name: string): Promise<readonly MetricSample[]> =>
  (await scrape(metrics)).flatMap((family) => family.samples).filter((sample) => sample.name === name);
const sampleValue = async (metrics: Metrics, name: string, labels: Record<string, string> = {}): Promise<number | undefined> =>
  (await samples(metrics, name)).find((sample) => Object.entries(labels).every(([key, value]) => sample.labels[key] === value))?.value;

const baseline = { model: 'card-fraud', version: '1.4.0' };
const candidate = { model: 'card-fraud', version: '2.0.0' };

/** Metrics in which every family has at least one series. */
const makeFilled = (): Metrics => {
  const metrics = createMetrics({ sloBoundsSeconds: [0.02] });
  metrics.forArm({ ...baseline, arm: 'baseline' }).request('ok', 0.001);
  metrics.forArm({ ...candidate, arm: 'candidate' }).request('breach', 0.003);
  const version = metrics.forVersion(candidate);
  version.queued(0.0002);
  version.computed({ rows: 3, durationSeconds: 0.0004 });
  version.rescued('breach');
  version.workerRestarted('timeout');
  version.setBreakerOpen(true);
  const model = metrics.forModel({ model: 'card-fraud', features: ['amount', 'hour'] });
  model.ineligible();
  model.violated({ feature: 'amount', rule: 'value', count: 1 });
  model.setRollout({ phase: 'progressing', weights: { '1.4.0': 0.9, '2.0.0': 0.1 } });
  const comparison = metrics.forComparison({ model: 'card-fraud' });
  comparison.drawn('versions');
  comparison.usedCpu(0.2);
  comparison.setUp(true);
  comparison.restarted('timeout');
  metrics.setBoundBroken({ model: 'card-fraud', arm: 'candidate', criterion: 'latency', objective: 'p95Ms', broken: true });
  metrics.setModelInfo({ ...candidate, digest: 'sha256:ab', contractVersion: '1.0.0' });
  metrics.outcome({ model: 'card-fraud', arm: 'candidate', result: 'accepted' });
  metrics.outcome({ model: 'card-fraud', arm: 'baseline', result: 'duplicate' });
  metrics.outcome({ model: 'none', arm: 'none', result: 'too_late' });
  metrics.observePending({ requests: () => 4, bytes: () => 5 });
  metrics.spansDropped(2);
  metrics.setSignals({
    values: [{ signal: 'feature-lag', value: 12.5, ageMs: 1_500 }],
    watches: [{ ...candidate, signal: 'feature-lag', holds: true, isPaged: false }],
  });
  metrics.webhookTried('error');
  metrics.setWebhookBacklog({ events: 3, oldestAgeMs: 4_000 });
  metrics.setEventClients(2);
  return metrics;
};

describe('the scrape', () => {
  const closedValues: Record<string, RegExp> = {
    model: /^(card-fraud|none)$/,
    version: /^(\d+\.\d+\.\d+|none)$/,
    arm: /^(baseline|candidate|none)$/,
    result: /^(ok|client_error|error|timeout|shed|breach)$/,
    reason: /^(error|timeout|circuit_open|queue_full|lost_worker|breach|exit|memory|forged|too_late|unknown_outcome|out_of_range)$/,
    signal: /^feature-lag$/,
    feature: /^(amount|hour|other)$/,
    rule: /^(unknown|missing|value|row)$/,
    phase: /^[a-z-]+$/,
    kind: /^(versions|self|busy|down|drain)$/,
    criterion: /^latency$/,
    objective: /^(p50Ms|p95Ms|p99Ms|min|max)$/,
    digest: /^sha256:/,
    contract_version: /^\d+\.\d+\.\d+$/,
    le: /^(\d+(\.\d+)?(e-\d+)?|\+Inf)$/,
  };

  it('has the text format of Prometheus', async () => {
    expect((await makeFilled().text()).contentType).toBe('text/plain; version=0.0.4; charset=utf-8');
  });

  it('names every metric by its kind and in base units, with a help text', async () => {
    const rules: Record<string, (family: MetricFamily) => boolean> = {
      prefix: ({ name }) => /^(gateway|nodejs|process)_[a-z0-9_]+$/.test(name),
      help: ({ help }) => help.length > 5,
      type: ({ type }) => ['counter', 'gauge', 'histogram'].includes(type),
      '_total on counters only': ({ name, type }) => (type === 'counter') === name.endsWith('_total'),
      'base unit and no reserved suffix': ({ name }) => !/_(ms|milliseconds|us|minutes|percent|kb|mb|count|sum|bucket)$/.test(name),
      'durations in seconds': ({ name }) => !name.includes('duration') || name.endsWith('_seconds'),
    };
    const faults = (await scrape(makeFilled())).flatMap((family) =>
      Object.keys(rules)
        .filter((rule) => rules[rule]?.(family) !== true)
        .map((rule) => `${family.name}: ${rule}`),
    );
    expect(faults).toEqual([]);
  });

  it('has every metric of the gateway once, with series', async () => {
    const own = (await scrape(makeFilled())).filter(({ name }) => name.startsWith('gateway_'));
    expect(own.map(({ name }) => name).sort()).toEqual([
      'gateway_bound_broken',
      'gateway_breaker_open',
      'gateway_comparison_cpu_seconds_total',
      'gateway_comparison_requests_total',
      'gateway_comparison_restarts_total',
      'gateway_comparison_up',
      'gateway_contract_violations_total',
      'gateway_event_clients',
      'gateway_ineligible_requests_total',
      'gateway_inference_batch_size',
      'gateway_inference_compute_duration_seconds',
      'gateway_inference_pending_requests',
      'gateway_inference_queue_duration_seconds',
      'gateway_inference_request_duration_seconds',
      'gateway_inference_requests_total',
      'gateway_inference_rescues_total',
      'gateway_ledger_sequence',
      'gateway_model_info',
      'gateway_outcomes_duplicate_total',
      'gateway_outcomes_refused_total',
      'gateway_outcomes_total',
      'gateway_page_open',
      'gateway_request_body_bytes',
      'gateway_rollout_phase',
      'gateway_rollout_weight_ratio',
      'gateway_signal_age_seconds',
      'gateway_signal_holding',
      'gateway_signal_value',
      'gateway_spans_dropped_total',
      'gateway_webhook_attempts_total',
      'gateway_webhook_oldest_event_age_seconds',
      'gateway_webhook_pending_events',
      'gateway_worker_restarts_total',
    ]);
    expect(own.filter(({ samples: found }) => found.length === 0)).toEqual([]);
  });

  it('has no label with values of its own making', async () => {
    const own = (await scrape(makeFilled())).filter(({ name }) => name.startsWith('gateway_')).flatMap((family) => family.samples);
    const faults = own.flatMap(({ name, labels }) =>
      Object.entries(labels)
        .filter(([label, value]) => closedValues[label]?.test(value) !== true)
        .map(([label, value]) => `${name}{${label}="${value}"}`),
    );
    expect(faults).toEqual([]);
    expect(own.length).toBeLessThan(250);
  });

  it('shows the signals of now and no earlier ones', async () => {
    const metrics = makeFilled();
    metrics.setSignals({ values: [{ signal: 'upstream', value: 1, ageMs: 2_000 }], watches: [] });
    const shown = (await scrape(metrics)).filter(({ name }) => /signal|page/.test(name)).flatMap((family) => family.samples);
    expect(shown.map(({ name, labels, value }) => [name, labels, value])).toEqual([
      ['gateway_signal_value', { signal: 'upstream' }, 1],
      ['gateway_signal_age_seconds', { signal: 'upstream' }, 2],
    ]);
  });

  it('has no series twice', async () => {
    const keys = (await scrape(makeFilled()))
      .flatMap((family) => family.samples)
      .map(({ name, labels }) => JSON.stringify([name, Object.entries(labels).sort()]));
    expect(new Set(keys).size).toBe(keys.length);
  });

  it("has Node's process metrics", async () => {
    expect(await sampleValue(createMetrics(), 'process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
    expect(await samples(createMetrics(), 'nodejs_eventloop_lag_p99_seconds')).toHaveLength(1);
  });
});

describe('requests', () => {
  it('are counted by arm and result, from zero', async () => {
    const metrics = createMetrics();
    const arm = metrics.forArm({ ...baseline, arm: 'baseline' });
    arm.request('ok', 0.001);
    arm.request('ok', 0.001);
    arm.request('timeout', 0.1);
    const counts = Object.fromEntries(
      (await samples(metrics, 'gateway_inference_requests_total'))
        .filter(({ labels }) => labels.arm === 'baseline')
        .map(({ labels, value }) => [labels.result, value]),
    );
    expect(counts).toEqual({ ok: 2, client_error: 0, error: 0, timeout: 1, shed: 0, breach: 0 });
  });

  it('share one series between recorders of the same labels', async () => {
    const metrics = createMetrics();
    for (let index = 0; index < 3; index += 1) metrics.forArm({ ...baseline, arm: 'baseline' }).request('ok', 0.001);
    expect(await sampleValue(metrics, 'gateway_inference_request_duration_seconds_count', { arm: 'baseline' })).toBe(3);
  });

  it('have cumulative duration buckets, a value on a boundary inside it', async () => {
    const metrics = createMetrics();
    const arm = metrics.forArm({ ...baseline, arm: 'baseline' });
    for (const seconds of [0.0004, 0.0005, 0.00051, 0.05, 3]) arm.request('ok', seconds);
    const buckets = (await samples(metrics, 'gateway_inference_request_duration_seconds_bucket')).filter(({ labels }) => labels.arm === 'baseline');
    expect(buckets.map(({ labels, value }) => [labels.le, value])).toEqual([
      ['0.0005', 2],
      ['0.001', 3],
      ['0.0025', 3],
      ['0.005', 3],
      ['0.01', 3],
      ['0.025', 3],
      ['0.05', 4],
      ['0.1', 4],
      ['0.25', 4],
      ['0.5', 4],
      ['1', 4],
      ['2.5', 4],
      ['+Inf', 5],
    ]);
    expect(await sampleValue(metrics, 'gateway_inference_request_duration_seconds_sum', { arm: 'baseline' })).toBeCloseTo(3.05141, 10);
  });

  it('have a boundary exactly at each objective, whenever it came', async () => {
    const metrics = createMetrics({ sloBoundsSeconds: [0.02, 0.05] });
    const arm = metrics.forArm({ ...baseline, arm: 'baseline' });
    arm.request('ok', 0.02);
    arm.request('ok', 0.03);
    metrics.addSloBounds([0.04]);
    arm.request('ok', 0.035);
    const at = (le: string) => sampleValue(metrics, 'gateway_inference_request_duration_seconds_bucket', { arm: 'baseline', le });
    expect([await at('0.02'), await at('0.025'), await at('0.04'), await at('0.05'), await at('+Inf')]).toEqual([1, 1, 2, 3, 3]);
  });
});

describe('versions and models', () => {
  it('are dropped from the scrape when released, the others stay', async () => {
    const metrics = makeFilled();
    metrics.release(candidate);
    const left = (await scrape(metrics)).flatMap((family) => family.samples);
    expect(left.filter(({ labels }) => labels.version === '2.0.0')).toEqual([]);
    expect(left.filter(({ labels }) => labels.version === '1.4.0').length).toBeGreaterThan(0);
    metrics.release({ model: 'card-fraud' });
    expect((await scrape(metrics)).flatMap((family) => family.samples).filter(({ labels }) => labels.model === 'card-fraud')).toEqual([]);
    expect(await sampleValue(metrics, 'gateway_spans_dropped_total')).toBe(2);
  });

  it('start at zero when a released version comes back', async () => {
    const metrics = makeFilled();
    metrics.release(candidate);
    metrics.forVersion(candidate);
    expect(await sampleValue(metrics, 'gateway_inference_rescues_total', { reason: 'breach', version: '2.0.0' })).toBe(0);
  });

  it('show the rollout as it is set last', async () => {
    const metrics = makeFilled();
    const model = metrics.forModel({ model: 'card-fraud', features: [] });
    model.setRollout({ phase: 'rolled-back', weights: { '1.4.0': 1 } });
    expect((await samples(metrics, 'gateway_rollout_weight_ratio')).map(({ labels, value }) => [labels.version, value])).toEqual([['1.4.0', 1]]);
    expect((await samples(metrics, 'gateway_rollout_phase')).filter(({ value }) => value === 1).map(({ labels }) => labels.phase)).toEqual(['rolled-back']);
    model.setRollout({ phase: null, weights: {} });
    expect((await samples(metrics, 'gateway_rollout_phase')).map(({ value }) => value)).toEqual(Array(8).fill(0));
  });

  it('count violations of fields that nobody declared as other', async () => {
    const metrics = createMetrics();
    const model = metrics.forModel({ model: 'card-fraud', features: ['amount'] });
    for (const [index, feature] of ['amount', 'x1', 'x2', 'x3'].entries()) model.violated({ feature, rule: 'unknown', count: index + 2 });
    expect((await samples(metrics, 'gateway_contract_violations_total')).map(({ labels, value }) => [labels.feature, value])).toEqual([
      ['amount', 2],
      ['other', 12],
    ]);
  });

  it('read the pending requests and what their bodies hold at the scrape', async () => {
    const metrics = createMetrics();
    let pending = 1;
    metrics.observePending({ requests: () => pending, bytes: () => pending * 100 });
    pending = 7;
    expect(await sampleValue(metrics, 'gateway_inference_pending_requests')).toBe(7);
    expect(await sampleValue(metrics, 'gateway_request_body_bytes')).toBe(700);
  });
});
