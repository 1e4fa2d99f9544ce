/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */
import type { Observation, RolloutRecord } from '../store/rollout-store.ts';
import { assessGuards, type GuardAssessment } from './analysis/assess-guards.ts';
import { assessSampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { type LiveGuards, liveGuards } from './live-guards.ts';
import { blockSecondsOf } from './plan.ts';
import { assignedOf, gather, ineligibleShareOf, type KeptEvidence, startKeptEvidence } from './rollout-evidence.ts';
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
}

interface Measured extends LiveGuards {
  readonly rollout: string;
  readonly kept: KeptEvidence;
}

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
  const margin = guards.find((entry) => entry.guard.name === guard.name)?.guard.margin ?? {};
  const { candidate, baseline } = guard;
  return (
    `${count(candidate.events)} of ${count(candidate.n)} candidate requests ${eventWords[guard.kind] ?? 'differed'} against ${count(baseline.events)} of ${count(baseline.n)} on the baseline, ` +
    `beyond the allowed ${marginWords(margin)} (difference ${points(guard.effect ?? 0)})`
  );
};

/** The two dependencies of the engine that know about evidence. */
export const createMeasure = ({ counters, deadlineSecondsOf }: MeasureDeps): Pick<EngineDeps, 'assess' | 'evidence'> => {
  const rollouts = new Map<string, Measured>();

  const start = (record: RolloutRecord, kept: KeptEvidence | null): Measured => {
    const plan = planOf(record);
    const live = liveGuards(acceptanceOf(record), plan, { watchedOutputs: watchedOutputsOf(record), blockMs: blockSecondsOf(plan) * 1_000 });
    // The seen keys of an earlier life are not kept: no key can be called new, so keyed requests are no evidence any more.
    if (kept !== null && kept.incarnation !== counters.incarnation && plan.routingKey !== undefined) counters.disownKeys(record.rollout);
    return { ...live, rollout: record.rollout, kept: kept ?? startKeptEvidence(live.guards, counters.incarnation) };
  };

  const measuredOf = (model: string, record: RolloutRecord): Measured => {
    const known = rollouts.get(model);
    if (known?.rollout === record.rollout) return known;
    if (known !== undefined) counters.forget(known.rollout);
    return start(record, null);
  };

  const assess = (model: string, record: RolloutRecord): Assessment => {
    const before = measuredOf(model, record);
    const observation = counters.observe(record.rollout);
    const rules = { blockSeconds: blockSecondsOf(planOf(record)), deadlineSeconds: deadlineSecondsOf(model) };
    const { kept, keepFromSecond } = gather(before.kept, observation, { guards: before.guards, rules });
    counters.forgetBefore(record.rollout, keepFromSecond);
    const measured = { ...before, kept };
    rollouts.set(model, measured);
    return assessmentOf(measured, planOf(record).risk, observation);
  };

  return {
    assess,
    evidence: {
      restore: (model, record, text) => {
        if (rollouts.get(model)?.rollout === record.rollout) return;
        rollouts.set(model, start(record, text === null ? null : (JSON.parse(text) as KeptEvidence)));
      },
      textOf: (model, record) => JSON.stringify(measuredOf(model, record).kept),
    },
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
  return {
    evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
    worse: blamed === undefined ? null : { name: blamed.name, sentence: sentenceOf(blamed, measured) },
    guardrails: judged.guards.map(guardrailOf),
    candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
    ineligibleShare: ineligibleShareOf(kept),
    sampleRatioAlarm: ratio.ok
      ? null
      : `the candidate got ${count(ratio.observed)} requests where ${count(Math.round(ratio.expected))} were due: the split is not trusted`,
    signal: null,
    storeDown: false,
  };
};
