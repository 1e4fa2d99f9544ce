import { ProblemError } from '../problem.ts';
import type { Phase, RolloutRecord } from '../store/rollout-store.ts';
import type { GuardrailState } from './assessment.ts';
import { type LiveView, planOf, type Standing } from './standing.ts';

/** The engine's next move, and when it may come. ISO 8601 times are estimates: ticked time stands still while the gateway does. */
export interface NextMove {
  readonly move: 'advance' | 'promote';
  /** Null while the step's clock stands. */
  readonly not_before: string | null;
  /** When the step ends inconclusive; null when it never does, or while its clock stands. */
  readonly deadline: string | null;
}

/** A rollout as operators see it, in every door alike. Weights are percent of requests. */
export interface RolloutState {
  readonly model: string;
  readonly rollout: string;
  readonly attempt: number;
  readonly phase: Phase;
  readonly baseline: string;
  readonly candidate: string;
  readonly weight: number;
  /** The weight in force: 0 while a version of the rollout is not available or a signal rests the candidate, and once the rollout has ended. */
  readonly effective_weight: number;
  readonly step: number;
  readonly epoch: number;
  readonly revision: number;
  /** Null before anything is measured. */
  readonly evidence: { readonly value: number; readonly threshold: number } | null;
  /** Share (0-1) of the last hour's requests; null without requests. */
  readonly ineligible_share: number | null;
  /** Null when the engine makes no move by itself. */
  readonly next: NextMove | null;
  readonly guardrails: readonly GuardrailState[];
  readonly reason: string;
}

/** The least and the greatest time that a step takes, milliseconds; null for a step that waits for a person. */
const stepTimes = (record: RolloutRecord): { readonly leastMs: number; readonly mostMs: number | null } | null => {
  const entry = planOf(record).steps[record.step];
  if (entry === undefined) return null;
  if ('analysis' in entry) return { leastMs: entry.analysis.atLeast, mostMs: entry.analysis.deadline };
  if ('shadow' in entry) return { leastMs: entry.shadow.duration, mostMs: null };
  if ('setWeight' in entry) return { leastMs: 0, mostMs: null };
  return entry.pause.duration === undefined ? null : { leastMs: entry.pause.duration, mostMs: null };
};

/** The time, or null for one that no calendar has: a plan that was kept may say anything. */
const timeAt = (ms: number): string | null => (Math.abs(ms) <= latestMs ? new Date(ms).toISOString() : null);

/** @see https://tc39.es/ecma262/#sec-time-values-and-time-range */
const latestMs = 8.64e15;

const nextMove = (record: RolloutRecord, live: LiveView | null): NextMove | null => {
  const nowMs = Math.max(record.changedAtMs, live?.tickedAtMs ?? 0);
  const clockStands = record.signal !== null || (record.phase === 'held' && record.heldFor !== 'evidence');
  const inMs = (remainingMs: number | null): string | null => (remainingMs === null || clockStands ? null : timeAt(nowMs + remainingMs));
  if (record.phase === 'baking') return { move: 'promote', not_before: inMs(planOf(record).bake - record.bakeElapsedMs), deadline: null };
  if (record.phase !== 'progressing' && record.phase !== 'held') return null;
  const times = stepTimes(record);
  if (times === null) return null;
  const { leastMs, mostMs } = times;
  return { move: 'advance', not_before: inMs(leastMs - record.stepElapsedMs), deadline: inMs(mostMs === null ? null : mostMs - record.stepElapsedMs) };
};

/** A store that is down cannot keep that the rollout waits for it, so the phase is held only for those who look. */
const shownPhase = ({ phase }: RolloutRecord, live: LiveView | null): Phase =>
  phase === 'progressing' && live?.assessment.storeDown === true ? 'held' : phase;

/** While the engine waits, what it waits for changes with every tick; the record keeps only why the wait began. */
const shownReason = (record: RolloutRecord, live: LiveView | null): string => {
  const waitsFor = live?.waitsFor ?? null;
  if (waitsFor === null) return record.reason;
  if (record.phase === 'baking') return `the promotion waits: ${waitsFor}`;
  const phase = shownPhase(record, live);
  if (phase === 'held') return `held: ${waitsFor}`;
  if (phase === 'progressing') return `the next step waits: ${waitsFor}`;
  // Whatever a person waits for, the weight is not in force.
  return record.signal === null ? record.reason : `${record.reason} (the baseline answers: ${waitsFor})`;
};

/**
 * The state of a model's rollout.
 * @throws ProblemError not-found when the model has none
 */
export const rolloutStateOf = (model: string, { record, assignment, live }: Standing): RolloutState => {
  if (record === null) throw new ProblemError('not-found', `The model ${model} has no rollout.`);
  return {
    model,
    rollout: record.rollout,
    attempt: record.attempt,
    phase: shownPhase(record, live),
    baseline: record.baseline,
    candidate: record.candidate,
    weight: record.weightHundredths / 100,
    effective_weight: (assignment.rollout?.weightHundredths ?? 0) / 100,
    step: record.step,
    epoch: record.epoch,
    revision: record.revision,
    evidence: live?.assessment.evidence ?? null,
    ineligible_share: live?.assessment.ineligibleShare ?? null,
    next: nextMove(record, live),
    guardrails: live?.assessment.guardrails ?? [],
    reason: shownReason(record, live),
  };
};
