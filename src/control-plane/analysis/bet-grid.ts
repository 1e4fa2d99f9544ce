import type { BetGrid, Hypothesis } from './hypothesis.ts';

const smallestBet = 0.0125;

/** Bets of the paired kernel: 0.0125 .. 1.6; larger ones would only repeat the cap of .95. */
export const pairedGrid: BetGrid = { first: smallestBet, count: 8 };

/** Bets of the coin kernel for rare and common rises: 0.0125 .. 25.6 times the margin. */
export const coinGrid: BetGrid = { first: smallestBet, count: 12 };

/** Bets of the sample-ratio test: from 0.2 % to 102 % too many. */
export const sampleRatioGrid: BetGrid = { first: 0.002, count: 10 };

/** The coin kernel's bets for a hypothesis: a rate counted from 0 (c0 = 0) cannot fall by more than 100 %, so 8 bets do. */
export const coinGridOf = (hypothesis: Pick<Hypothesis, 'harm' | 'c0'>): BetGrid => (hypothesis.harm === -1 && hypothesis.c0 === 0 ? pairedGrid : coinGrid);

/** The bet sizes s_k = first * 2^k of a grid. */
export const betSizes = (grid: BetGrid): readonly number[] => Array.from({ length: grid.count }, (_, k) => grid.first * 2 ** k);
