import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { Acceptance } from '../bundle/acceptance.ts';
import type { SupposedTraffic } from '../control-plane/forecast/supposed-traffic.ts';
import { askAdmin } from './admin-client.ts';
import type { GatewayAddress } from './gateway-address.ts';

/** What a running gateway shows of a model's traffic; what it does not show is absent. */
export type ObservedTraffic = Partial<SupposedTraffic>;

/** The observation, or why there is none. */
export type Observed = { readonly ok: true; readonly traffic: ObservedTraffic } | { readonly ok: false; readonly message: string };

/** One line of a scrape. */
interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

const labelsOf = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...text.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]));

/** The samples of a model in a scrape of the gateway's own metrics. Names of models and versions need no escapes. */
const samplesOf = (scrape: string, model: string): readonly Sample[] =>
  scrape
    .split('\n')
    .flatMap((line) => {
      const [, name, labels, value] = /^(\w+)\{([^}]*)\} (\S+)$/.exec(line) ?? [];
      return name === undefined || labels === undefined ? [] : [{ name, labels: labelsOf(labels), value: Number(value) }];
    })
    .filter(({ labels }) => labels.model === model);

const sum = (samples: readonly Sample[], name: string, wanted: (labels: Sample['labels']) => boolean): number =>
  samples.filter((sample) => sample.name === name && wanted(sample.labels)).reduce((total, { value }) => total + value, 0);

const requestsTotal = 'gateway_inference_requests_total';
const results = ['ok', 'error', 'timeout', 'breach'];

/** Requests that were assigned to an arm: not those that pin a version, are refused or are shed. */
const assigned = (samples: readonly Sample[], arms: readonly string[], among: readonly string[]): number =>
  sum(samples, requestsTotal, ({ arm = '', result = '' }) => arms.includes(arm) && among.includes(result));

const rate = (events: number, all: number): number | undefined => (all > 0 ? events / all : undefined);

const meanRunMs = (samples: readonly Sample[], version: string): number | undefined => {
  const isVersion = (labels: Sample['labels']): boolean => labels.version === version;
  const runs = sum(samples, 'gateway_inference_compute_duration_seconds_count', isVersion);
  return runs > 0 ? (sum(samples, 'gateway_inference_compute_duration_seconds_sum', isVersion) / runs) * 1_000 : undefined;
};

const known = <Value extends Record<string, number | undefined>>(values: Value): ObservedTraffic =>
  Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));

const stateShape = z.object({
  guardrails: z.array(z.object({ name: z.string(), baseline: z.object({ n: z.number(), value: z.number().nullable() }).nullable() })),
});

/** Fewer say too little about a rate. */
const leastUnits = 1_000;

/** Rates of outputs, abstentions and outcomes, which only a rollout counts. */
const ratesOfRollout = (state: unknown, { criteria }: Acceptance): ObservedTraffic => {
  const guardrails = stateShape.safeParse(state).data?.guardrails ?? [];
  const rates = criteria.flatMap(({ name, metric }) => {
    const { value, n } = guardrails.find((guardrail) => guardrail.name === name)?.baseline ?? { value: null, n: 0 };
    return value === null || n < leastUnits ? [] : [{ metric, value }];
  });
  const named = (field: 'output' | 'outcome') =>
    Object.fromEntries(rates.flatMap(({ metric, value }) => (field in metric ? [[Reflect.get(metric, field) as string, value]] : [])));
  const abstain = rates.find(({ metric }) => metric.kind === 'abstainRate');
  return { outputRates: named('output'), outcomeRates: named('outcome'), ...(abstain === undefined ? {} : { abstainRate: abstain.value }) };
};

/** What is looked at, and for how long. */
export interface Observing {
  readonly address: GatewayAddress;
  readonly model: string;
  /** The version whose rates and run times count. */
  readonly baseline: string;
  readonly acceptance: Acceptance;
  readonly watchSeconds: number;
}

/** Scrapes a gateway twice and reads what its rollout has counted. The pace is that of the time between, the rates those of the gateway's life. */
export const observeTraffic = async ({ address, model, baseline, acceptance, watchSeconds }: Observing): Promise<Observed> => {
  const scrape = () => askAdmin(address, { method: 'GET', path: ['metrics'], answersText: true });
  const before = await scrape();
  if (!before.ok) return { ok: false, message: before.message };
  await pause(watchSeconds * 1_000);
  const after = await scrape();
  if (!after.ok) return { ok: false, message: after.message };
  const state = await askAdmin(address, { method: 'GET', path: ['rollouts', model] });
  const [first, last] = [samplesOf(String(before.body), model), samplesOf(String(after.body), model)];
  const requests = assigned(last, ['baseline', 'candidate'], results) - assigned(first, ['baseline', 'candidate'], results);
  if (requests <= 0) return { ok: false, message: `no request for ${model} in ${watchSeconds} s: state the traffic with --rps` };
  const all = assigned(last, ['baseline'], results);
  return {
    ok: true,
    traffic: {
      requestsPerSecond: requests / watchSeconds,
      ...known({
        errorRate: rate(assigned(last, ['baseline'], ['error', 'timeout']), all),
        breachRate: rate(assigned(last, ['baseline'], ['breach']), all),
        runMs: meanRunMs(last, baseline),
      }),
      ...(state.ok ? ratesOfRollout(state.body, acceptance) : {}),
    },
  };
};
