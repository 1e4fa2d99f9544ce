import type { GuardMargin } from './analysis/guard-criterion.ts';
import type { Guard } from './analysis/guard-test.ts';
import type { LatencyMargin } from './analysis/latency-edge.ts';

const valueWords: Readonly<Record<Guard['kind'], string>> = {
  errorRate: 'error rate',
  latency: 'run time',
  breachRate: 'rate of rejected outputs',
  outputRate: 'rate of the output',
  abstainRate: 'rate of abstentions',
  disagreement: 'rate of answers that differ',
  outcomeRate: 'rate of the outcome',
  outcomeMean: 'mean of the outcome',
};

const percent = (share: number): string => `${Number((share * 100).toPrecision(6))} %`;

const marginWords = (margin: GuardMargin | LatencyMargin): string => {
  if ('absolute' in margin) return `${Number((margin.absolute * 100).toPrecision(6))} points`;
  const atLeast = 'atLeastMs' in margin && margin.atLeastMs > 0 ? ` or ${margin.atLeastMs} ms, whichever is more` : '';
  return `${percent(margin.relative)} of the baseline's${atLeast}`;
};

/** What a guard holds against the candidate until it is refuted, with its margin. */
export const hypothesisWords = ({ kind, margin, rollback }: Guard): string => {
  const harms = new Set(rollback.map(({ hypothesis }) => hypothesis.harm));
  const direction = harms.size > 1 ? 'differs from' : harms.has(-1) ? 'is below' : 'is above';
  return `the candidate's ${valueWords[kind]} ${direction} the baseline's by no more than ${marginWords(margin)}`;
};
