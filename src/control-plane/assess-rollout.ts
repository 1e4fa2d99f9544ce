/** What a rollout's counts say, live and in a replay alike: from measurements to the assessment that the engine decides from. Pure. */
import { assessGuards, type GuardAssessment, type Assessment as GuardsAssessment } from './analysis/assess-guards.ts';
import type { IntervalOptions } from './analysis/confidence-sequence.ts';
import type { Evidence } from './analysis/evidence.ts';
import type { BlockCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { type AssignedStratum, assessSampleRatio, type SampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';

/** What an assessment is made from, live and in a replay. */
export interface Measurements {
  readonly guards: readonly Guard[];
  readonly evidence: Evidence;
  /** The blocks that are not folded, oldest first. */
  readonly open: readonly BlockCounts[];
  /** All assignments of the rollout. */
  readonly assigned: readonly AssignedStratum[];
  readonly risk: { readonly falseRollback: number; readonly falsePromotion: number };
  /** Why a guard could not be measured, by name. */
  readonly unmeasured: Readonly<Record<string, string>>;
  readonly ineligibleShare: number | null;
}

/** What the statistics say of measurements. */
export interface Judged {
  readonly judged: GuardsAssessment;
  readonly ratio: SampleRatio;
}

/** Asks the statistics. Pure. */
export const judge = ({ guards, evidence, open, assigned, risk, unmeasured }: Measurements, intervals?: IntervalOptions): Judged => ({
  judged: assessGuards({
    guards,
    evidence,
    prefixes: [open],
    risk: { alpha: risk.falseRollback, beta: risk.falsePromotion },
    unmeasured,
    ...(intervals === undefined ? {} : { intervals }),
  }),
  ratio: assessSampleRatio(assigned),
});

const verdicts = { worse: 'worse', 'within-margin': 'within-margin', undecided: 'undecided', 'could-not-measure': 'not-measured' } as const;

const figuresOf = ({ n, events, value }: GuardAssessment['baseline']): NonNullable<GuardrailState['baseline']> => ({
  n,
  ...(events === null ? {} : { events }),
  value,
});

const guardrailOf = (guard: GuardAssessment): GuardrailState => ({
  name: guard.name,
  verdict: verdicts[guard.verdict],
  baseline: guard.inability === null ? figuresOf(guard.baseline) : null,
  candidate: guard.inability === null ? figuresOf(guard.candidate) : null,
  effect: guard.effect,
  interval: guard.interval,
  evidence: guard.inability === null ? guard.e : null,
  graduation: guard.inability === null ? guard.graduation.e : null,
});

const eventWords: Readonly<Record<string, string>> = {
  errorRate: 'failed',
  breachRate: 'had their output rejected',
  outputRate: 'were flagged',
  abstainRate: 'were abstained from',
};

const points = (value: number): string => `${value >= 0 ? '+' : ''}${Number((value * 100).toPrecision(2))} points`;

const marginWords = (margin: { readonly absolute?: number; readonly relative?: number }): string =>
  margin.absolute === undefined
    ? `${(margin.relative ?? 0) >= 0 ? '+' : ''}${Number(((margin.relative ?? 0) * 100).toPrecision(3))} %`
    : points(margin.absolute);

const count = (value: number | null): string => (value ?? 0).toLocaleString('en-US');

const sentenceOf = (guard: GuardAssessment, guards: readonly Guard[]): string => {
  const margin = guards.find(({ name }) => name === guard.name)?.margin ?? {};
  const { candidate, baseline } = guard;
  return (
    `${count(candidate.events)} of ${count(candidate.n)} candidate requests ${eventWords[guard.kind] ?? 'differed'} against ${count(baseline.events)} of ${count(baseline.n)} on the baseline, ` +
    `beyond the allowed ${marginWords(margin)} (difference ${points(guard.effect ?? 0)})`
  );
};

/** All that the engine decides from, but for what it learns elsewhere: signals, and whether the store can be reached. */
export const assessmentOf = ({ guards, assigned, ineligibleShare }: Measurements, { judged, ratio }: Judged): Assessment => {
  const blamed = judged.guards.find(({ name }) => name === judged.blamed);
  return {
    evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
    worse: blamed === undefined ? null : { name: blamed.name, sentence: sentenceOf(blamed, guards) },
    guardrails: judged.guards.map(guardrailOf),
    candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
    ineligibleShare,
    sampleRatioAlarm: ratio.ok
      ? null
      : `the candidate got ${count(ratio.observed)} requests where ${count(Math.round(ratio.expected))} were due: the split is not trusted`,
    signal: null,
    storeDown: false,
  };
};
