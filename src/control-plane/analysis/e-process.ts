import { logSumExp } from './log-sum-exp.ts';

/*
 * States: a test starts with block 1 open. `fold` closes the open block and opens the next. With a hazard a part of the unspent mass is put on
 * every new block, so that a late regression does not first have to pay back the healthy time; without, all mass is on the first block.
 */

/** Of the starts that one bet is a mixture of, the one with the largest capital: when the harm began, if this bet is about right. */
export interface LikelyStart {
  /** ln(pi_s / K) of its block s and what it has won since; finite. */
  readonly lnCapital: number;
  /** Number of its block s. A start in a block in which the bet won and lost nothing is one in the next block. */
  readonly block: number;
}

/** The evidence of one test in sealed blocks: plain data that survives JSON. */
export interface EProcessState {
  /** ln S_k per bet, the mass of the open block included; finite. */
  readonly lnCapital: readonly number[];
  /** Unspent mass R, in [0, 1). */
  readonly rest: number;
  /** Hazard h: the share of the unspent mass that each later block takes. */
  readonly hazard: number;
  /** 1-based number of the open block. */
  readonly block: number;
  /** The likeliest start per bet; absent without restart, and of a test that began under a gateway that did not follow it. */
  readonly starts?: readonly LikelyStart[];
}

/** Mass of the first block when later ones get some: costs ln 2 nats. */
const firstBlockMass = 0.5;

/** A test without data: E = 1. A hazard of 0 means no restart (promotion, sample ratio). */
export const startEProcess = ({ betCount, hazard }: { readonly betCount: number; readonly hazard: number }): EProcessState => {
  const mass = hazard > 0 ? firstBlockMass : 1;
  const lnCapital = new Array<number>(betCount).fill(Math.log(mass / betCount));
  const state = { lnCapital, rest: 1 - mass, hazard, block: 1 };
  return hazard > 0 ? { ...state, starts: lnCapital.map((ln) => ({ lnCapital: ln, block: 1 })) } : state;
};

const addLogs = (a: number, b: number): number => {
  const largest = Math.max(a, b);
  return largest + Math.log1p(Math.exp(Math.min(a, b) - largest));
};

/** The likelier of the one before and the block that is opened; of two alike the earlier. */
const followStart = ({ lnCapital, block }: LikelyStart, lnClosed: number, opened: LikelyStart): LikelyStart => {
  const now = lnCapital + lnClosed;
  if (opened.lnCapital > now) return opened;
  return { lnCapital: now, block: lnClosed === 0 && block === opened.block - 1 ? opened.block : block };
};

/**
 * Closes the open block with its ln L_k and opens the next: S_k <- S_k L_k + pi / K, pi = R h, R <- R - pi.
 *
 * A convex combination of e-processes started at each block, hence an e-process.
 * @see Shin, Ramdas, Rinaldo, "E-detectors", 2022 (mixtures of starting times)
 */
export const fold = (state: EProcessState, closedBlockLogs: readonly number[]): EProcessState => {
  const mass = state.rest * state.hazard;
  const lnMass = Math.log(mass / state.lnCapital.length);
  const lnCapital = state.lnCapital.map((ln, k) => {
    const closed = ln + (closedBlockLogs[k] ?? 0);
    return mass > 0 ? addLogs(closed, lnMass) : closed;
  });
  const block = state.block + 1;
  const starts = state.starts?.map((start, k) => followStart(start, closedBlockLogs[k] ?? 0, { lnCapital: lnMass, block }));
  return { lnCapital, rest: state.rest - mass, hazard: state.hazard, block, ...(starts === undefined ? {} : { starts }) };
};

/**
 * ln E with the blocks that are not sealed yet, oldest first: E = R + sum_k S_k L_k(open block).
 *
 * @param openBlockLogs ln L_k per bet of each open block; none means no data since the last fold
 */
export const lnValue = (state: EProcessState, openBlockLogs: readonly (readonly number[])[] = []): number => {
  // One open block or none is what there is at nearly every look.
  const folded = openBlockLogs.length > 1 ? openBlockLogs.slice(0, -1).reduce(fold, state) : state;
  const current = openBlockLogs.at(-1);
  const logs: number[] = [];
  for (const ln of folded.lnCapital) logs.push(ln + (current?.[logs.length] ?? 0));
  if (folded.rest > 0) logs.push(Math.log(folded.rest));
  return logSumExp(logs);
};
