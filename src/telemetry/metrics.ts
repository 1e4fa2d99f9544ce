import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import { type Phase, phases } from '../store/rollout-store.ts';
import { createHistogramSeries, createSeriesFamily, type HistogramSeries, type Labels, type NumberSeries, type SeriesFamily } from './series.ts';

/*
 * Every metric of the gateway. The request path adds to plain numbers; prom-client is handed them when it is scraped,
 * because its own `inc` and `observe` hash the labels at every call (400 ns each against some ten).
 */

/** What a request was assigned to; `none` for pinned versions and for requests that end before the assignment. */
export type ArmLabel = 'baseline' | 'candidate' | 'none';

const requestResults = ['ok', 'client_error', 'error', 'timeout', 'shed', 'breach'] as const;
/** How a request ended for the arm that it was assigned to, whoever answered it. */
export type RequestResult = (typeof requestResults)[number];

const rescueReasons = ['error', 'timeout', 'circuit_open', 'queue_full', 'lost_worker', 'breach'] as const;
/** Why the baseline answered for the candidate. */
export type RescueReason = (typeof rescueReasons)[number];

const workerRestartReasons = ['exit', 'timeout', 'memory'] as const;
/** What became of a posted outcome. */
export type OutcomeResult = 'accepted' | 'duplicate' | 'forged' | 'too_late' | 'unknown_outcome' | 'out_of_range';

/** Why a worker was replaced: it ended, its run overran the deadline, or it took more memory than it may. */
export type WorkerRestartReason = (typeof workerRestartReasons)[number];

const comparisonKinds = ['versions', 'self', 'busy', 'down', 'drain'] as const;
/**
 * What became of a request that was drawn for comparison: its pair ran on both versions, or on the baseline twice; or it was
 * dropped before its pair began, because the CPU budget was spent, there was no process, or the gateway ends.
 */
export type ComparisonKind = (typeof comparisonKinds)[number];

/** Records the comparison of one model's versions. */
export interface ComparisonRecorder {
  readonly drawn: (kind: ComparisonKind) => void;
  readonly usedCpu: (seconds: number) => void;
  readonly setUp: (up: boolean) => void;
  readonly restarted: (reason: WorkerRestartReason) => void;
}

/** Which rule of the data contract a request broke. */
export type ContractRule = 'unknown' | 'missing' | 'value' | 'row';

/** Records the end of requests of one arm; safe to call for every request. */
export interface ArmRecorder {
  readonly request: (result: RequestResult, durationSeconds: number) => void;
}

/** Records what happens inside one version. */
export interface VersionRecorder {
  /** A request waited this long between its arrival at the batcher and its run. */
  readonly queued: (durationSeconds: number) => void;
  /** One run ended. */
  readonly computed: (run: { readonly rows: number; readonly durationSeconds: number }) => void;
  /** The baseline answered a request of this candidate. */
  readonly rescued: (reason: RescueReason) => void;
  readonly workerRestarted: (reason: WorkerRestartReason) => void;
  readonly setBreakerOpen: (open: boolean) => void;
}

/** Records what concerns a model as a whole. */
export interface ModelRecorder {
  /** A request satisfied the baseline's contract only. */
  readonly ineligible: () => void;
  /** One violation of the contract; a feature that the model does not declare is counted as `other`. */
  readonly violated: (broken: { readonly feature: string; readonly rule: ContractRule }) => void;
  /** Replaces the shown state: the phase, null without a rollout, and the share of traffic of each version, 0 to 1. */
  readonly setRollout: (state: { readonly phase: Phase | null; readonly weights: Readonly<Record<string, number>> }) => void;
}

/** The signals that have a value, and those that a serving version watches. */
export interface ShownSignals {
  readonly values: readonly { readonly signal: string; readonly value: number; readonly ageMs: number }[];
  readonly watches: readonly {
    readonly model: string;
    readonly version: string;
    readonly signal: string;
    readonly holds: boolean;
    readonly isPaged: boolean;
  }[];
}

const webhookResults = ['ok', 'client_error', 'error'] as const;
/** How a try to send an event ended: it was taken, refused by the receiver, or the receiver did not get to that. */
export type WebhookResult = (typeof webhookResults)[number];

/** An absolute limit of one arm. */
export interface BrokenBound {
  readonly model: string;
  readonly arm: ArmLabel;
  /** Name of the criterion, and its key for the limit. */
  readonly criterion: string;
  readonly objective: string;
  readonly broken: boolean;
}

export interface ModelInfo {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
  readonly contractVersion: string;
}

/** The gateway's metrics. The `for…` calls return the same series for the same labels; make them once and keep them. */
export interface Metrics {
  /** `version` is the one that the arm stands for; `none` for what ends before the assignment. */
  readonly forArm: (labels: { readonly model: string; readonly version: string; readonly arm: ArmLabel }) => ArmRecorder;
  readonly forVersion: (labels: { readonly model: string; readonly version: string }) => VersionRecorder;
  /** `features` are the field names that the loaded versions declare; a later call replaces them. */
  readonly forModel: (model: { readonly model: string; readonly features: Iterable<string> }) => ModelRecorder;
  readonly forComparison: (labels: { readonly model: string }) => ComparisonRecorder;
  /** 1 while the last full minute of the arm was beyond the limit, else 0. */
  readonly setBoundBroken: (bound: BrokenBound) => void;
  /** The limits of the model are not held any more. */
  readonly releaseBounds: (labels: { readonly model: string }) => void;
  /** Requests that end before their model is known: unreadable, shed, or for a model that is not there. All labels are `none`. */
  readonly unrouted: ArmRecorder;
  readonly setModelInfo: (info: ModelInfo) => void;
  /** Adds a boundary at each latency objective, in seconds, to the request durations. */
  readonly addSloBounds: (boundsSeconds: readonly number[]) => void;
  /** One posted outcome; `model` is `none` unless it is known here. */
  readonly outcome: (labels: { readonly model: string; readonly arm: ArmLabel; readonly result: OutcomeResult }) => void;
  /** `read` is called at every scrape. */
  readonly observePendingRequests: (read: () => number) => void;
  readonly spansDropped: (count: number) => void;
  /** Of the newest entry of the decision ledger; 0 when there is none. */
  readonly setLedgerSequence: (sequence: number) => void;
  /** Replaces what is shown of the signals; the names are those that loaded versions declare. */
  readonly setSignals: (shown: ShownSignals) => void;
  /** One try to send an event to the webhook has ended. */
  readonly webhookTried: (result: WebhookResult) => void;
  readonly setWebhookBacklog: (backlog: { readonly events: number; readonly oldestAgeMs: number }) => void;
  /** Clients that read `GET /events` now. */
  readonly setEventClients: (count: number) => void;
  /** Drops the series of a released version, or of a whole model. */
  readonly release: (released: { readonly model: string; readonly version?: string }) => void;
  /** The scrape. */
  readonly text: () => Promise<{ readonly contentType: string; readonly body: string }>;
}

/** Seconds. Requests of models that take 1 to 50 ms; the bundles' objectives are added to them. */
const durationBoundsSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** Seconds. A run of a tabular model takes tens of microseconds, so these begin lower. */
const stageBoundsSeconds = [0.00005, 0.0001, 0.00025, ...durationBoundsSeconds];
const batchBoundsRows = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024];

/** In prom-client's defaults, but gauges named as counters: promtool refuses them, and `nodejs_active_resources` and the like say the same by type. */
const misnamedDefaults = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];

/** Makes the metrics in a registry of their own, with prom-client's default process metrics. `sloBoundsSeconds` are the latency objectives known at start. */
export const createMetrics = ({ sloBoundsSeconds = [] }: { readonly sloBoundsSeconds?: readonly number[] } = {}): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamedDefaults) registry.removeSingleMetric(name);
  let requestBoundsSeconds = [...durationBoundsSeconds, ...sloBoundsSeconds];
  const families = createFamilies(registry, () => requestBoundsSeconds);
  const spansDropped = families.spansDropped.of({});
  const ledgerSequence = families.ledgerSequence.of({});
  const pendingRequests = families.pendingRequests.of({});
  const webhookTries = seriesEach(webhookResults, (result) => families.webhookTries.of({ result }));
  const webhookPending = families.webhookPending.of({});
  const webhookOldestAge = families.webhookOldestAge.of({});
  const eventClients = families.eventClients.of({});
  let readPendingRequests = (): number => 0;
  const forArm = recordArm(families);
  return {
    forArm,
    forVersion: recordVersion(families),
    forModel: recordModel(families),
    forComparison: recordComparison(families),
    setBoundBroken: ({ broken, ...labels }) => {
      families.boundBroken.of(labels).value = broken ? 1 : 0;
    },
    releaseBounds: (labels) => families.boundBroken.release(labels),
    unrouted: forArm({ model: 'none', version: 'none', arm: 'none' }),
    setModelInfo: ({ model, version, digest, contractVersion }) => {
      families.modelInfo.release({ model, version });
      families.modelInfo.of({ model, version, digest, contract_version: contractVersion }).value = 1;
    },
    addSloBounds: (boundsSeconds) => {
      requestBoundsSeconds = [...requestBoundsSeconds, ...boundsSeconds];
      for (const series of families.requestDuration.all()) series.addBounds(boundsSeconds);
    },
    outcome: countOutcome(families),
    observePendingRequests: (read) => {
      readPendingRequests = read;
    },
    spansDropped: (count) => {
      spansDropped.value += count;
    },
    setLedgerSequence: (sequence) => {
      ledgerSequence.value = sequence;
    },
    setSignals: showSignals(families),
    webhookTried: (result) => {
      webhookTries[result].value += 1;
    },
    setWebhookBacklog: ({ events, oldestAgeMs }) => {
      webhookPending.value = events;
      webhookOldestAge.value = oldestAgeMs / 1_000;
    },
    setEventClients: (count) => {
      eventClients.value = count;
    },
    release: ({ model, version }) => {
      const labels = version === undefined ? { model } : { model, version };
      for (const family of Object.values(families)) family.release(labels);
    },
    text: async () => {
      pendingRequests.value = readPendingRequests();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
};

type Families = ReturnType<typeof createFamilies>;

const countOutcome =
  (families: Families): Metrics['outcome'] =>
  ({ model, arm, result }) => {
    if (result === 'accepted') families.outcomes.of({ model, arm }).value += 1;
    else if (result === 'duplicate') families.duplicateOutcomes.of({ model }).value += 1;
    else families.refusedOutcomes.of({ model, reason: result }).value += 1;
  };

const createFamilies = (registry: Registry, requestBounds: () => readonly number[]) => {
  const { counter, gauge, histogram } = familiesIn(registry);
  return {
    requests: counter('gateway_inference_requests_total', 'Inference requests by the arm they were assigned to and how they ended for it.'),
    requestDuration: histogram('gateway_inference_request_duration_seconds', 'Time from the arrival of an inference request to its answer.', requestBounds),
    rescues: counter('gateway_inference_rescues_total', 'Requests of the candidate, whose version is shown, that the baseline answered.'),
    queueDuration: histogram('gateway_inference_queue_duration_seconds', 'Time a request waited for its run.', () => stageBoundsSeconds),
    computeDuration: histogram('gateway_inference_compute_duration_seconds', 'Time of one run of the model.', () => stageBoundsSeconds),
    batchSize: histogram('gateway_inference_batch_size', 'Rows in one run of the model.', () => batchBoundsRows),
    pendingRequests: gauge('gateway_inference_pending_requests', 'Admitted inference requests without an answer yet.'),
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

const showSignals =
  (families: Families): Metrics['setSignals'] =>
  ({ values, watches }) => {
    // All of them: a signal that nobody declares any more is shown no longer.
    for (const family of [families.signalValue, families.signalAge, families.signalHolds, families.pageOpen]) family.release({});
    for (const { signal, value, ageMs } of values) {
      families.signalValue.of({ signal }).value = value;
      families.signalAge.of({ signal }).value = ageMs / 1_000;
    }
    for (const { model, version, signal, holds, isPaged } of watches) {
      families.signalHolds.of({ model, version, signal }).value = Number(holds);
      families.pageOpen.of({ model, version, signal }).value = Number(isPaged);
    }
  };

const recordArm =
  (families: Families): Metrics['forArm'] =>
  ({ model, version, arm }) => {
    const labels = { model, version, arm };
    const requests = seriesEach(requestResults, (result) => families.requests.of({ ...labels, result }));
    const duration = families.requestDuration.of(labels);
    return {
      request: (result, durationSeconds) => {
        requests[result].value += 1;
        duration.observe(durationSeconds);
      },
    };
  };

const recordVersion =
  (families: Families): Metrics['forVersion'] =>
  ({ model, version }) => {
    const labels = { model, version };
    const queueDuration = families.queueDuration.of(labels);
    const computeDuration = families.computeDuration.of(labels);
    const batchSize = families.batchSize.of(labels);
    const rescues = seriesEach(rescueReasons, (reason) => families.rescues.of({ ...labels, reason }));
    const restarts = seriesEach(workerRestartReasons, (reason) => families.workerRestarts.of({ ...labels, reason }));
    const breakerOpen = families.breakerOpen.of(labels);
    return {
      queued: queueDuration.observe,
      computed: ({ rows, durationSeconds }) => {
        computeDuration.observe(durationSeconds);
        batchSize.observe(rows);
      },
      rescued: (reason) => {
        rescues[reason].value += 1;
      },
      workerRestarted: (reason) => {
        restarts[reason].value += 1;
      },
      setBreakerOpen: (open) => {
        breakerOpen.value = open ? 1 : 0;
      },
    };
  };

const recordComparison =
  (families: Families): Metrics['forComparison'] =>
  (labels) => {
    const kinds = seriesEach(comparisonKinds, (kind) => families.comparisonRequests.of({ ...labels, kind }));
    const restarts = seriesEach(workerRestartReasons, (reason) => families.comparisonRestarts.of({ ...labels, reason }));
    const cpu = families.comparisonCpu.of(labels);
    const up = families.comparisonUp.of(labels);
    return {
      drawn: (kind) => {
        kinds[kind].value += 1;
      },
      usedCpu: (seconds) => {
        cpu.value += seconds;
      },
      setUp: (isUp) => {
        up.value = isUp ? 1 : 0;
      },
      restarted: (reason) => {
        restarts[reason].value += 1;
      },
    };
  };

const recordModel = (families: Families): Metrics['forModel'] => {
  const declared = new Map<string, ReadonlySet<string>>();
  return ({ model, features }) => {
    declared.set(model, new Set(features));
    const ineligible = families.ineligible.of({ model });
    return {
      ineligible: () => {
        ineligible.value += 1;
      },
      violated: ({ feature, rule }) => {
        const known = declared.get(model)?.has(feature) === true;
        families.violations.of({ model, feature: known ? feature : 'other', rule }).value += 1;
      },
      setRollout: ({ phase, weights }) => {
        families.weight.release({ model });
        for (const [version, ratio] of Object.entries(weights)) families.weight.of({ model, version }).value = ratio;
        for (const name of phases) families.phase.of({ model, phase: name }).value = name === phase ? 1 : 0;
      },
    };
  };
};

/** One series a value of a closed label, all at zero from the start, so that the first increase is seen as one. */
const seriesEach = <Value extends string>(values: readonly Value[], seriesOf: (value: Value) => NumberSeries): Record<Value, NumberSeries> =>
  Object.fromEntries(values.map((value) => [value, seriesOf(value)])) as Record<Value, NumberSeries>;

interface Sample {
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

/** The makers of families whose values prom-client reads at a scrape. Its registry takes anything that has a metric's `get`. */
const familiesIn = (registry: Registry) => {
  const register = (name: string, description: { readonly help: string; readonly type: string }, samples: () => Iterable<Sample>): void => {
    const get = async () => ({ name, ...description, aggregator: 'sum', values: [...samples()] });
    registry.registerMetric({ name, ...description, get } as unknown as Metric);
  };
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
