/**
 * The evidence of one guard along its expected path: average counts, block by block, through the tests that judge a live
 * rollout. Where the drift decides, the path crosses a threshold about when half of the rollouts have crossed it.
 */
import { assessGuards } from '../analysis/assess-guards.ts';
import type { EProcessState } from '../analysis/e-process.ts';
import { type Evidence, foldBlock, startEvidence } from '../analysis/evidence.ts';
import type { BlockCounts, GuardPins } from '../analysis/guard-counts.ts';
import type { Guard } from '../analysis/guard-test.ts';
import { startLatencyHistory } from '../analysis/latency-history.ts';
import { pinBlock } from '../analysis/pin-block.ts';
import type { Amount, ExpectCounts } from './expected-counts.ts';

/** How fast traffic comes, for each second. */
export interface Pace {
  readonly unitsPerSecond: number;
  /** Of both versions, and those of them whose key is new. */
  readonly pairsPerSecond: number;
  readonly firstPairsPerSecond: number;
  readonly w: number;
}

/** Where the evidence of a guard stands. */
export interface March {
  readonly evidence: Evidence;
  /** Pairs in sealed blocks: thresholds of latency come from them. */
  readonly sealedPairs: number;
}

/** One stretch of a march. */
export interface Stretch {
  readonly guard: Guard;
  readonly counts: ExpectCounts;
  readonly pace: Pace;
  readonly blockSeconds: number;
  readonly risk: { readonly alpha: number; readonly beta: number };
}

/** What a march is watched for. */
export type Outcome = 'roll-back' | 'within-margin';

/** Baseline runs without which no latency threshold is pinned; those of the latency history. */
const runsForThresholds = 2_000;
/** Blocks are taken together when many have passed: the answer is good to a twentieth of the time. */
const growth = 0.05;

/** A march that has not begun. */
export const startMarch = (guard: Guard): March => ({ evidence: startEvidence([guard]), sealedPairs: 0 });

const amountOf = ({ unitsPerSecond, pairsPerSecond, firstPairsPerSecond, w }: Pace, seconds: number): Amount => ({
  units: unitsPerSecond * seconds,
  pairs: pairsPerSecond * seconds,
  firstPairs: firstPairsPerSecond * seconds,
  w,
});

const pinsOf = ({ guard }: Stretch, { evidence }: March): GuardPins => pinBlock([guard], { evidence, latency: startLatencyHistory() })[guard.name] ?? {};

const blockOf = (stretch: Stretch, march: March, seconds: number): BlockCounts => {
  const { guard, counts, pace } = stretch;
  const expected = counts(amountOf(pace, seconds));
  const isSilent = guard.kind === 'latency' && march.sealedPairs < runsForThresholds;
  return { [guard.name]: { ...expected, ...(isSilent ? { pairs: [] } : {}), pins: pinsOf(stretch, march) } };
};

/** Several blocks as one: the restart mixture gives it the mass that they would have had together. */
const withHazard = (state: EProcessState, blocks: number): EProcessState => ({ ...state, hazard: 1 - (1 - state.hazard) ** blocks });

const foldBlocks = (stretch: Stretch, march: March, blocks: number): March => {
  const { guard, pace, blockSeconds } = stretch;
  const { evidence } = march;
  const tests = Object.fromEntries(Object.entries(evidence.tests).map(([id, state]) => [id, withHazard(state, blocks)]));
  const folded = foldBlock([guard], { ...evidence, tests }, blockOf(stretch, march, blocks * blockSeconds));
  const restored = Object.fromEntries(Object.entries(folded.tests).map(([id, state]) => [id, { ...state, hazard: evidence.tests[id]?.hazard ?? 0 }]));
  return { evidence: { ...folded, tests: restored }, sealedPairs: march.sealedPairs + pace.pairsPerSecond * blocks * blockSeconds };
};

/** Whether the outcome is there after so many more seconds, which are a block that is still open. */
const isReached = (stretch: Stretch, march: March, { outcome, seconds }: { readonly outcome: Outcome; readonly seconds: number }): boolean => {
  const { guard, risk } = stretch;
  const judged = assessGuards({ guards: [guard], evidence: march.evidence, prefixes: [[blockOf(stretch, march, seconds)]], risk });
  return outcome === 'roll-back' ? judged.rollBack : (judged.guards[0]?.graduation.lnE ?? 0) >= -Math.log(risk.beta);
};

const blocksTogether = (blocks: number): number => Math.max(1, Math.floor(blocks * growth));

/** The evidence after so many seconds, in whole blocks. */
export const marchFor = (stretch: Stretch, march: March, seconds: number): March => {
  const all = Math.round(seconds / stretch.blockSeconds);
  let now = march;
  for (let blocks = 0; blocks < all; ) {
    const next = Math.min(blocksTogether(blocks), all - blocks);
    now = foldBlocks(stretch, now, next);
    blocks += next;
  }
  return now;
};

/** Seconds within one stretch of blocks until the outcome is there: by bisection. */
const secondsWithin = (stretch: Stretch, march: March, { outcome, seconds }: { readonly outcome: Outcome; readonly seconds: number }): number => {
  let [low, high] = [0, seconds];
  for (let round = 0; round < 12; round += 1) {
    const middle = (low + high) / 2;
    if (isReached(stretch, march, { outcome, seconds: middle })) high = middle;
    else low = middle;
  }
  return high;
};

/** Seconds until the outcome, on the expected path; null when it is not there within the limit. */
export const secondsUntil = (
  stretch: Stretch,
  march: March,
  { outcome, limitSeconds }: { readonly outcome: Outcome; readonly limitSeconds: number },
): number | null => {
  let now = march;
  for (let blocks = 0; blocks * stretch.blockSeconds < limitSeconds; ) {
    const next = blocksTogether(blocks);
    const seconds = Math.min(next * stretch.blockSeconds, limitSeconds - blocks * stretch.blockSeconds);
    if (isReached(stretch, now, { outcome, seconds })) return blocks * stretch.blockSeconds + secondsWithin(stretch, now, { outcome, seconds });
    now = foldBlocks(stretch, now, next);
    blocks += next;
  }
  return null;
};
