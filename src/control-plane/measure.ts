/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */
import type { Observation, PairExample, RolloutRecord } from '../store/rollout-store.ts';
import { assessGuards, type GuardAssessment } from './analysis/assess-guards.ts';
import { leastRuns } from './analysis/latency-history.ts';
import { assessSampleRatio } from './analysis/sample-ratio.ts';
import type { Assessment, GuardrailState } from './assessment.ts';
import { count, exampleWords, guardSentence } from './guard-sentence.ts';
import { type LiveGuards, liveGuards } from './live-guards.ts';
import { assignedOf, type CountedGuard, comparedPairsOf, gather, ineligibleShareOf, type KeptEvidence, startKeptEvidence } from './rollout-evidence.ts';
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
  const guard = guards.find((entry) => entry.guard.name === assessed.name)?.guard;
  if (guard === undefined) return assessed.name;
  const own = examples.filter(({ kind, arm }) => assessed.source !== 'units' && kind === exampleKinds[assessed.kind] && arm !== 'baseline');
  const pins = kept.open.at(-1)?.pins[assessed.name] ?? {};
  return guardSentence({ assessed, guard, pins }) + exampleWords(own.slice(-examplesNamed).map(({ requestId }) => requestId));
};

/** The two dependencies of the engine that know about evidence. */
export const createMeasure = ({ counters, deadlineSecondsOf }: MeasureDeps): Pick<EngineDeps, 'assess' | 'evidence'> => {
  const rollouts = new Map<string, Measured>();

  const start = (record: RolloutRecord, kept: KeptEvidence | null): Measured => {
    const plan = planOf(record);
    const live = liveGuards(acceptanceOf(record), plan, { watchedOutputs: watchedOutputsOf(record), blockMs: blockSeconds * 1_000 });
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
    const rules = { blockSeconds, deadlineSeconds: deadlineSecondsOf(model) };
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
  return {
    evidence: guards.length === 0 ? null : { value: judged.evidence.e, threshold: judged.threshold },
    worse: blamed === undefined ? null : { name: blamed.name, sentence: sentenceOf(blamed, measured, observation) },
    guardrails: judged.guards.map((guard) => guardrailOf(guard, measured)),
    candidateUnits: assigned.reduce((sum, { candidate }) => sum + candidate, 0),
    ineligibleShare: ineligibleShareOf(kept),
    notCompared: notComparedWords(measured, observation),
    sampleRatioAlarm: ratio.ok
      ? null
      : `the candidate got ${count(ratio.observed)} requests where ${count(Math.round(ratio.expected))} were due: the split is not trusted`,
    signal: null,
    storeDown: false,
  };
};
