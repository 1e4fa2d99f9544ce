/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */
import type { OutcomeStore } from '../store/outcome-store.ts';
import type { FilterChange, Observation, PairExample, RolloutRecord } from '../store/rollout-store.ts';
import type { GuardAssessment } from './analysis/assess-guards.ts';
import { leastRuns } from './analysis/latency-history.ts';
import { bareAssessment, guardrailOf, type Judged, judge, type Measurements } from './assess-rollout.ts';
import type { Assessment } from './assessment.ts';
import { blockContent } from './block-entry.ts';
import { decisionEvidence } from './decision-evidence.ts';
import { count, exampleWords, guardSentence } from './guard-sentence.ts';
import { blockSeconds, type LiveGuards, liveGuardsOf } from './live-guards.ts';
import { firstMatureAtMs, labelAlarmOf, lastMatureAtMs, type Matured, type OutcomeGuard, takeMatured } from './outcome-evidence.ts';
import { outcomeSentence, waitingWords } from './outcome-words.ts';
import {
  assignedOf,
  type CountedGuard,
  comparedPairsOf,
  continueIn,
  gather,
  ineligibleShareOf,
  type KeptEvidence,
  type SealedBlock,
  startKeptEvidence,
  waitingUnitsOf,
} from './rollout-evidence.ts';
import { planOf } from './standing.ts';
import type { EngineDeps, KeepNow } from './tick.ts';

/** The counters of the data plane, as far as the engine needs them. */
export interface Counters {
  readonly incarnation: string;
  readonly observe: (rollout: string) => Observation;
  readonly forgetBefore: (rollout: string, second: number) => void;
  readonly disownKeys: (rollout: string) => void;
  /** Whether the keys of an earlier life were there when this one began to count. */
  readonly hasEarlierKeys: (rollout: string) => boolean;
  /** These changes of the key filters are in the store. */
  readonly keysKept: (rollout: string, filters: readonly FilterChange[]) => void;
  /** Drops a rollout that has ended. */
  readonly forget: (rollout: string) => void;
}

export interface MeasureDeps {
  readonly counters: Counters;
  /** The longest that a request of the model may take, seconds. */
  readonly deadlineSecondsOf: (model: string) => number;
  /** Milliseconds since the epoch. */
  readonly wallMs: () => number;
  /** Where posted outcomes are kept, and the wall clock by which they age; absent: none can come, and their guards are not measured. */
  readonly outcomes?: { readonly store: Pick<OutcomeStore, 'counts'>; readonly wallMs: () => number };
}

interface Measured extends LiveGuards {
  readonly rollout: string;
  readonly kept: KeptEvidence;
  /** False while the store could not say what there was before: then nothing is kept, and no counter is forgotten. */
  readonly restored: boolean;
  /** Sealed blocks that are not in the ledger yet, and the number of the last one that is. */
  readonly unkept: readonly SealedBlock[];
  readonly sealedBlocks: number;
  /** What the key filters have got since they were kept last. */
  readonly filters: readonly FilterChange[];
  /** Why guards cannot be measured now, by name. */
  readonly lacking: Readonly<Record<string, string>>;
}

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

/** Evidence as it was kept; what an earlier gateway did not know of is as at the start. */
const readKept = (text: string, start: KeptEvidence): KeptEvidence => {
  const kept = JSON.parse(text) as KeptEvidence;
  const unknown = { buckets: [], outcomes: {}, fromMs: 0, toMs: 0 };
  return { ...start, ...kept, open: kept.open.map((block) => ({ ...unknown, ...block })) };
};

const firstBucketOf = (counts: Observation['counts']): number => counts.reduce((first, { bucket }) => Math.min(first, bucket), Number.POSITIVE_INFINITY);

/** A rollout as this life begins to measure it, with what is kept of it. */
const startMeasured = (record: RolloutRecord, text: string | null, { counters, outcomes }: MeasureDeps): Measured => {
  const live = liveGuardsOf(record);
  const fresh = startKeptEvidence(live.guards, counters.incarnation);
  const kept = text === null ? fresh : readKept(text, fresh);
  // Keys were seen that the store does not know any more: no key can be called new, so keyed requests are no evidence from now on.
  if (kept.incarnation !== counters.incarnation && planOf(record).routingKey !== undefined && !counters.hasEarlierKeys(record.rollout)) {
    counters.disownKeys(record.rollout);
  }
  const unmeasured = outcomes === undefined ? { ...live.unmeasured, ...withoutOutcomes(live) } : live.unmeasured;
  const sealedBlocks = kept.evidence.sealedBlocks - kept.emptyBlocks;
  return { ...live, unmeasured, rollout: record.rollout, kept, restored: true, unkept: [], sealedBlocks, filters: [], lacking: {} };
};

/** The outcomes that have matured. A store that fails gives none now, and all of them at a later tick. */
const mature = async (
  { rollout, kept, guards }: Measured,
  { counts }: Observation,
  outcomes: MeasureDeps['outcomes'],
): Promise<Matured & { readonly failed: boolean }> => {
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

const keepNow = ({ kept, unkept, filters, guards }: Measured, record: RolloutRecord, at: string): KeepNow => {
  const { model, rollout } = record;
  const of = { model, rollout, at, guards: guards.map(({ guard }) => guard), risk: planOf(record).risk };
  return { evidence: JSON.stringify(kept), blocks: unkept.map((block) => blockContent(block, of)), filters };
};

/** The two dependencies of the engine that know about evidence. */
export const createMeasure = (deps: MeasureDeps): Pick<EngineDeps, 'assess' | 'evidence'> => {
  const { counters, deadlineSecondsOf, wallMs } = deps;
  const rollouts = new Map<string, Measured>();

  const start = (record: RolloutRecord, text: string | null): Measured => startMeasured(record, text, deps);
  const lastOf = (model: string, record: RolloutRecord): Measured => {
    const known = rollouts.get(model);
    return known?.rollout === record.rollout ? known : start(record, null);
  };

  const release = (model: string): void => {
    const known = rollouts.get(model);
    if (known === undefined) return;
    counters.forget(known.rollout);
    rollouts.delete(model);
  };

  const assess = async (model: string, record: RolloutRecord): Promise<Assessment> => {
    const last = lastOf(model, record);
    const known = last.restored ? last : { ...start(record, null), restored: false };
    const continued = continueIn(known.kept, known.guards, counters.incarnation);
    const before = { ...known, kept: continued.kept };
    const observation = counters.observe(record.rollout);
    const matured = await mature(before, observation, deps.outcomes);
    const rules = { blockSeconds, deadlineSeconds: deadlineSecondsOf(model) };
    const gathering = { guards: before.guards, rules, matured: matured.counts, wallMs: wallMs() };
    const { kept, sealed, keepFromSecond } = gather({ ...before.kept, outcomes: matured.kept }, observation, gathering);
    if (before.restored) counters.forgetBefore(record.rollout, keepFromSecond);
    const unkept = [...before.unkept, ...continued.sealed, ...sealed];
    const measured = { ...before, kept, unkept, filters: observation.filters, lacking: inabilities(before, observation) };
    const measurements = measurementsOf(measured, record);
    const judgement = judge(measurements);
    rollouts.set(model, { ...measured, kept: { ...kept, peakLnE: peakOf(kept, judgement) } });
    const assessment = assessmentOf(measured, { measurements, judgement, observation });
    return matured.failed ? { ...assessment, storeDown: true } : assessment;
  };

  return {
    assess,
    evidence: {
      restore: (model, record, text) => {
        const known = rollouts.get(model);
        if (known?.rollout === record.rollout && known.restored) return;
        if (known !== undefined && known.rollout !== record.rollout) release(model);
        rollouts.set(model, start(record, text));
      },
      defer: (model, record) => void rollouts.set(model, { ...start(record, null), restored: false }),
      toKeep: (model, record) => keepNow(lastOf(model, record), record, new Date(wallMs()).toISOString()),
      kept: (model, record) => {
        const last = lastOf(model, record);
        counters.keysKept(record.rollout, last.filters);
        rollouts.set(model, { ...last, unkept: [], filters: [], sealedBlocks: last.unkept.at(-1)?.number ?? last.sealedBlocks });
      },
      forDecision: (model, record, seen) => {
        const last = lastOf(model, record);
        return decisionEvidence({ ...last, record, measurements: measurementsOf(last, record), seen });
      },
      release,
    },
  };
};

const peakOf = ({ peakLnE }: KeptEvidence, { judged }: Judged): number | null => {
  const { lnE } = judged.evidence;
  return Number.isFinite(lnE) ? Math.max(peakLnE ?? lnE, lnE) : peakLnE;
};

const measurementsOf = ({ kept, guards, lacking }: Measured, record: RolloutRecord): Measurements => ({
  guards: guards.map(({ guard }) => guard),
  evidence: kept.evidence,
  open: kept.open.map(({ counts }) => counts),
  assigned: assignedOf(kept),
  risk: planOf(record).risk,
  unmeasured: lacking,
});

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

interface Assessed {
  readonly measurements: Measurements;
  readonly judgement: Judged;
  readonly observation: Observation;
}

const assessmentOf = (measured: Measured, { measurements, judgement, observation }: Assessed): Assessment => {
  const { guards: assessed, blamed } = judgement.judged;
  const worse = assessed.find(({ name }) => name === blamed);
  const outcomes = outcomeFindings(measured, assessed);
  return {
    ...bareAssessment(measurements, judgement),
    worse: worse === undefined ? null : { name: worse.name, sentence: sentenceOf(worse, measured, observation) },
    guardrails: assessed.map((guard) => ({ ...guardrailOf(guard), ...noteOf(guard, measured), ...outcomes.notes[guard.name] })),
    ineligibleShare: ineligibleShareOf(measured.kept),
    notCompared: notComparedWords(measured, observation),
    labelAlarm: outcomes.labelAlarm,
    outcomesDueAtMs: outcomes.dueAtMs,
  };
};
