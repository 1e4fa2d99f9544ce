import { createHistogramSeries, createSeriesFamily, type HistogramSeries, type Labels, type NumberSeries, type SeriesFamily } from './series.ts';

/** Every metric of the gateway: its name, its kind and what it says. */

/** Seconds. Requests of models that take 1 to 50 ms; the bundles' objectives are added to them. */
export const durationBoundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Seconds. A run of a tabular model takes tens of microseconds, so these begin lower. */
const stageBoundsSeconds = [0.00005, 0.0001, 0.00025, ...durationBoundsSeconds];
const batchBoundsRows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** @param requestBounds of the durations of requests, seconds, as they are when a series begins */
export const createFamilies = (register: RegisterFamily, requestBounds: () => readonly number[]) => {
  const { counter, gauge, histogram } = familiesIn(register);
  return {
    requests: counter('gateway_inference_requests_total', 'Inference requests by the arm they were assigned to and how they ended for it.'),
    requestDuration: histogram('gateway_inference_request_duration_seconds', 'Time from the arrival of an inference request to its answer.', requestBounds),
    rescues: counter('gateway_inference_rescues_total', 'Requests of the candidate, whose version is shown, that the baseline answered.'),
    queueDuration: histogram('gateway_inference_queue_duration_seconds', 'Time a request waited for its run.', () => stageBoundsSeconds),
    computeDuration: histogram('gateway_inference_compute_duration_seconds', 'Time of one run of the model.', () => stageBoundsSeconds),
    batchSize: histogram('gateway_inference_batch_size', 'Rows in one run of the model.', () => batchBoundsRows),
    pendingRequests: gauge('gateway_inference_pending_requests', 'Admitted inference requests without an answer yet.'),
    pendingBytes: gauge('gateway_request_body_bytes', 'Bytes that the bodies of requests under way hold.'),
    ineligible: counter('gateway_ineligible_requests_total', "Requests that satisfied the baseline's contract but not the candidate's."),
    outcomes: counter('gateway_outcomes_total', 'Posted outcomes that were kept, by the arm that they joined.'),
    duplicateOutcomes: counter('gateway_outcomes_duplicate_total', 'Posted outcomes that were known already.'),
    refusedOutcomes: counter('gateway_outcomes_refused_total', 'Posted outcomes that were refused.'),
    violations: counter('gateway_contract_violations_total', 'Violations of the data contract by declared feature and rule.'),
    weight: gauge('gateway_rollout_weight_ratio', 'Share of the traffic that is assigned to the version.'),
    phase: gauge('gateway_rollout_phase', '1 for the phase that the rollout of the model is in, 0 for the others.'),
    modelInfo: gauge('gateway_model_info', 'A loaded version; always 1.'),
    workerRestarts: counter('gateway_worker_restarts_total', 'Worker processes that were replaced.'),
    breakerOpen: gauge('gateway_breaker_open', '1 while the circuit breaker of the version is open.'),
    comparisonRequests: counter('gateway_comparison_requests_total', 'Requests that were drawn for comparison, by what became of them.'),
    comparisonCpu: counter('gateway_comparison_cpu_seconds_total', 'CPU time of the comparison process.'),
    comparisonUp: gauge('gateway_comparison_up', '1 while a comparison process holds both versions of the rollout, 0 while it is missing.'),
    comparisonRestarts: counter('gateway_comparison_restarts_total', 'Comparison processes that were replaced.'),
    boundBroken: gauge(
      'gateway_bound_broken',
      '1 while more requests of the arm than an absolute limit of a criterion allows are slow, fail, are rejected, abstain or have the output.',
    ),
    ledgerSequence: gauge('gateway_ledger_sequence', 'Sequence of the newest entry of the decision ledger: it never falls.'),
    signalValue: gauge('gateway_signal_value', 'The value of a signal that was pushed last, in the unit that its bundle declares.'),
    signalAge: gauge('gateway_signal_age_seconds', 'Time since a value of the signal was pushed.'),
    signalHolds: gauge('gateway_signal_holding', '1 while the signal speaks against traffic for the version.'),
    pageOpen: gauge('gateway_page_open', '1 while a page is open because the signal holds for too long.'),
    webhookTries: counter('gateway_webhook_attempts_total', 'Tries to send an event to the webhook by how they ended.'),
    webhookPending: gauge('gateway_webhook_pending_events', 'Events that wait to be delivered to the webhook.'),
    webhookOldestAge: gauge('gateway_webhook_oldest_event_age_seconds', 'Age of the oldest event that waits for the webhook; 0 when none waits.'),
    eventClients: gauge('gateway_event_clients', 'Clients that read the stream of events.'),
    spansDropped: counter('gateway_spans_dropped_total', 'Trace spans that were recorded and not delivered.'),
  };
};

export type Families = ReturnType<typeof createFamilies>;

/** One series a value of a closed label, all at zero from the start, so that the first increase is seen as one. */
export const seriesEach = <Value extends string>(values: readonly Value[], seriesOf: (value: Value) => NumberSeries): Record<Value, NumberSeries> =>
  Object.fromEntries(values.map((value) => [value, seriesOf(value)])) as Record<Value, NumberSeries>;

export interface Sample {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** Shows a family at every scrape, with the samples that it has then. */
export type RegisterFamily = (name: string, description: { readonly help: string; readonly type: string }, samples: () => Iterable<Sample>) => void;

const familiesIn = (register: RegisterFamily) => {
  const numbers =
    (type: 'counter' | 'gauge') =>
    (name: string, help: string): SeriesFamily<NumberSeries> => {
      const family = createSeriesFamily((labels) => ({ labels, value: 0 }));
      register(name, { help, type }, family.all);
      return family;
    };
  const histogram = (name: string, help: string, bounds: () => readonly number[]): SeriesFamily<HistogramSeries> => {
    const family = createSeriesFamily((labels) => createHistogramSeries(labels, bounds()));
    register(name, { help, type: 'histogram' }, () => [...family.all()].flatMap((series) => samplesOf(name, series)));
    return family;
  };
  return { counter: numbers('counter'), gauge: numbers('gauge'), histogram };
};

const samplesOf = (name: string, { labels, read }: HistogramSeries): Sample[] => {
  const { buckets, sum } = read();
  const bucketSamples = buckets.map(({ upperBound, count }) => {
    const le = upperBound === Number.POSITIVE_INFINITY ? '+Inf' : String(upperBound);
    return { metricName: `${name}_bucket`, labels: { ...labels, le }, value: count };
  });
  return [...bucketSamples, { metricName: `${name}_sum`, labels, value: sum }, { metricName: `${name}_count`, labels, value: buckets.at(-1)?.count ?? 0 }];
};
