import type { RolloutRecord } from '../store/rollout-store.ts';
import { type ControlContext, changeRollout, gateway } from './change-rollout.ts';
import { rolledBack } from './command.ts';
import { isLive, positionOf } from './position.ts';

const uncleanExit = 'unclean-exit';

/** Two deaths within this time are the candidate's doing until a person knows better. */
export const repeatedDeathMs = 10 * 60_000;

/** More decisions than a rollout makes in ten minutes. */
const decisionsAtOnce = 1_000;

const diedRecently = async ({ store, clock }: ControlContext, { model, rollout }: RolloutRecord): Promise<boolean> => {
  const decisions = await store.decisions({ model, limit: decisionsAtOnce });
  return decisions.some(
    (decision) => decision.rollout === rollout && decision.move === uncleanExit && Math.abs(clock.wallMs() - decision.atMs) <= repeatedDeathMs,
  );
};

/**
 * Records that the gateway's life before this one did not end cleanly while the rollout was on; the second time within
 * ten minutes the rollout is rolled back. A rollout that is not on stays as it is. Rejects when the store fails.
 */
export const recordUncleanExit = async (context: ControlContext, record: RolloutRecord): Promise<RolloutRecord> => {
  if (!isLive(record.phase)) return record;
  const change = { previous: record, epoch: record.epoch, actor: gateway };
  if (await diedRecently(context, record)) {
    const reason = 'Rolled back: the gateway died twice while the candidate was serving.';
    return changeRollout(context, { ...change, next: { ...record, ...rolledBack(positionOf(record)), reason }, move: 'rollback' });
  }
  return changeRollout(context, { ...change, next: { ...record, reason: 'the gateway died while the candidate was serving' }, move: uncleanExit });
};
