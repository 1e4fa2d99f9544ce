import type { Criterion } from '../../bundle/acceptance.ts';

/** The traffic for which a plan is forecast. Rates are the baseline's, shares in [0, 1]. */
export interface SupposedTraffic {
  readonly requestsPerSecond: number;
  /** Share of the requests that are evidence: with a routing key, those that are the first of their key. */
  readonly unitShare: number;
  readonly errorRate: number;
  readonly breachRate: number;
  readonly abstainRate: number;
  /** How often two answers of the baseline to one request differ. */
  readonly disagreementRate: number;
  /** By name of the output. */
  readonly outputRates: Readonly<Record<string, number>>;
  /** Rate or mean by name of the outcome. */
  readonly outcomeRates: Readonly<Record<string, number>>;
  /** Median run of the baseline, milliseconds. */
  readonly runMs: number;
}

/** What is supposed of a rate that nobody has stated or observed. Each use of one is shown to the reader. */
export const usualRates = {
  errorRate: 0.001,
  breachRate: 0,
  abstainRate: 0.05,
  disagreementRate: 0,
  outputRate: 0.01,
  outcomeRate: 0.05,
  outcomeMean: 0.6,
  runMs: 10,
} as const;

/** The baseline's rate of what a criterion watches; 0 for latency, which is compared in pairs of runs. */
export const baselineRate = ({ metric }: Criterion, traffic: SupposedTraffic): number => {
  switch (metric.kind) {
    case 'errorRate':
      return traffic.errorRate;
    case 'breachRate':
      return traffic.breachRate;
    case 'abstainRate':
      return traffic.abstainRate;
    case 'disagreement':
      return traffic.disagreementRate;
    case 'outputRate':
      return traffic.outputRates[metric.output] ?? usualRates.outputRate;
    case 'outcomeRate':
    case 'outcomeMean':
      return traffic.outcomeRates[metric.outcome] ?? usualRates[metric.kind];
    default:
      return 0;
  }
};
