/** What a rollout's counts say, live and in a replay alike: from measurements to the assessment that the engine decides from. Pure. */
import { assessGuards, type GuardAssessment, type Assessment as GuardsAssessment } from './analysis/assess-guards.ts';
import type { IntervalOptions } from './analysis/confidence-sequence.ts';
import type { Evidence } from './analysis/evidence.ts';
import type { BlockCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { type AssignedStratum, assessSampleRatio, type SampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { count } from './guard-sentence.ts';

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

/** What the engine learns beside the counts, and what a replay has from the decision's entry. */
export interface LearntElsewhere {
  /** Why no request can be compared, or that none was; null while pairs are made. */
  readonly notCompared: string | null;
  readonly labelAlarm: string | null;
  readonly outcomesDueAtMs: number | null;
}

/** Words about guards, for people. */
export interface GuardWords {
  /** What condemns a guard. */
  readonly sentenceOf: (guard: GuardAssessment) => string;
  /** Why a guard says nothing, or what else there is to know of it; null when there is nothing to explain. */
  readonly noteOf: (guard: GuardAssessment) => string | null;
}

/** For a replay, which needs none. */
const noWords: GuardWords = { sentenceOf: ({ name }) => name, noteOf: () => null };

const guardrailOf = (guard: GuardAssessment, { noteOf }: GuardWords): GuardrailState => {
  const note = noteOf(guard);
  return {
    name: guard.name,
    verdict: verdicts[guard.verdict],
    baseline: guard.inability === null ? figuresOf(guard.baseline) : null,
    candidate: guard.inability === null ? figuresOf(guard.candidate) : null,
    effect: guard.effect,
    interval: guard.interval,
    evidence: guard.inability === null ? guard.e : null,
    graduation: guard.inability === null ? guard.graduation.e : null,
    ...(note === null ? {} : { note }),
  };
};

const ratioWords = ({ ok, observed, expected }: SampleRatio): string | null =>
  ok ? null : `the candidate got ${count(observed)} requests where ${count(Math.round(expected))} were due: the split is not trusted`;

/** All that the engine decides from, but for signals and whether the store can be reached. */
export const assessmentOf = (
  { measurements, judgement, elsewhere }: { readonly measurements: Measurements; readonly judgement: Judged; readonly elsewhere: LearntElsewhere },
  words: GuardWords = noWords,
): Assessment => {
  const { guards, assigned, ineligibleShare } = measurements;
  const { judged, ratio } = judgement;
  const blamed = judged.guards.find(({ name }) => name === judged.blamed);
  return {
    evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
    worse: blamed === undefined ? null : { name: blamed.name, sentence: words.sentenceOf(blamed) },
    guardrails: judged.guards.map((guard) => guardrailOf(guard, words)),
    candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
    ineligibleShare,
    ...elsewhere,
    sampleRatioAlarm: ratioWords(ratio),
    signal: null,
    storeDown: false,
  };
};
