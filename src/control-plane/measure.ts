/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */

import type { FilterChange, Observation } from '../store/observation.ts';
import type { OutcomeStore } from '../store/outcome-store.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { assessmentOf, type Judged, judge, type Measurements } from './assess-rollout.ts';
import type { Assessment } from './assessment.ts';
import { blockContent } from './block-entry.ts';
import { decisionEvidence } from './decision-evidence.ts';
import { ineligibleShareOf } from './eligible-minutes.ts';
import type { SeenExamples } from './guard-examples.ts';
import { type LiveGuards, liveGuardsOf } from './live-guards.ts';
import type { CountedGuard } from './open-block.ts';
import { type Matured, noOutcomes, outcomeGuardsOf, takeMatured } from './outcome-evidence.ts';
import { outcomeFindings } from './outcome-findings.ts';
import { blockSecondsOf } from './plan.ts';
import { assignedOf, comparedPairsOf, continueIn, gather, type KeptEvidence, type SealedBlock, startKeptEvidence } from './rollout-evidence.ts';
import { liveWords } from './rollout-words.ts';
import { planOf } from './standing.ts';
import type { EngineDeps } from './tick.ts';

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
  /** The same for what outcomes are mature by, which is not taken back; absent: the same. */
  readonly maturityMs?: () => number;
  /** Where posted outcomes are kept; absent: none can come, and their guards are not measured. */
  readonly outcomes?: Pick<OutcomeStore, 'counts'>;
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
  /** Requests on which this life has seen something. */
  readonly seen: SeenExamples;
  /** Why guards cannot be measured now, by name. */
  readonly inabilities: Readonly<Record<string, string>>;
}

/** Evidence as it was kept; what an earlier gateway did not know of is empty. */
const readKept = (text: string): Partial<KeptEvidence> => {
  const kept = JSON.parse(text) as KeptEvidence;
  const whole = (block: KeptEvidence['open'][number]) => ({
    ...block,
    pairs: block.pairs ?? 0,
    baselineRuns: block.baselineRuns ?? [],
    buckets: block.buckets ?? [],
    outcomes: block.outcomes ?? {},
  });
  return {
    ...kept,
    times: kept.times ?? null,
    outcomes: kept.outcomes ?? noOutcomes,
    open: kept.open.map(whole),
    underWay: kept.underWay == null ? null : whole(kept.underWay),
  };
};

const firstBucketOf = (counts: Observation['counts']): number => counts.reduce((first, { bucket }) => Math.min(first, bucket), Number.POSITIVE_INFINITY);

/** A rollout as this life of the gateway begins to measure it, from what was kept of it. */
const startMeasured = (
  record: RolloutRecord,
  kept: Partial<KeptEvidence> | null,
  { counters, outcomes }: Pick<MeasureDeps, 'counters'> & { readonly outcomes: MeasureDeps['outcomes'] | undefined },
): Measured => {
  const live = liveGuardsOf(record);
  // Keys were seen that the store does not know any more: no key can be called new, so keyed requests are no evidence from now on.
  const isOfEarlierLife = kept !== null && kept.incarnation !== counters.incarnation;
  if (isOfEarlierLife && planOf(record).routingKey !== undefined && !counters.hasEarlierKeys(record.rollout)) counters.disownKeys(record.rollout);
  const begun = { ...startKeptEvidence(live.guards, counters.incarnation), ...kept };
  const sealedBlocks = begun.evidence.sealedBlocks - begun.emptyBlocks;
  const unmeasured = outcomes === undefined ? { ...live.unmeasured, ...withoutOutcomes(live) } : live.unmeasured;
  return {
    ...live,
    unmeasured,
    rollout: record.rollout,
    kept: begun,
    restored: false,
    unkept: [],
    sealedBlocks,
    filters: [],
    inabilities: unmeasured,
    seen: { examples: [], unitExamples: [] },
  };
};

/** The outcomes that have matured. A store that fails gives none now, and all of them at a later tick. */
const mature = async (
  { rollout, guards, kept }: Measured,
  { counts }: Observation,
  { outcomes, nowMs }: { readonly nowMs: number; readonly outcomes: MeasureDeps['outcomes'] | undefined },
): Promise<Matured & { readonly failed: boolean }> => {
  const nothing = { counts: {}, kept: kept.outcomes, failed: false };
  const watched = outcomeGuardsOf(guards);
  if (outcomes === undefined || watched.length === 0) return nothing;
  try {
    const deps = { rollout, store: outcomes, nowMs, firstOpenBucket: firstBucketOf(counts) };
    return { ...(await takeMatured(kept.outcomes, watched, deps)), failed: false };
  } catch {
    return { ...nothing, failed: true };
  }
};

/** The two dependencies of the engine that know about evidence. */
export const createMeasure = ({ counters, deadlineSecondsOf, wallMs, maturityMs = wallMs, outcomes }: MeasureDeps): Pick<EngineDeps, 'assess' | 'evidence'> => {
  const rollouts = new Map<string, Measured>();

  const start = (record: RolloutRecord, kept: Partial<KeptEvidence> | null): Measured => startMeasured(record, kept, { counters, outcomes });

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
    const before = last.restored ? last : start(record, null);
    const begun = continueIn(before.kept, before.guards, counters.incarnation);
    const observation = counters.observe(record.rollout);
    const matured = await mature({ ...before, kept: begun.kept }, observation, { outcomes, nowMs: maturityMs() });
    const rules = { blockSeconds: blockSecondsOf(planOf(record)), deadlineSeconds: deadlineSecondsOf(model) };
    const options = { guards: before.guards, rules, wallMs: wallMs(), matured: matured.counts };
    const { kept, sealed, keepFromSecond } = gather({ ...begun.kept, outcomes: matured.kept }, observation, options);
    if (before.restored) counters.forgetBefore(record.rollout, keepFromSecond);
    const unkept = [...before.unkept, ...begun.sealed, ...sealed];
    const measured = { ...before, kept, unkept, filters: observation.filters, inabilities: inabilitiesOf(before, observation), seen: seenIn(observation) };
    const measurements = measurementsOf(measured, record);
    const judgement = judge(measurements);
    rollouts.set(model, { ...measured, kept: { ...kept, peakLnE: peakOf(kept, judgement) } });
    const assessment = shown({ measured, measurements, judgement, observation });
    return matured.failed ? { ...assessment, storeDown: true } : assessment;
  };

  return {
    assess,
    evidence: {
      restore: (model, record, text) => {
        const known = rollouts.get(model);
        if (known?.rollout === record.rollout && known.restored) return;
        if (known !== undefined && known.rollout !== record.rollout) release(model);
        rollouts.set(model, { ...start(record, text === null ? null : readKept(text)), restored: true });
      },
      toKeep: (model, record) => {
        const { kept, unkept, filters, guards } = lastOf(model, record);
        const at = new Date(wallMs()).toISOString();
        const of = { model, rollout: record.rollout, at, guards: guards.map(({ guard }) => guard), risk: planOf(record).risk };
        return { evidence: JSON.stringify(kept), blocks: unkept.map((block) => blockContent(block, of)), filters };
      },
      kept: (model, record) => {
        const last = lastOf(model, record);
        counters.keysKept(record.rollout, last.filters);
        rollouts.set(model, { ...last, unkept: [], filters: [], sealedBlocks: last.unkept.at(-1)?.number ?? last.sealedBlocks });
      },
      forDecision: (model, record, seen) => {
        const last = lastOf(model, record);
        return decisionEvidence({ ...last, examples: last.seen, record, measurements: measurementsOf(last, record), seen });
      },
      release,
    },
  };
};

/** The assessment with what only the live evidence knows. */
const shown = ({
  measured,
  measurements,
  judgement,
  observation,
}: {
  readonly measured: Measured;
  readonly measurements: Measurements;
  readonly judgement: Judged;
  readonly observation: Observation;
}): Assessment => {
  const outcomes = outcomeFindings(measured, judgement.judged.guards);
  const elsewhere = { notCompared: notComparedWords(measured, observation), labelAlarm: outcomes.labelAlarm, outcomesDueAtMs: outcomes.dueAtMs };
  return assessmentOf({ measurements, judgement, elsewhere }, liveWords({ ...measured, examples: observation.examples, outcomes }));
};

/** Not the whole observation: it would be kept until the next. */
const seenIn = ({ examples, unitExamples }: Observation): SeenExamples => ({ examples, unitExamples });

const peakOf = ({ peakLnE }: KeptEvidence, { judged }: Judged): number | null => {
  const { lnE } = judged.evidence;
  return Number.isFinite(lnE) ? Math.max(peakLnE ?? lnE, lnE) : peakLnE;
};

const withoutOutcomes = ({ guards }: LiveGuards): Readonly<Record<string, string>> =>
  Object.fromEntries(outcomeGuardsOf(guards).map(({ guard }) => [guard, 'no outcomes can be posted']));

/** Why guards cannot be measured now, by name: what never will be, keys that are not known, a comparison that does not run. */
const inabilitiesOf = ({ guards, unmeasured }: LiveGuards, { knowsKeys, notCompared }: Observation): Readonly<Record<string, string>> => {
  const names = (of: (guard: CountedGuard) => boolean, words: string): Readonly<Record<string, string>> =>
    Object.fromEntries(guards.filter(of).map(({ guard }) => [guard.name, words]));
  return {
    ...(knowsKeys ? {} : names(({ pairsOf }) => pairsOf !== 'latency', 'the keys that were seen before the restart are not known')),
    ...(notCompared === null ? {} : names(({ eventOf, pairsOf }) => eventOf === null && pairsOf !== null, notCompared)),
    ...unmeasured,
  };
};

const notComparedWords = ({ kept }: Pick<Measured, 'kept'>, { notCompared }: Observation): string | null =>
  notCompared ?? (comparedPairsOf(kept) === 0 ? 'no request has been compared yet' : null);

const measurementsOf = ({ kept, guards, inabilities }: Measured, record: RolloutRecord): Measurements => ({
  guards: guards.map(({ guard }) => guard),
  evidence: kept.evidence,
  open: kept.open.map(({ counts }) => counts),
  assigned: assignedOf(kept),
  risk: planOf(record).risk,
  unmeasured: inabilities,
  ineligibleShare: ineligibleShareOf(kept),
});
