/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */
import type { OutcomeStore } from '../store/outcome-store.ts';
import type { Observation, PairExample, RolloutRecord } from '../store/rollout-store.ts';
import { assessGuards, type GuardAssessment } from './analysis/assess-guards.ts';
import { leastRuns } from './analysis/latency-history.ts';
import { assessSampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { count, exampleWords, guardSentence } from './guard-sentence.ts';
import { type LiveGuards, liveGuards } from './live-guards.ts';
import { firstMatureAtMs, labelAlarmOf, lastMatureAtMs, type Matured, noOutcomes, type OutcomeGuard, takeMatured } from './outcome-evidence.ts';
import { outcomeSentence, waitingWords } from './outcome-words.ts';
import {
  assignedOf,
  type CountedGuard,
  comparedPairsOf,
  continueIn,
  gather,
  ineligibleShareOf,
  type KeptEvidence,
  startKeptEvidence,
  waitingUnitsOf,
} from './rollout-evidence.ts';
import { acceptanceOf, planOf, watchedOutputsOf } from './standing.ts';
import type { EngineDeps } from './tick.ts';

/** The counters of the data plane, as far as the engine needs them. */
export interface Counters {
  readonly incarnation: string;
  readonly observe: (rollout: string) => Observation;
  readonly forgetBefore: (rollout: string, second: number) => void;
  readonly disownKeys: (rollout: string) => void;
  /** Drops a rollout that has ended. */
  readonly forget: (rollout: string) => void;
}

export interface MeasureDeps {
  readonly counters: Counters;
  /** The longest that a request of the model may take, seconds. */
  readonly deadlineSecondsOf: (model: string) => number;
  /** Where posted outcomes are kept, and the wall clock by which they age; absent: none can come, and their guards are not measured. */
  readonly outcomes?: { readonly store: Pick<OutcomeStore, 'counts'>; readonly wallMs: () => number };
}

interface Measured extends LiveGuards {
  readonly rollout: string;
  readonly kept: KeptEvidence;
}

const blockSeconds = 60;

const verdicts = { worse: 'worse', 'within-margin': 'within-margin', undecided: 'undecided', 'could-not-measure': 'not-measured' } as const;

const figuresOf = ({ n, events, value }: GuardAssessment['baseline']): NonNullable<GuardrailState['baseline']> => ({
  n,
  ...(events === null ? {} : { events }),
  value,
});

const guardrailOf = (guard: GuardAssessment, measured: Measured): GuardrailState => ({
  name: guard.name,
  verdict: verdicts[guard.verdict],
  baseline: guard.inability === null ? figuresOf(guard.baseline) : null,
  candidate: guard.inability === null ? figuresOf(guard.candidate) : null,
  effect: guard.effect,
  interval: guard.interval,
  evidence: guard.inability === null ? guard.e : null,
  graduation: guard.inability === null ? guard.graduation.e : null,
  ...noteOf(guard, measured),
});

/** Why a guard that could be measured says nothing yet. */
const silence = ({ name, kind, verdict }: GuardAssessment, { kept }: Measured): string | null => {
  if (verdict !== 'undecided' || (kind !== 'latency' && kind !== 'disagreement')) return null;
  const pins = kept.open.at(-1)?.pins[name] ?? {};
  if (kind === 'disagreement') return (pins.noiseFloor ?? 1) < 1 ? null : 'silent until the baseline was compared with itself';
  if (pins.latencyEdges !== undefined) return null;
  return `silent until a block begins after ${count(leastRuns)} compared requests: ${count(Math.floor(comparedPairsOf(kept)))} so far`;
};

const noteOf = (guard: GuardAssessment, measured: Measured): { readonly note?: string } => {
  const note = guard.inability ?? silence(guard, measured);
  return note === null ? {} : { note };
};

/** Which examples of pairs belong to a kind of guardrail. */
const exampleKinds: Readonly<Record<string, PairExample['kind']>> = { errorRate: 'error', breachRate: 'breach', disagreement: 'difference' };
const examplesNamed = 3;

/** A sentence names requests only where pairs condemn: those that callers sent are in the log under their own ids anyway. */
const sentenceOf = (assessed: GuardAssessment, { guards, kept }: Measured, { examples }: Observation): string => {
  const known = guards.find((entry) => entry.guard.name === assessed.name);
  if (known === undefined) return assessed.name;
  if (known.outcome !== null) return outcomeSentence(assessed, { guard: assessed.name, outcome: known.outcome }, known.guard);
  const own = examples.filter(({ kind, arm }) => assessed.source !== 'units' && kind === exampleKinds[assessed.kind] && arm !== 'baseline');
  const pins = kept.open.at(-1)?.pins[assessed.name] ?? {};
  return guardSentence({ assessed, guard: known.guard, pins }) + exampleWords(own.slice(-examplesNamed).map(({ requestId }) => requestId));
};

const outcomeGuardsOf = (guards: LiveGuards['guards']): readonly OutcomeGuard[] =>
  guards.flatMap(({ guard, outcome }) => (outcome === null ? [] : [{ guard: guard.name, outcome }]));

/** Evidence as it was kept; what an earlier gateway did not know of is empty. */
const readKept = (text: string): KeptEvidence => {
  const kept = JSON.parse(text) as KeptEvidence & { readonly outcomes?: KeptEvidence['outcomes'] };
  return {
    ...kept,
    outcomes: kept.outcomes ?? noOutcomes,
    open: kept.open.map((block) => ({ ...block, buckets: block.buckets ?? [], outcomes: block.outcomes ?? {} })),
  };
};

const firstBucketOf = (counts: Observation['counts']): number => counts.reduce((first, { bucket }) => Math.min(first, bucket), Number.POSITIVE_INFINITY);

/** The two dependencies of the engine that know about evidence. */
export const createMeasure = ({ counters, deadlineSecondsOf, outcomes }: MeasureDeps): Pick<EngineDeps, 'assess' | 'evidence'> => {
  const rollouts = new Map<string, Measured>();

  const start = (record: RolloutRecord, kept: KeptEvidence | null): Measured => {
    const plan = planOf(record);
    const live = liveGuards(acceptanceOf(record), plan, { watchedOutputs: watchedOutputsOf(record), blockMs: blockSeconds * 1_000 });
    // The seen keys of an earlier life are not kept: no key can be called new, so keyed requests are no evidence any more.
    if (kept !== null && kept.incarnation !== counters.incarnation && plan.routingKey !== undefined) counters.disownKeys(record.rollout);
    const unmeasured = outcomes === undefined ? { ...live.unmeasured, ...withoutOutcomes(live) } : live.unmeasured;
    return { ...live, unmeasured, rollout: record.rollout, kept: kept ?? startKeptEvidence(live.guards, counters.incarnation) };
  };

  const measuredOf = (model: string, record: RolloutRecord): Measured => {
    const known = rollouts.get(model);
    if (known?.rollout === record.rollout) return known;
    if (known !== undefined) counters.forget(known.rollout);
    return start(record, null);
  };

  /** The outcomes that have matured. A store that fails gives none now, and all of them at a later tick. */
  const mature = async ({ rollout, kept, guards }: Measured, { counts }: Observation): Promise<Matured & { readonly failed: boolean }> => {
    const nothing = { counts: {}, kept: kept.outcomes, failed: false };
    const watched = outcomeGuardsOf(guards);
    if (outcomes === undefined || watched.length === 0) return nothing;
    try {
      const deps = { rollout, store: outcomes.store, nowMs: outcomes.wallMs(), firstOpenBucket: firstBucketOf(counts) };
      return { ...(await takeMatured(kept.outcomes, watched, deps)), failed: false };
    } catch {
      return { ...nothing, failed: true };
    }
  };

  const assess = async (model: string, record: RolloutRecord): Promise<Assessment> => {
    const known = measuredOf(model, record);
    const before = { ...known, kept: continueIn(known.kept, known.guards, counters.incarnation) };
    const observation = counters.observe(record.rollout);
    const matured = await mature(before, observation);
    const rules = { blockSeconds, deadlineSeconds: deadlineSecondsOf(model) };
    const { kept, keepFromSecond } = gather({ ...before.kept, outcomes: matured.kept }, observation, { guards: before.guards, rules, matured: matured.counts });
    counters.forgetBefore(record.rollout, keepFromSecond);
    const measured = { ...before, kept };
    rollouts.set(model, measured);
    const assessment = assessmentOf(measured, planOf(record).risk, observation);
    return matured.failed ? { ...assessment, storeDown: true } : assessment;
  };

  return {
    assess,
    evidence: {
      restore: (model, record, text) => {
        if (rollouts.get(model)?.rollout === record.rollout) return;
        rollouts.set(model, start(record, text === null ? null : readKept(text)));
      },
      textOf: (model, record) => JSON.stringify(measuredOf(model, record).kept),
    },
  };
};

const withoutOutcomes = ({ guards }: LiveGuards): Readonly<Record<string, string>> =>
  Object.fromEntries(outcomeGuardsOf(guards).map(({ guard }) => [guard, 'no outcomes can be posted']));

/** What outcomes add to an assessment: words for their guards, the alarm of their labels, and how long they are waited for. */
const outcomeFindings = ({ kept, guards }: Measured, assessed: readonly GuardAssessment[]) => {
  const watched = outcomeGuardsOf(guards);
  const waiting = waitingUnitsOf(kept);
  const alarms = watched.map((guard) => labelAlarmOf(kept.outcomes, guard));
  const notes = watched.flatMap((guard, index) => {
    const counted = assessed.find(({ name }) => name === guard.guard);
    const note = alarms[index] ?? (counted === undefined ? undefined : waitingWords(counted, firstMatureAtMs(waiting, guard)));
    return note === undefined ? [] : [[guard.guard, { note }] as const];
  });
  return {
    notes: Object.fromEntries(notes) as Readonly<Record<string, { readonly note: string }>>,
    labelAlarm: alarms.find((alarm) => alarm !== null) ?? null,
    dueAtMs: lastMatureAtMs(waiting, watched),
  };
};

/** Why guards cannot be measured now, by name: what never will be, keys that are not known, a comparison that does not run. */
const inabilities = ({ guards, unmeasured }: Measured, { knowsKeys, notCompared }: Observation): Readonly<Record<string, string>> => {
  const names = (of: (guard: CountedGuard) => boolean, words: string): Readonly<Record<string, string>> =>
    Object.fromEntries(guards.filter(of).map(({ guard }) => [guard.name, words]));
  return {
    ...(knowsKeys ? {} : names(({ pairsOf }) => pairsOf !== 'latency', 'the keys that were seen before the restart are not known')),
    ...(notCompared === null ? {} : names(({ eventOf, pairsOf }) => eventOf === null && pairsOf !== null, notCompared)),
    ...unmeasured,
  };
};

const notComparedWords = ({ kept }: Measured, { notCompared }: Observation): string | null =>
  notCompared ?? (comparedPairsOf(kept) === 0 ? 'no request has been compared yet' : null);

const assessmentOf = (measured: Measured, risk: { readonly falseRollback: number; readonly falsePromotion: number }, observation: Observation): Assessment => {
  const { kept, guards } = measured;
  const judged = assessGuards({
    guards: guards.map(({ guard }) => guard),
    evidence: kept.evidence,
    prefixes: [kept.open.map(({ counts }) => counts)],
    risk: { alpha: risk.falseRollback, beta: risk.falsePromotion },
    unmeasured: inabilities(measured, observation),
  });
  const assigned = assignedOf(kept);
  const ratio = assessSampleRatio(assigned);
  const blamed = judged.guards.find(({ name }) => name === judged.blamed);
  const outcomes = outcomeFindings(measured, judged.guards);
  return {
    evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
    worse: blamed === undefined ? null : { name: blamed.name, sentence: sentenceOf(blamed, measured, observation) },
    guardrails: judged.guards.map((guard) => ({ ...guardrailOf(guard, measured), ...outcomes.notes[guard.name] })),
    candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
    ineligibleShare: ineligibleShareOf(kept),
    notCompared: notComparedWords(measured, observation),
    sampleRatioAlarm: ratio.ok
      ? null
      : `the candidate got ${count(ratio.observed)} requests where ${count(Math.round(ratio.expected))} were due: the split is not trusted`,
    labelAlarm: outcomes.labelAlarm,
    outcomesDueAtMs: outcomes.dueAtMs,
    signal: null,
    storeDown: false,
  };
};
