/** What a rollout's counts say, live and in a replay alike: from measurements to what the engine decides from. Pure. */
import { assessGuards, type GuardAssessment, type Assessment as GuardsAssessment } from './analysis/assess-guards.ts';
import type { IntervalOptions } from './analysis/confidence-sequence.ts';
import type { Evidence } from './analysis/evidence.ts';
import type { BlockCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { type AssignedStratum, assessSampleRatio, type SampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { count } from './guard-sentence.ts';

/** What an assessment is made from. */
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
}

/** What the statistics say of measurements. */
export interface Judged {
  readonly judged: GuardsAssessment;
  readonly ratio: SampleRatio;
}

/** Asks the statistics. */
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

/** One guardrail as operators see it, without a note. */
export const guardrailOf = (guard: GuardAssessment): GuardrailState => ({
  name: guard.name,
  verdict: verdicts[guard.verdict],
  baseline: guard.inability === null ? figuresOf(guard.baseline) : null,
  candidate: guard.inability === null ? figuresOf(guard.candidate) : null,
  effect: guard.effect,
  interval: guard.interval,
  evidence: guard.inability === null ? guard.e : null,
  graduation: guard.inability === null ? guard.graduation.e : null,
});

/** What follows from the counts alone: without sentences, and as if nothing else were known. */
export const bareAssessment = ({ guards, assigned }: Measurements, { judged, ratio }: Judged): Assessment => ({
  evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
  worse: judged.blamed === null ? null : { name: judged.blamed, sentence: judged.blamed },
  guardrails: judged.guards.map(guardrailOf),
  candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
  ineligibleShare: null,
  notCompared: null,
  sampleRatioAlarm: ratio.ok
    ? null
    : `the candidate got ${count(ratio.observed)} requests where ${count(Math.round(ratio.expected))} were due: the split is not trusted`,
  labelAlarm: null,
  outcomesDueAtMs: null,
  signal: null,
  storeDown: false,
});
