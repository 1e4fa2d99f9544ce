import { bucketStartUs } from '../latency-bucket.ts';
import type { CountedBlock, DecisionEvidence } from '../ledger/ledger-entry.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import type { GuardAssessment } from './analysis/assess-guards.ts';
import { defaultIntervalOptions } from './analysis/confidence-sequence.ts';
import type { GuardCounts } from './analysis/guard-counts.ts';
import type { Guard } from './analysis/guard-test.ts';
import { finiteExp } from './analysis/log-sum-exp.ts';
import { type Judged, judge, type Measurements } from './assess-rollout.ts';
import type { Assessment } from './assessment.ts';
import { countedBlock, openBlocks } from './block-entry.ts';
import { addBlockTimes } from './block-times.ts';
import { countsOf, type DerivedFrom, derivedFindings } from './derived-findings.ts';
import { guardExamples, type SeenExamples } from './guard-examples.ts';
import { hypothesisWords } from './guard-words.ts';
import type { CountedGuard } from './open-block.ts';
import { type LabelJoinRates, labelJoinRatesOf, outcomeGuardsOf } from './outcome-evidence.ts';
import { type Position, positionOf } from './position.ts';
import type { KeptEvidence, SealedBlock } from './rollout-evidence.ts';
import { rulesOf } from './rollout-rules.ts';
import { planOf } from './standing.ts';

/** What a decision is made from besides the evidence. */
export interface SeenAtDecision {
  /** Where the rollout stood, its clocks ticked to the decision. */
  readonly before: Position;
  /** The assessment that was decided from. */
  readonly assessment: Pick<Assessment, 'signal' | 'ineligibleShare' | 'notCompared' | 'labelAlarm' | 'outcomesDueAtMs'>;
}

interface DecisionParts {
  readonly record: RolloutRecord;
  readonly guards: readonly CountedGuard[];
  readonly kept: KeptEvidence;
  readonly unkept: readonly SealedBlock[];
  readonly sealedBlocks: number;
  readonly measurements: Measurements;
  readonly examples: SeenExamples;
  readonly seen: SeenAtDecision;
}

/** The evidence of a decision as the ledger keeps it: what it takes to make it again, and what was concluded. */
export const decisionEvidence = ({ record, guards, kept, unkept, sealedBlocks, measurements, examples, seen }: DecisionParts): DecisionEvidence => {
  const { before, assessment } = seen;
  const underWay = openBlocks(kept);
  const open: readonly CountedBlock[] = [...unkept.map(countedBlock), ...underWay];
  const times = kept.times && underWay.reduce(addBlockTimes, kept.times);
  return {
    sealedBlocks,
    open,
    before: positionOf(before),
    inputs: {
      signal: assessment.signal,
      ineligibleShare: assessment.ineligibleShare,
      notCompared: assessment.notCompared,
      labelAlarm: assessment.labelAlarm,
      outcomesDueAtMs: assessment.outcomesDueAtMs,
      unmeasured: measurements.unmeasured,
    },
    rules: rulesOf(record).digest,
    findings: findingsOf(
      record,
      { measurements, times, weightHundredths: before.weightHundredths },
      {
        peakLnE: kept.peakLnE,
        joinRates: labelJoinRatesOf(kept.outcomes, outcomeGuardsOf(guards)),
        examplesOf: (assessed, index) => guardExamples({ event: guards[index]?.event ?? null }, assessed, examples),
      },
    ),
  };
};

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** Findings that are kept as they came. */
interface KeptFindings {
  readonly peakLnE: number | null;
  readonly joinRates: LabelJoinRates;
  readonly examplesOf: (assessed: GuardAssessment, index: number) => readonly string[];
}

const findingsOf = (record: RolloutRecord, from: Omit<DerivedFrom, 'judged'>, { peakLnE, joinRates, examplesOf }: KeptFindings) => {
  const plan = planOf(record);
  const { measurements } = from;
  const judgement = judge(measurements, defaultIntervalOptions);
  const { judged, ratio } = judgement;
  const derived = derivedFindings({ ...from, judged });
  const { falseRollback: alpha, falsePromotion: beta } = plan.risk;
  const peak = finiteExp(peakLnE ?? 0);
  return {
    alpha,
    beta,
    evidence: judged.evidence.e,
    lnE: finite(judged.evidence.lnE),
    family: judged.evidence.family,
    threshold: judged.threshold,
    blamed: judged.blamed,
    peakEvidence: peak,
    peakLnE,
    anytimeP: Math.min(1, 1 / peak),
    falseAlarmStatement: `a candidate no worse than the margins reaches this evidence in at most ${percentOf(1 / peak)} of rollouts`,
    guards: measurements.guards.flatMap((guard, index) => {
      const assessed = judged.guards[index];
      if (assessed === undefined) return [];
      const finding = findingOf(guard, assessed, countsOf(guard.name, measurements));
      return [{ ...finding, ...derived.guards[guard.name], examples: examplesOf(assessed, index) }];
    }),
    strata: derived.strata,
    sampleRatio: { lnE: ratio.lnE, e: ratio.e, expected: ratio.expected, observed: ratio.observed, ok: ratio.ok },
    exposure: exposureOf(measurements, judgement),
    dataHealth: {
      ...pendingOf(measurements),
      watermarkLagMs: 1_000,
      replicas: 1,
      missingReplicas: [],
      unit: plan.routingKey === undefined ? 'request' : 'user',
      ...joinRates,
    },
  };
};

const percentOf = (share: number): string => `${Number((Math.min(1, share) * 100).toPrecision(2))} %`;

/** The thresholds that are in force, one a quantile slot. */
const thresholdsOf = ({ slots }: Guard, { pins }: GuardCounts) =>
  pins?.latencyEdges?.map((edge, slot) => ({
    quantile: 1 - (slots[slot] ?? 0),
    ms: bucketStartUs(edge.baseline) / 1_000,
    candidateMs: bucketStartUs(edge.candidate) / 1_000,
  }));

const findingOf = (guard: Guard, assessed: GuardAssessment, counts: GuardCounts) => {
  const { kind, name, weight, e, lnE, share, graduation, verdict, inability, source, baseline, candidate, effect, ratio, interval } = assessed;
  const threshold = thresholdsOf(guard, counts);
  return {
    name,
    kind,
    hypothesis: hypothesisWords(guard),
    margin: guard.margin,
    weight,
    e,
    lnE,
    share,
    graduation: graduation.e,
    lnGraduation: graduation.lnE,
    verdict,
    inability,
    exactness: 'exact',
    source,
    baseline,
    candidate,
    effect,
    ratio,
    interval: interval === null ? null : interval.map(finite),
    ...(threshold === undefined ? {} : { threshold }),
  };
};

/** What the candidate has cost by the guard that is blamed, or else by its errors. */
const exposureOf = ({ assigned }: Measurements, { judged }: Judged) => {
  const candidateRequests = assigned.reduce((sum, { candidate }) => sum + candidate, 0);
  const guard = judged.guards.find(({ name }) => name === judged.blamed) ?? judged.guards.find(({ kind }) => kind === 'errorRate');
  const excess = (effect: number | null | undefined): number | null =>
    guard === undefined || effect === null || effect === undefined || !Number.isFinite(effect) ? null : Math.max(0, effect) * guard.candidate.n;
  return { candidateRequests, guard: guard?.name ?? null, excessBadEstimate: excess(guard?.effect), excessBadUpper: excess(guard?.interval?.[1]) };
};

const pendingOf = (measurements: Measurements) => {
  const counted = measurements.guards.find(({ rollback }) => rollback.some(({ source }) => source === 'units'));
  const units = counted === undefined ? [] : (countsOf(counted.name, measurements).units ?? []);
  return {
    pending0: units.reduce((sum, { baseline }) => sum + baseline.pending, 0),
    pending1: units.reduce((sum, { candidate }) => sum + candidate.pending, 0),
  };
};
