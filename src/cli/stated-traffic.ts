import { type Command, InvalidArgumentError } from 'commander';
import { type Acceptance, isGuardrail } from '../bundle/acceptance.ts';
import { type SupposedTraffic, usualRates } from '../control-plane/forecast/supposed-traffic.ts';
import type { ObservedTraffic } from './observe-traffic.ts';

/** Traffic as flags state it; what is not stated is absent. */
export interface StatedTraffic {
  readonly rps?: number;
  readonly unitShare?: number;
  readonly errorRate?: number;
  readonly breachRate?: number;
  readonly abstainRate?: number;
  readonly disagreementRate?: number;
  readonly outputRate?: Readonly<Record<string, number>>;
  readonly outcomeRate?: Readonly<Record<string, number>>;
  readonly runMs?: number;
}

/** Reads a number above 0. */
export const positive = (text: string): number => {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new InvalidArgumentError('expected a number above 0');
  return value;
};

/** Reads a share from 0 to 1. */
export const share = (text: string): number => {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0 && value <= 1)) throw new InvalidArgumentError('expected a share from 0 to 1');
  return value;
};

const namedShare = (text: string, before: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> => {
  const [name, value, ...rest] = text.split('=');
  if (!name || value === undefined || rest.length > 0) throw new InvalidArgumentError('expected name=share, like flagged=0.01');
  return { ...before, [name]: share(value) };
};

/** Adds the flags that state traffic. */
export const withTraffic = (command: Command): Command =>
  command
    .option('--rps <number>', 'requests per second', positive)
    .option('--unit-share <share>', 'share of the requests that are the first of their routing key; 1 without keys', share)
    .option('--error-rate <share>', `share of the baseline's requests that fail (default: ${usualRates.errorRate})`, share)
    .option('--breach-rate <share>', `share of the baseline's outputs that are rejected (default: ${usualRates.breachRate})`, share)
    .option('--abstain-rate <share>', `share of the baseline's answers that abstain (default: ${usualRates.abstainRate})`, share)
    .option(
      '--disagreement-rate <share>',
      `share of requests to which the baseline answers differently each time (default: ${usualRates.disagreementRate})`,
      share,
    )
    .option('--output-rate <name=share>', `share of answers in which an output is true, again for each output (default: ${usualRates.outputRate})`, namedShare)
    .option(
      '--outcome-rate <name=share>',
      `rate or mean of an outcome, again for each outcome (default: ${usualRates.outcomeRate}, of a mean ${usualRates.outcomeMean})`,
      namedShare,
    )
    .option('--run-ms <ms>', `median run of the baseline, milliseconds (default: ${usualRates.runMs})`, positive);

/** Where a figure of the supposed traffic comes from. */
export type Origin = 'stated' | 'observed' | 'supposed';

/** A figure that a forecast uses, in the words of its flag. */
export interface TrafficFigure {
  readonly name: string;
  readonly value: number;
  readonly origin: Origin;
}

interface Sources {
  readonly stated: StatedTraffic;
  readonly observed: ObservedTraffic;
}

const figure = (name: string, [stated, observed, supposed]: readonly [number | undefined, number | undefined, number]): TrafficFigure => {
  if (stated !== undefined) return { name, value: stated, origin: 'stated' };
  return observed === undefined ? { name, value: supposed, origin: 'supposed' } : { name, value: observed, origin: 'observed' };
};

const scalars = ({ stated, observed }: Sources, requestsPerSecond: number) => ({
  requestsPerSecond: figure('rps', [stated.rps, observed.requestsPerSecond, requestsPerSecond]),
  unitShare: figure('unit-share', [stated.unitShare, observed.unitShare, 1]),
  errorRate: figure('error-rate', [stated.errorRate, observed.errorRate, usualRates.errorRate]),
  breachRate: figure('breach-rate', [stated.breachRate, observed.breachRate, usualRates.breachRate]),
  abstainRate: figure('abstain-rate', [stated.abstainRate, observed.abstainRate, usualRates.abstainRate]),
  disagreementRate: figure('disagreement-rate', [stated.disagreementRate, observed.disagreementRate, usualRates.disagreementRate]),
  runMs: figure('run-ms', [stated.runMs, observed.runMs, usualRates.runMs]),
});

/** Figures that some live criterion depends on; the others change nothing and are not shown. */
const isUsed = (name: string, kinds: ReadonlySet<string>): boolean => {
  const kindOf: Readonly<Record<string, string>> = {
    'breach-rate': 'breachRate',
    'error-rate': 'errorRate',
    'abstain-rate': 'abstainRate',
    'disagreement-rate': 'disagreement',
    'run-ms': 'latency',
  };
  const kind = kindOf[name];
  return kind === undefined || kinds.has(kind);
};

/** The traffic of a forecast: what is stated, else what was observed, else what is usual; and the figures with their origins. */
export const trafficOf = (sources: Sources, { criteria }: Acceptance): { readonly traffic: SupposedTraffic; readonly figures: readonly TrafficFigure[] } => {
  const { stated, observed } = sources;
  const live = criteria.filter(isGuardrail);
  const plain = scalars(sources, 0);
  const outputs = live.flatMap(({ metric }) =>
    metric.kind === 'outputRate'
      ? [figure(metric.output, [stated.outputRate?.[metric.output], observed.outputRates?.[metric.output], usualRates.outputRate])]
      : [],
  );
  const outcomes = live.flatMap(({ metric }) =>
    metric.kind === 'outcomeRate' || metric.kind === 'outcomeMean'
      ? [figure(metric.outcome, [stated.outcomeRate?.[metric.outcome], observed.outcomeRates?.[metric.outcome], usualRates[metric.kind]])]
      : [],
  );
  const kinds = new Set<string>(live.map(({ metric }) => metric.kind));
  const byName = (figures: readonly TrafficFigure[]): Readonly<Record<string, number>> => Object.fromEntries(figures.map(({ name, value }) => [name, value]));
  return {
    traffic: {
      requestsPerSecond: plain.requestsPerSecond.value,
      unitShare: plain.unitShare.value,
      errorRate: plain.errorRate.value,
      breachRate: plain.breachRate.value,
      abstainRate: plain.abstainRate.value,
      disagreementRate: plain.disagreementRate.value,
      runMs: plain.runMs.value,
      outputRates: byName(outputs),
      outcomeRates: byName(outcomes),
    },
    figures: [...Object.values(plain).filter(({ name }) => isUsed(name, kinds)), ...outputs, ...outcomes],
  };
};
