/**
 * The engine's own moves, decided from plain data. A weight rises only along the plan, one step at a time, and only while
 * nothing is worse; it falls only by a rollback. What is not known is never taken for success.
 */
import type { HeldFor, RolloutRecord } from '../store/rollout-store.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { restedBy, rolledBack } from './command.ts';
import type { Plan, Step } from './plan.ts';
import { enterStep, isLive, type Position, positionOf, stepWords, ticked } from './position.ts';

/** What a decision is made from. */
export interface DecideInput {
  readonly record: RolloutRecord;
  readonly plan: Plan;
  readonly assessment: Assessment;
  /** Milliseconds since the tick before. */
  readonly tickedMs: number;
}

/** What the engine does now: nothing, with what it waits for in words, or a move to another position, with the sentence for people. */
export type Decided =
  | { readonly action: 'nothing'; readonly waitsFor: string | null }
  | {
      readonly action: 'advance' | 'hold' | 'continue' | 'roll-back' | 'inconclusive' | 'bake' | 'promoted';
      readonly to: Position;
      readonly sentence: string;
    };

/** The decision with the clocks already ticked. */
interface Situation {
  readonly at: Position;
  readonly plan: Plan;
  readonly assessment: Assessment;
  readonly record: RolloutRecord;
}

/** Whether the step is done; if not, whether time or evidence is missing, or the time for the evidence is over. */
type StepEnd =
  | { readonly end: 'due'; readonly why: string }
  | { readonly end: 'not-yet' }
  | { readonly end: 'evidence-missing' | 'deadline'; readonly why: string };

const count = (value: number): string => value.toLocaleString('en-US');

/** Short enough to read aloud: `1.8`, `42`, `6.9e8`. */
const evidenceWords = (value: number): string => {
  if (value >= 1_000) return value.toExponential(1).replace('e+', 'e');
  return String(Number(value.toPrecision(value >= 10 ? 3 : 2)));
};

const armWords = (arm: GuardrailState['candidate']): string => (arm?.events === undefined ? count(arm?.n ?? 0) : `${count(arm.events)} of ${count(arm.n)}`);

const undecidedWords = (name: string, { guardrails }: Assessment): string => {
  const guardrail = guardrails.find((entry) => entry.name === name);
  const note = guardrail?.note === undefined ? '' : `: ${guardrail.note}`;
  if (guardrail === undefined || guardrail.verdict === 'not-measured') return `${name} is not measured${note}`;
  return note === ''
    ? `${name} ${guardrail.verdict}: ${armWords(guardrail.candidate)} against ${armWords(guardrail.baseline)}`
    : `${name} ${guardrail.verdict}${note}`;
};

const isWithinMargin = (name: string, { guardrails }: Assessment): boolean => {
  const named = guardrails.filter((entry) => entry.name === name);
  return named.length > 0 && named.every(({ verdict }) => verdict === 'within-margin');
};

const worseWords = ({ worse }: Assessment): readonly string[] => (worse === null ? [] : [`${worse.name} may be worse: ${worse.sentence}`]);

type Analysis = Extract<Step, { analysis: unknown }>['analysis'];

/** Why the evidence does not let an analysis pass; empty when it does. */
const missingEvidence = (analysis: Analysis, { at, assessment }: Situation): readonly string[] => {
  const units = Math.max(0, assessment.candidateUnits - at.stepStartUnits);
  const few = units >= analysis.minSamples ? [] : [`${count(units)} of ${count(analysis.minSamples)} candidate requests`];
  const open = (analysis.require ?? []).filter((name) => !isWithinMargin(name, assessment)).map((name) => undecidedWords(name, assessment));
  return [...worseWords(assessment), ...few, ...open];
};

const analysisEnd = (analysis: Analysis, situation: Situation): StepEnd => {
  const { at, assessment } = situation;
  if (at.stepElapsedMs < analysis.atLeast) return { end: 'not-yet' };
  const missing = missingEvidence(analysis, situation);
  if (missing.length === 0) {
    const units = assessment.candidateUnits - at.stepStartUnits;
    return { end: 'due', why: `${count(units)} candidate requests and nothing is worse` };
  }
  return { end: at.stepElapsedMs >= analysis.deadline ? 'deadline' : 'evidence-missing', why: missing.join('; ') };
};

/** A step that only takes its time still ends only while nothing is worse: what follows it may raise the weight. */
const timedEnd = (durationMs: number, { at, assessment }: Situation): StepEnd => {
  if (at.stepElapsedMs < durationMs) return { end: 'not-yet' };
  const [worse] = worseWords(assessment);
  return worse === undefined ? { end: 'due', why: 'nothing is worse' } : { end: 'evidence-missing', why: worse };
};

/** A shadow step that compared nothing has shown nothing: what follows it sends people to the candidate. */
const shadowEnd = (durationMs: number, situation: Situation): StepEnd => {
  const timed = timedEnd(durationMs, situation);
  const { notCompared } = situation.assessment;
  return timed.end === 'due' && notCompared !== null ? { end: 'evidence-missing', why: notCompared } : timed;
};

const stepEnd = (situation: Situation): StepEnd => {
  const entry = situation.plan.steps[situation.at.step];
  if (entry === undefined) return { end: 'not-yet' };
  if ('analysis' in entry) return analysisEnd(entry.analysis, situation);
  if ('setWeight' in entry) return timedEnd(0, situation);
  if ('shadow' in entry) return shadowEnd(entry.shadow.duration, situation);
  return entry.pause.duration === undefined ? { end: 'not-yet' } : timedEnd(entry.pause.duration, situation);
};

const nothing: Decided = { action: 'nothing', waitsFor: null };

const hold = ({ at }: Situation, heldFor: HeldFor, why: string): Decided =>
  at.phase === 'held' && at.heldFor === heldFor
    ? { action: 'nothing', waitsFor: why }
    : { action: 'hold', to: { ...at, phase: 'held', heldFor }, sentence: `held: ${why}` };

/** Why nobody new may be sent to the candidate for good, whatever the guards say; null when nothing speaks against it. */
const ineligibleWords = ({ plan, assessment }: Situation): string | null =>
  assessment.ineligibleShare !== null && assessment.ineligibleShare > plan.maxIneligible
    ? `${(assessment.ineligibleShare * 100).toPrecision(2)} % of the requests of the last hour satisfy only the baseline's contract, the plan allows ${plan.maxIneligible * 100} %`
    : null;

const advance = (situation: Situation, why: string): Decided => {
  const { at, plan, assessment } = situation;
  const ineligible = ineligibleWords(situation);
  if (ineligible !== null) return hold(situation, 'ineligible', ineligible);
  const to = enterStep(plan, at.step + 1, { signal: at.signal, units: assessment.candidateUnits });
  const sentence = `${stepWords(plan, at.step)} is done: ${why}; ${stepWords(plan, at.step + 1)} begins`;
  return { action: to.phase === 'baking' ? 'bake' : 'advance', to, sentence };
};

const decideProgress = (situation: Situation): Decided => {
  const { at, plan, assessment } = situation;
  const alarm = assessment.sampleRatioAlarm ?? assessment.labelAlarm;
  if (alarm !== null) return hold(situation, 'sample-ratio', alarm);
  const step = stepEnd(situation);
  switch (step.end) {
    case 'due':
      return advance(situation, step.why);
    case 'evidence-missing':
      return hold(situation, 'evidence', step.why);
    case 'deadline':
      return {
        action: 'inconclusive',
        to: { ...at, phase: 'inconclusive', heldFor: null },
        sentence: `${stepWords(plan, at.step)} passed its deadline undecided: ${step.why}`,
      };
    case 'not-yet':
      return at.phase === 'held'
        ? { action: 'continue', to: { ...at, phase: 'progressing', heldFor: null }, sentence: `${stepWords(plan, at.step)} goes on: what held it is over` }
        : nothing;
  }
};

/** Outcomes are watched to the end of the bake, and the last ones mature with their bucket: up to an hour after the window and the grace. */
const outcomeWords = ({ outcomesDueAtMs }: Assessment): string | null =>
  outcomesDueAtMs === null ? null : `the last outcomes, which are mature at ${new Date(outcomesDueAtMs).toISOString()}`;

/** The baking phase has no hold of its own: it lasts until nothing speaks against the end. */
const decideBake = (situation: Situation): Decided => {
  const { at, plan, assessment, record } = situation;
  if (at.bakeElapsedMs < plan.bake) return nothing;
  const against = assessment.sampleRatioAlarm ?? ineligibleWords(situation) ?? worseWords(assessment)[0] ?? outcomeWords(assessment);
  if (against !== null) return { action: 'nothing', waitsFor: against };
  return { action: 'promoted', to: { ...at, phase: 'promoted' }, sentence: `${record.candidate} is the baseline now: the bake is over and nothing is worse` };
};

const decideRollback = ({ at, assessment }: Situation): Decided | null => {
  const { evidence, worse } = assessment;
  if (evidence === null || !(evidence.value >= evidence.threshold)) return null;
  const sentence = `Rolled back: ${worse?.sentence ?? 'the guardrails together'}; evidence ${evidenceWords(evidence.value)}, needed ${evidenceWords(evidence.threshold)}.`;
  return { action: 'roll-back', to: rolledBack(at), sentence };
};

/** A signal takes the traffic away in every live phase and gives it back; only a rollout that the engine drives becomes `held`. */
const decideSignal = ({ at, assessment }: Situation): Decided | null => {
  const { signal } = assessment;
  const driven = at.phase === 'progressing' || at.phase === 'held';
  if (signal !== null) {
    if (at.signal === signal.name) return { action: 'nothing', waitsFor: signal.words };
    // Also when another signal was in force before: the record names the one that is.
    return { action: 'hold', to: restedBy(at, signal.name), sentence: `held: ${signal.words}; the baseline answers` };
  }
  if (at.signal === null) return null;
  const to: Position = { ...at, signal: null, ...(driven ? { phase: 'progressing', heldFor: null } : {}) };
  return { action: 'continue', to, sentence: `the signal ${at.signal} is back within its limit: the weight is in force again` };
};

const decideByPhase = (situation: Situation): Decided => {
  const { phase } = situation.at;
  if (phase === 'baking') return decideBake(situation);
  return phase === 'progressing' || phase === 'held' ? decideProgress(situation) : nothing;
};

/** What the engine does with a rollout now. Pure: the same input gives the same decision, and nothing is saved or published here. */
export const decide = ({ record, plan, assessment, tickedMs }: DecideInput): Decided => {
  if (!isLive(record.phase)) return nothing;
  const situation: Situation = { at: positionOf(ticked(record, tickedMs)), plan, assessment, record };
  const rollback = decideRollback(situation);
  if (rollback !== null) return rollback;
  const signalled = decideSignal(situation);
  // What takes traffic away needs no store.
  if (signalled?.action === 'hold') return signalled;
  if (assessment.storeDown) return { action: 'nothing', waitsFor: 'the store, which is down' };
  return signalled ?? decideByPhase(situation);
};

/** Which of its moves takes traffic from the candidate of a rollout; null when none does. */
export const takeAwayOf = ({ action, ...decision }: Decided, record: RolloutRecord): 'rollback' | 'hold' | null => {
  if (action === 'roll-back') return 'rollback';
  return action === 'hold' && 'to' in decision && decision.to.signal !== null && decision.to.signal !== record.signal ? 'hold' : null;
};
