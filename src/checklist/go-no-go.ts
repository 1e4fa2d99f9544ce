import type { Checked } from './checklist.ts';
import { quantileOf } from './evaluation/compare-latency.ts';
import type { Judgement } from './evaluation/judge.ts';
import { severityOf } from './finding.ts';

/** The decision about a candidate against its baseline, with the figures that it rests on. */
export interface GoNoGo {
  readonly decision: 'go' | 'no-go' | 'undecided';
  /** The rules of the acceptance file that decide, in words. */
  readonly decidedBy: readonly string[];
  readonly quality: readonly Judgement[];
  readonly latency: {
    readonly candidateP50Ms: number;
    readonly baselineP50Ms: number;
    readonly candidateP95Ms: number;
    readonly baselineP95Ms: number;
    readonly ratioP50: number;
    readonly ratioP95: number;
  };
  /** Seconds of one core for 1,000 rows at the best measured batch. */
  readonly cpuSecondsPer1000: { readonly candidate: number; readonly baseline: number };
  /** Share of one core's capacity that is left at the declared throughput; negative: one core is not enough. Null without a declared throughput. */
  readonly capacityLeft: { readonly candidate: number; readonly baseline: number } | null;
  /** Ways to win latency back that were measured here. */
  readonly waysBack: readonly string[];
}

type Costs = Checked['costs']['own'];

const cheapest = (costs: Costs): { readonly rows: number; readonly msPerRow: number } =>
  costs
    .map(({ rows, ms }) => ({ rows, msPerRow: ms / rows }))
    .reduce((best, next) => (next.msPerRow < best.msPerRow ? next : best), { rows: 0, msPerRow: Number.POSITIVE_INFINITY });

const single = (costs: Costs): number => costs.find(({ rows }) => rows === 1)?.ms ?? Number.NaN;

const rounded = (value: number): number => Number(value.toPrecision(3));

const waysBack = (costs: Costs): readonly string[] => {
  const best = cheapest(costs);
  const one = single(costs);
  const batching =
    best.rows > 1 && best.msPerRow < one
      ? [`batches of ${best.rows} rows cost ${rounded(best.msPerRow)} ms a row instead of ${rounded(one)} ms: more throughput, not less latency`]
      : [];
  const largest = costs.at(-1);
  const smaller =
    largest !== undefined && largest.rows > 1 && largest.ms > 2 * one
      ? [`requests of 1 row take ${rounded(one)} ms, of ${largest.rows} rows ${rounded(largest.ms)} ms: smaller requests answer sooner`]
      : [];
  const none =
    costs.length > 0 && batching.length === 0 && smaller.length === 0 ? ['a batch gains nothing for this model: each row costs what it costs alone'] : [];
  return [...batching, ...smaller, ...none];
};

const decisionOf = ({ findings, evaluation }: Checked): Pick<GoNoGo, 'decision' | 'decidedBy'> => {
  const judgements = evaluation?.judgements ?? [];
  const missed = judgements.filter(({ verdict }) => verdict === 'missed');
  const others = findings.filter(({ rule }) => rule !== 'criterion-met' && severityOf(rule, false) === 'failure');
  const words = ({ criterion, allowed, effect, candidate, why }: Judgement): string =>
    `${criterion}: ${why ?? rounded(effect ?? candidate)}, allowed ${allowed}`;
  if (missed.length > 0) return { decision: 'no-go', decidedBy: missed.map(words) };
  if (others.length > 0) return { decision: 'no-go', decidedBy: [...new Set(others.map(({ rule }) => `the rule ${rule}`))] };
  if (judgements.length === 0 || judgements.some(({ verdict }) => verdict === 'not-compared'))
    return { decision: 'undecided', decidedBy: ['nothing was compared'] };
  return { decision: 'go', decidedBy: judgements.map(words) };
};

/** Go or no-go, by the acceptance file alone. Null when the two versions could not be compared. */
export const goNoGo = (checked: Checked): GoNoGo | null => {
  const { evaluation, costs, bundle } = checked;
  if (evaluation === null || bundle === null || costs.baseline.length === 0) return null;
  const { candidate, baseline } = evaluation.latency;
  const [own50, other50, own95, other95] = [quantileOf(candidate, 0.5), quantileOf(baseline, 0.5), quantileOf(candidate, 0.95), quantileOf(baseline, 0.95)];
  const due = bundle.manifest.budgets.throughputRowsPerSecond;
  const left = (of: Costs): number => 1 - ((due ?? 0) * cheapest(of).msPerRow) / 1_000;
  return {
    ...decisionOf(checked),
    quality: evaluation.judgements.filter(({ kind }) => kind !== 'latency'),
    latency: {
      candidateP50Ms: own50,
      baselineP50Ms: other50,
      candidateP95Ms: own95,
      baselineP95Ms: other95,
      ratioP50: own50 / other50,
      ratioP95: own95 / other95,
    },
    cpuSecondsPer1000: { candidate: cheapest(costs.own).msPerRow, baseline: cheapest(costs.baseline).msPerRow },
    capacityLeft: due === undefined ? null : { candidate: left(costs.own), baseline: left(costs.baseline) },
    waysBack: waysBack(costs.own),
  };
};
