import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import { createFamilies, durationBoundsSeconds, type Families, type RegisterFamily, seriesEach } from './families.ts';
import { type ArmLabel, type ArmRecorder, createRecorders, type OutcomeResult, type Recorders } from './recorders.ts';

/*
 * Every metric of the gateway. The request path adds to plain numbers; prom-client is handed them when it is scraped,
 * because its own `inc` and `observe` hash the labels at every call (400 ns each against some ten).
 */

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

/** The work under way, as it is when it is asked. */
export interface PendingReaders {
  readonly requests: () => number;
  /** What the bodies of requests under way hold. */
  readonly bytes: () => number;
}

/** The gateway's metrics. */
export interface Metrics extends Recorders {
  /** 1 while the arm is beyond the limit, else 0. */
  readonly setBoundBroken: (bound: BrokenBound) => void;
  /** The limits of the model are not held any more. */
  readonly releaseBounds: (labels: { readonly model: string }) => void;
  /** Requests that end before their model is known: unreadable, shed, or for a model that is not there, also not yet. All labels are `none`. */
  readonly unrouted: ArmRecorder;
  readonly setModelInfo: (info: ModelInfo) => void;
  /** Adds a boundary at each latency objective, in seconds, to the request durations. */
  readonly addSloBounds: (boundsSeconds: readonly number[]) => void;
  /** One posted outcome; `model` is `none` unless it is known here. */
  readonly outcome: (labels: { readonly model: string; readonly arm: ArmLabel; readonly result: OutcomeResult }) => void;
  /** The readers are called at every scrape. */
  readonly observePending: (pending: PendingReaders) => void;
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

/** In prom-client's defaults, but gauges named as counters: promtool refuses them, and `nodejs_active_resources` and the like say the same by type. */
const misnamedDefaults = ['nodejs_active_resources_total', 'nodejs_active_handles_total', 'nodejs_active_requests_total'];

/** Makes the metrics in a registry of their own, with prom-client's default process metrics. `sloBoundsSeconds` are the latency objectives known at start. */
export const createMetrics = ({ sloBoundsSeconds = [] }: { readonly sloBoundsSeconds?: readonly number[] } = {}): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of misnamedDefaults) registry.removeSingleMetric(name);
  let requestBoundsSeconds = [...durationBoundsSeconds, ...sloBoundsSeconds];
  const families = createFamilies(registerIn(registry), () => requestBoundsSeconds);
  const spansDropped = families.spansDropped.of({});
  const ledgerSequence = families.ledgerSequence.of({});
  const pendingRequests = families.pendingRequests.of({});
  const pendingBytes = families.pendingBytes.of({});
  const webhookTries = seriesEach(webhookResults, (result) => families.webhookTries.of({ result }));
  const webhookPending = families.webhookPending.of({});
  const webhookOldestAge = families.webhookOldestAge.of({});
  const eventClients = families.eventClients.of({});
  let pending: PendingReaders = { requests: () => 0, bytes: () => 0 };
  const recorders = createRecorders(families);
  return {
    ...recorders,
    setBoundBroken: ({ broken, ...labels }) => {
      families.boundBroken.of(labels).value = broken ? 1 : 0;
    },
    releaseBounds: (labels) => families.boundBroken.release(labels),
    unrouted: recorders.forArm({ model: 'none', version: 'none', arm: 'none' }),
    setModelInfo: ({ model, version, digest, contractVersion }) => {
      families.modelInfo.release({ model, version });
      families.modelInfo.of({ model, version, digest, contract_version: contractVersion }).value = 1;
    },
    addSloBounds: (boundsSeconds) => {
      requestBoundsSeconds = [...requestBoundsSeconds, ...boundsSeconds];
      for (const series of families.requestDuration.all()) series.addBounds(boundsSeconds);
    },
    outcome: countOutcome(families),
    observePending: (readers) => {
      pending = readers;
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
      pendingRequests.value = pending.requests();
      pendingBytes.value = pending.bytes();
      return { contentType: registry.contentType, body: await registry.metrics() };
    },
  };
};

/** The registry takes anything that has a metric's `get`. */
const registerIn =
  (registry: Registry): RegisterFamily =>
  (name, description, samples) => {
    const get = async () => ({ name, ...description, aggregator: 'sum', values: [...samples()] });
    registry.registerMetric({ name, ...description, get } as unknown as Metric);
  };

const countOutcome =
  (families: Families): Metrics['outcome'] =>
  ({ model, arm, result }) => {
    if (result === 'accepted') families.outcomes.of({ model, arm }).value += 1;
    else if (result === 'duplicate') families.duplicateOutcomes.of({ model }).value += 1;
    else families.refusedOutcomes.of({ model, reason: result }).value += 1;
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
