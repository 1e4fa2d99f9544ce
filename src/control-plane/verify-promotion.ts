import type { RolloutRecord } from '../store/rollout-store.ts';
import type { ControlContext } from './change-rollout.ts';
import { fullWeightHundredths, type Position } from './position.ts';

/** Whether a move gives the candidate all traffic, or makes it the baseline. */
const promotes = (from: Position, to: Position): boolean =>
  to.phase !== 'rolled-back' && (to.phase === 'promoted' || (to.weightHundredths === fullWeightHundredths && from.weightHundredths !== fullWeightHundredths));

/**
 * Why a move must not be made, in words: it promotes a candidate whose files or signature do not hold any more. Null when
 * nothing speaks against it.
 */
export const barToPromotion = async (
  { verifyAgain }: Pick<ControlContext, 'verifyAgain'>,
  record: Pick<RolloutRecord, 'model' | 'candidate'>,
  { from, to }: { readonly from: Position; readonly to: Position },
): Promise<string | null> => {
  const reason = verifyAgain === undefined || !promotes(from, to) ? null : await verifyAgain(record.model, record.candidate);
  return reason === null ? null : `the bundle of ${record.candidate} does not hold any more: ${reason}`;
};
