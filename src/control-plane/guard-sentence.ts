/** What condemns a guardrail, in words with both arms' numbers. */
import { bucketStartUs } from '../latency-bucket.ts';
import type { GuardAssessment } from './analysis/assess-guards.ts';
import type { GuardPins } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import type { Harm } from './analysis/hypothesis.ts';

const eventWords: Readonly<Record<string, string>> = {
  errorRate: 'failed',
  breachRate: 'had their output rejected',
  outputRate: 'were flagged',
  abstainRate: 'were abstained from',
};

const pairEventWords: Readonly<Record<string, string>> = {
  errorRate: 'failed',
  breachRate: 'gave an output that was rejected',
};

const signed = (value: number): string => `${value >= 0 ? '+' : ''}${value}`;

const points = (value: number): string => `${signed(Number((value * 100).toPrecision(2)))} points`;

interface Margin {
  readonly absolute?: number;
  readonly relative?: number;
  readonly atLeastMs?: number;
}

const marginWords = ({ absolute, relative = 0, atLeastMs = 0 }: Margin, harm: Harm = 1): string => {
  if (absolute !== undefined) return points(harm * absolute);
  const percent = `${signed(Number((harm * relative * 100).toPrecision(3)))} %`;
  return atLeastMs > 0 ? `${percent} or ${atLeastMs} ms` : percent;
};

/** A count for people: 20,000. */
export const count = (value: number | null): string => (value ?? 0).toLocaleString('en-US');

/** Three digits: 0.412 ms, 5.31 ms, 148 ms. */
const ms = (bucket: number): string => `${Number((bucketStartUs(bucket) / 1_000).toPrecision(3))} ms`;

interface Condemned {
  readonly assessed: GuardAssessment;
  readonly guard: Guard;
  /** Of the newest block. */
  readonly pins: GuardPins;
}

const latencySentence = ({ assessed: { candidate, baseline, slot }, guard, pins }: Condemned): string => {
  const quantile = Number(((1 - (guard.slots[slot] ?? 0)) * 100).toFixed(2));
  const edge = pins.latencyEdges?.[slot];
  const [candidateTime, baselineTime] = edge === undefined ? ['', ''] : [` (${ms(edge.candidate)} or more)`, ` (${ms(edge.baseline)} or more)`];
  return (
    `the candidate was slower than the baseline's p${quantile} and the allowed ${marginWords(guard.margin)}${candidateTime} in ${count(candidate.events)} of ${count(candidate.n)} compared requests, ` +
    `the baseline slower than its p${quantile}${baselineTime} in ${count(baseline.events)} of them`
  );
};

const disagreementSentence = ({ assessed: { candidate, baseline, effect }, guard }: Condemned): string =>
  `the outputs of the two versions differed in ${count(candidate.events)} of ${count(candidate.n)} compared requests against ${count(baseline.events)} of ${count(baseline.n)} of the baseline with itself, ` +
  `beyond the allowed ${marginWords(guard.margin)} (difference ${points(effect ?? 0)})`;

const pairsSentence = ({ assessed: { kind, candidate, baseline, effect }, guard }: Condemned): string =>
  `the candidate ${pairEventWords[kind] ?? 'differed'} in ${count(candidate.events)} of ${count(candidate.n)} compared requests against ${count(baseline.events)} of the baseline, ` +
  `beyond the allowed ${marginWords(guard.margin)} (difference ${points(effect ?? 0)})`;

/** Which way is harm: of a rate of which more and fewer are, the side to which the candidate is off. */
const harmOf = ({ assessed: { effect }, guard: { rollback } }: Condemned): Harm => {
  const side = (effect ?? 0) < 0 ? -1 : 1;
  const harms = rollback.map(({ hypothesis }) => hypothesis.harm);
  return harms.includes(side) ? side : (harms[0] ?? 1);
};

const requestsSentence = (condemned: Condemned): string => {
  const { kind, candidate, baseline, effect } = condemned.assessed;
  return (
    `${count(candidate.events)} of ${count(candidate.n)} candidate requests ${eventWords[kind] ?? 'differed'} against ${count(baseline.events)} of ${count(baseline.n)} on the baseline, ` +
    `beyond the allowed ${marginWords(condemned.guard.margin, harmOf(condemned))} (difference ${points(effect ?? 0)})`
  );
};

/** The sentence of a guardrail that is to blame, without the evidence. */
export const guardSentence = (condemned: Condemned): string => {
  if (condemned.assessed.kind === 'latency') return latencySentence(condemned);
  if (condemned.assessed.source === 'differences') return disagreementSentence(condemned);
  return condemned.assessed.source === 'pairs' ? pairsSentence(condemned) : requestsSentence(condemned);
};

/** Request ids of the newest examples of the blamed guardrail's own kind, for the sentence; empty when there are none. */
export const exampleWords = (requestIds: readonly string[]): string => (requestIds.length === 0 ? '' : `; for example request ${requestIds.join(', ')}`);
