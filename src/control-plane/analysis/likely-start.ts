import { type EProcessState, fold, type LikelyStart } from './e-process.ts';
import { type Evidence, stateOf } from './evidence.ts';
import type { BlockCounts } from './guard-counts.ts';
import type { Guard, GuardTest } from './guard-test.ts';
import { testLogs } from './test-logs.ts';

const closed = (test: GuardTest, evidence: Evidence, open: readonly BlockCounts[]): EProcessState =>
  open.reduce((now, block) => fold(now, testLogs(test, block[test.guard])), stateOf(test, evidence));

/** ln of the largest capital of a bet that began with the first block, all open blocks closed. */
export const largestCapital = (test: GuardTest, evidence: Evidence, open: readonly BlockCounts[]): number =>
  Math.max(...closed(test, evidence, open).lnCapital);

/**
 * The start with the largest capital of a test, over its bets, all open blocks closed.
 *
 * @returns undefined without a restart mixture, or when its starts were not followed from the beginning
 */
export const largestStart = (test: GuardTest, evidence: Evidence, open: readonly BlockCounts[]): LikelyStart | undefined =>
  closed(test, evidence, open).starts?.reduce((best, next) => (next.lnCapital > best.lnCapital ? next : best));

/**
 * The block in which the harm that a guard finds most likely began: the largest w pi_s L_k(s .. now) / K over its rollback tests, their bets k and
 * the blocks s. The posterior of s alone would need the capital of every start; that of s and k together needs one start a bet.
 *
 * @returns the number of the block, which may be the one after the last; undefined when it is not known
 */
export const likelyStartBlock = (guard: Guard, evidence: Evidence, open: readonly BlockCounts[]): number | undefined => {
  const starts = guard.rollback.flatMap((test) => {
    const start = largestStart(test, evidence, open);
    return start === undefined ? [] : [{ block: start.block, lnCapital: Math.log(test.weight) + start.lnCapital }];
  });
  return starts.length < guard.rollback.length ? undefined : starts.reduce((best, next) => (next.lnCapital > best.lnCapital ? next : best)).block;
};
