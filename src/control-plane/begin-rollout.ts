import type { EndedRollout, RolloutRecord } from '../store/rollout-store.ts';
import { attemptOf, barToAutoStart } from './attempt.ts';
import { type ControlContext, changeRollout, gateway } from './change-rollout.ts';
import { transition } from './command.ts';
import { type PlannedStart, planOf } from './standing.ts';

type Begun = Omit<RolloutRecord, 'epoch' | 'revision' | 'changedAtMs' | 'reason'>;

/** A new rollout of a plan, not started yet: new id, fresh evidence, weight 0. */
export const newRollout = (planned: PlannedStart, ended: readonly EndedRollout[], rollout: string): Begun => ({
  model: planned.plan.model,
  rollout,
  attempt: attemptOf(ended, planned.candidateDigest),
  phase: 'pending',
  baseline: planned.plan.baseline,
  baselineDigest: planned.baselineDigest,
  candidate: planned.plan.candidate,
  candidateDigest: planned.candidateDigest,
  planDigest: planned.planDigest,
  plan: JSON.stringify(planned.plan),
  acceptance: JSON.stringify(planned.acceptance),
  weightHundredths: 0,
  step: 0,
  heldFor: null,
  signal: null,
  stepElapsedMs: 0,
  stepStartUnits: 0,
  bakeElapsedMs: 0,
});

/** What a plan file begins: its name for the record, what it plans, and what it comes after. */
interface Beginning {
  readonly file: string;
  readonly planned: PlannedStart;
  readonly previous: RolloutRecord | null;
  readonly epoch: number;
}

/** Accepts a plan: a pending rollout, which sends nobody to the candidate. Rejects when the store fails. */
export const beginRollout = async (context: ControlContext, { file, planned, previous, epoch }: Beginning): Promise<RolloutRecord> => {
  const { plan, candidateDigest, planDigest } = planned;
  const ended = await context.store.ended(plan.model);
  const bar = plan.start === 'auto' ? barToAutoStart(ended, { candidateDigest, planDigest }) : null;
  const waits = bar === null ? '' : `; ${bar}, so a person starts it`;
  const reason = `${file} was accepted: ${plan.candidate} is to replace ${plan.baseline}${waits}`;
  const next = { ...newRollout(planned, ended, context.newId()), reason };
  return changeRollout(context, { previous, next, epoch, move: 'accept', actor: gateway });
};

/** Starts a pending rollout whose plan says `start: auto`, unless its candidate is known; any other stays as it is. Rejects when the store fails. */
export const startByItself = async (context: ControlContext, record: RolloutRecord): Promise<RolloutRecord> => {
  if (record.phase !== 'pending') return record;
  const plan = planOf(record);
  if (plan.start !== 'auto' || barToAutoStart(await context.store.ended(record.model), record) !== null) return record;
  const started = transition({ at: record, plan, units: 0 }, { move: 'start' });
  if (!started.legal) return record;
  const next = { ...record, ...started.to, reason: `${record.candidate} starts by itself, as the plan says` };
  return changeRollout(context, { previous: record, next, epoch: record.epoch, move: 'start', actor: gateway });
};
