import type { Acceptance, Criterion } from '../../bundle/acceptance.ts';
import { asFast, type Slowness } from './run-times.ts';
import { baselineRate, type SupposedTraffic } from './supposed-traffic.ts';

/** A supposed candidate, as one guard sees it. */
export interface Effect {
  /** In words, for people: `twice the margin`, `fault failing`. */
  readonly name: string;
  /** The candidate's rate or mean; for latency 0. */
  readonly rate: number;
  /** The candidate's runs; as fast for all but latency. */
  readonly slowness: Slowness;
}

type Fault = Acceptance['faults'][number];

const held = (rate: number): number => Math.min(1, Math.max(0, rate));

/** A margin of 0 has no double: a fifth more than the baseline's rate stands for it. */
const marginless = 0.2;

const doubleMarginRate = ({ metric, margin }: Criterion, rate: number): number => {
  const direction = 'harm' in metric && metric.harm === 'lower' ? -1 : 1;
  if (margin !== undefined && 'absolute' in margin && margin.absolute !== 0) return held(rate + direction * 2 * Math.abs(margin.absolute));
  const relative = margin !== undefined && 'relative' in margin ? Math.abs(margin.relative) : 0;
  return held(rate * (1 + direction * (relative === 0 ? marginless : 2 * relative)));
};

const doubleMarginSlowness = ({ margin }: Criterion, runMs: number): Slowness => {
  const relative = margin !== undefined && 'relative' in margin ? margin.relative : 0;
  const atLeastMs = (margin !== undefined && 'atLeastMs' in margin ? margin.atLeastMs : undefined) ?? 0;
  if (relative === 0 && atLeastMs === 0) return { factor: 1 + marginless, addMs: 0 };
  return atLeastMs > runMs * relative ? { factor: 1, addMs: 2 * atLeastMs } : { factor: 1 + 2 * relative, addMs: 0 };
};

/** What a declared fault does to what a criterion watches; null when nothing, or when only the model itself could tell. */
const faultEffect = (fault: Fault, { metric: { kind } }: Criterion, rate: number): Omit<Effect, 'name'> | null => {
  if ('errorRate' in fault && kind === 'errorRate') return { rate: rate + (1 - rate) * fault.errorRate, slowness: asFast };
  if ('output' in fault && fault.output === 'nan' && kind === 'breachRate') return { rate: rate + (1 - rate) * fault.share, slowness: asFast };
  if ('latency' in fault && kind === 'latency') return { rate, slowness: { factor: 1, addMs: fault.latency.addMs } };
  return null;
};

/** The candidates for which a guard's rollback is forecast: twice its margin, and the faults that the acceptance file declares for it. */
export const supposeEffects = (criterion: Criterion, { faults }: Acceptance, traffic: SupposedTraffic): readonly Effect[] => {
  const rate = baselineRate(criterion, traffic);
  const isLatency = criterion.metric.kind === 'latency';
  const double: Effect = isLatency
    ? { name: 'twice the margin', rate, slowness: doubleMarginSlowness(criterion, traffic.runMs) }
    : { name: 'twice the margin', rate: doubleMarginRate(criterion, rate), slowness: asFast };
  const declared = faults.flatMap((fault) => {
    const effect = faultEffect(fault, criterion, rate);
    return effect === null ? [] : [{ name: `fault ${fault.name}`, ...effect }];
  });
  return [double, ...declared];
};

/** Faults whose effect only the model itself can tell: a rehearsal shows it. */
export const unforeseenFaults = ({ faults }: Acceptance): readonly string[] =>
  faults.filter((fault) => 'swap' in fault || ('output' in fault && fault.output !== 'nan')).map(({ name }) => name);
