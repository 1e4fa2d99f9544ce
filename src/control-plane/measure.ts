/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */
import type { OutcomeStore } from '../store/outcome-store.ts';
import type { Observation, RolloutRecord } from '../store/rollout-store.ts';
import { assessGuards, type GuardAssessment } from './analysis/assess-guards.ts';
import { assessSampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { type LiveGuards, liveGuards } from './live-guards.ts';
import { firstMatureAtMs, labelAlarmOf, lastMatureAtMs, type Matured, noOutcomes, type OutcomeGuard, takeMatured } from './outcome-evidence.ts';
import { outcomeSentence, waitingWords } from './outcome-words.ts';
import { assignedOf, continueIn, gather, ineligibleShareOf, type KeptEvidence, startKeptEvidence, waitingUnitsOf } from './rollout-evidence.ts';
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

const sentenceOf = (guard: GuardAssessment, { guards }: LiveGuards): string => {
  const outcome = outcomeGuardsOf(guards).find((watched) => watched.guard === guard.name);
  const known = guards.find((entry) => entry.guard.name === guard.name)?.guard;
  if (outcome !== undefined && known !== undefined) return outcomeSentence(guard, outcome, known);
  const margin = known?.margin ?? {};
  const { candidate, baseline } = guard;
  return (
    `${count(candidate.events)} of ${count(candidate.n)} candidate requests ${eventWords[guard.kind] ?? 'differed'} against ${count(baseline.events)} of ${count(baseline.n)} on the baseline, ` +
    `beyond the allowed ${marginWords(margin)} (difference ${points(guard.effect ?? 0)})`
  );
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
  const details = watched.flatMap((guard, index) => {
    const counted = assessed.find(({ name }) => name === guard.guard);
    const detail = alarms[index] ?? (counted === undefined ? undefined : waitingWords(counted, firstMatureAtMs(waiting, guard)));
    return detail === undefined ? [] : [[guard.guard, { detail }] as const];
  });
  return {
    details: Object.fromEntries(details) as Readonly<Record<string, { readonly detail: string }>>,
    labelAlarm: alarms.find((alarm) => alarm !== null) ?? null,
    dueAtMs: lastMatureAtMs(waiting, watched),
  };
};

const assessmentOf = (
  measured: Measured,
  risk: { readonly falseRollback: number; readonly falsePromotion: number },
  { knowsKeys }: Observation,
): Assessment => {
  const { kept, guards } = measured;
  const lost = knowsKeys ? {} : Object.fromEntries(guards.map(({ guard }) => [guard.name, 'the keys that were seen before the restart are not known']));
  const unmeasured = { ...lost, ...measured.unmeasured };
  const judged = assessGuards({
    guards: guards.map(({ guard }) => guard),
    evidence: kept.evidence,
    prefixes: [kept.open.map(({ counts }) => counts)],
    risk: { alpha: risk.falseRollback, beta: risk.falsePromotion },
    unmeasured,
  });
  const assigned = assignedOf(kept);
  const ratio = assessSampleRatio(assigned);
  const blamed = judged.guards.find(({ name }) => name === judged.blamed);
  const outcomes = outcomeFindings(measured, judged.guards);
  return {
    evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
    worse: blamed === undefined ? null : { name: blamed.name, sentence: sentenceOf(blamed, measured) },
    guardrails: judged.guards.map((guard) => ({ ...guardrailOf(guard), ...outcomes.details[guard.name] })),
    candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
    ineligibleShare: ineligibleShareOf(kept),
    sampleRatioAlarm: ratio.ok
      ? null
      : `the candidate got ${count(ratio.observed)} requests where ${count(Math.round(ratio.expected))} were due: the split is not trusted`,
    labelAlarm: outcomes.labelAlarm,
    outcomesDueAtMs: outcomes.dueAtMs,
    signal: null,
    storeDown: false,
  };
};
