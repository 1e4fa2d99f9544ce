import type { RolloutRecord } from '../store/rollout-store.ts';
import type { ControlContext } from './change-rollout.ts';
import { fullWeightHundredths, type Position } from './position.ts';

/** Whether a move gives the candidate all traffic, or makes it the baseline. */
export const promotes = (from: Position, to: Position): boolean =>
  to.phase !== 'rolled-back' && (to.phase === 'promoted' || (to.weightHundredths === fullWeightHundredths && from.weightHundredths !== fullWeightHundredths));

/** Why a candidate must not get everything, in words: its files or its signature do not hold any more. Null when nothing speaks against it. */
export const barOf = async (
  { verifyAgain }: Pick<ControlContext, 'verifyAgain'>,
  { model, candidate }: Pick<RolloutRecord, 'model' | 'candidate'>,
): Promise<string | null> => {
  const reason = (await verifyAgain?.(model, candidate)) ?? null;
  return reason === null ? null : `the bundle of ${candidate} does not hold any more: ${reason}`;
};

/** Why a move must not be made, in words, if it promotes. Null when nothing speaks against it. */
export const barToPromotion = async (
  context: Pick<ControlContext, 'verifyAgain'>,
  record: Pick<RolloutRecord, 'model' | 'candidate'>,
  { from, to }: { readonly from: Position; readonly to: Position },
): Promise<string | null> => (promotes(from, to) ? barOf(context, record) : null);
