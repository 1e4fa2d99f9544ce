import type { RolloutRecord } from '../store/rollout-store.ts';
import type { ControlContext } from './change-rollout.ts';
import type { Recall } from './recall.ts';
import { type PlanFile, plannedBaseline } from './settle-plan.ts';
import { hasEnded, keptBaseline } from './standing.ts';

/** A model none of whose versions is served yet. */
export interface Arriving {
  readonly model: string;
  /** The plans on disk for it. */
  readonly plans: readonly PlanFile[];
  /** Proves a version, and says whether it can serve. */
  readonly prove: (version: string) => Promise<boolean>;
}

/**
 * The baseline that gets all traffic whatever other versions are there; null when they decide about that: a rollout that
 * is on sends its share to its candidate, and without record and plan the highest version is the baseline.
 */
const baselineAlone = (record: RolloutRecord | null, plans: readonly PlanFile[]): string | null => {
  if (record === null) return plannedBaseline(plans);
  return record.phase === 'pending' || hasEnded(record) ? keptBaseline(record) : null;
};

/**
 * Makes the operation that lets a model answer by its baseline while its other versions are still to be proven. It keeps
 * and decides nothing: that is for the reconciliation, when all versions are known. Rejects when the store fails.
 */
export const createAnswerEarly =
  (context: ControlContext, recall: Recall) =>
  async ({ model, plans, prove }: Arriving): Promise<void> => {
    const record = (await recall()).get(model)?.record ?? null;
    const baseline = baselineAlone(record, plans);
    if (baseline === null || !(await prove(baseline))) return;
    await context.inTurn(model, async () => {
      if (context.standings.has(model)) return;
      await context.publish({ model, baseline, rollout: null, epoch: record?.epoch ?? 0 });
    });
  };
