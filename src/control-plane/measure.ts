/** The measuring half of the engine: takes what the data plane has counted, keeps it as evidence, and says what it shows. */
import type { FilterChange, Observation, RolloutRecord } from '../store/rollout-store.ts';
import { assessmentOf, type Judged, judge, type Measurements } from './assess-rollout.ts';
import type { Assessment } from './assessment.ts';
import { blockContent } from './block-entry.ts';
import { decisionEvidence } from './decision-evidence.ts';
import { blockSeconds, type LiveGuards, liveGuardsOf } from './live-guards.ts';
import { assignedOf, gather, ineligibleShareOf, type KeptEvidence, type SealedBlock, startKeptEvidence } from './rollout-evidence.ts';
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
  readonly knowsKeys: boolean;
}

/** The two dependencies of the engine that know about evidence. */
export const createMeasure = ({ counters, deadlineSecondsOf, wallMs }: MeasureDeps): Pick<EngineDeps, 'assess' | 'evidence'> => {
  const rollouts = new Map<string, Measured>();

  const start = (record: RolloutRecord, kept: KeptEvidence | null): Measured => {
    const live = liveGuardsOf(record);
    // Keys were seen that the store does not know any more: no key can be called new, so keyed requests are no evidence from now on.
    const isOfEarlierLife = kept !== null && kept.incarnation !== counters.incarnation;
    if (isOfEarlierLife && planOf(record).routingKey !== undefined && !counters.hasEarlierKeys(record.rollout)) counters.disownKeys(record.rollout);
    const begun = { ...startKeptEvidence(live.guards, counters.incarnation), ...kept };
    const sealedBlocks = begun.evidence.sealedBlocks - begun.emptyBlocks;
    return { ...live, rollout: record.rollout, kept: begun, restored: false, unkept: [], sealedBlocks, filters: [], knowsKeys: true };
  };

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

  const assess = (model: string, record: RolloutRecord): Assessment => {
    const last = lastOf(model, record);
    const before = last.restored ? last : start(record, null);
    const observation = counters.observe(record.rollout);
    const rules = { blockSeconds, deadlineSeconds: deadlineSecondsOf(model) };
    const { kept, sealed, keepFromSecond } = gather(before.kept, observation, { guards: before.guards, rules, wallMs: wallMs() });
    if (before.restored) counters.forgetBefore(record.rollout, keepFromSecond);
    const { filters, knowsKeys } = observation;
    const measured = { ...before, kept, unkept: [...before.unkept, ...sealed], filters, knowsKeys };
    const measurements = measurementsOf(measured, record);
    const judgement = judge(measurements);
    rollouts.set(model, { ...measured, kept: { ...kept, peakLnE: peakOf(kept, judgement) } });
    return assessmentOf(measurements, judgement);
  };

  return {
    assess,
    evidence: {
      restore: (model, record, text) => {
        const known = rollouts.get(model);
        if (known?.rollout === record.rollout && known.restored) return;
        if (known !== undefined && known.rollout !== record.rollout) release(model);
        rollouts.set(model, { ...start(record, text === null ? null : (JSON.parse(text) as KeptEvidence)), restored: true });
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

const measurementsOf = (measured: Measured, record: RolloutRecord): Measurements => {
  const { kept, guards, unmeasured, knowsKeys } = measured;
  const lost = knowsKeys ? {} : Object.fromEntries(guards.map(({ guard }) => [guard.name, 'the keys that were seen before the restart are not known']));
  return {
    guards: guards.map(({ guard }) => guard),
    evidence: kept.evidence,
    open: kept.open.map(({ counts }) => counts),
    assigned: assignedOf(kept),
    risk: planOf(record).risk,
    unmeasured: { ...lost, ...unmeasured },
    ineligibleShare: ineligibleShareOf(kept),
  };
};
