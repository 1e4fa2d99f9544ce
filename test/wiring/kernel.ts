/**
 * The formulas of the evidence, from statistics alone: products over counted units, and the mixture over the blocks in which a bet may have begun,
 * each added up from its definition. Nothing is shared with the gateway, and nothing is carried from block to block.
 */

/** Counts of an arm. */
export interface ArmTally {
  readonly n: number;
  readonly events: number;
  readonly pending: number;
}

/** Per exact probability of the candidate. */
export type Strata = ReadonlyMap<number, { readonly baseline: ArmTally; readonly candidate: ArmTally }>;

/** Pairs: both had the event, the candidate only, the baseline only, neither; and begun pairs whose end is not known. */
export interface PairTally {
  readonly both: number;
  readonly candidateOnly: number;
  readonly baselineOnly: number;
  readonly neither: number;
  readonly pending: number;
}

/** One null hypothesis with its bets. */
export interface Bet {
  readonly harm: 1 | -1;
  readonly rho0: number;
  readonly delta: number;
  readonly c0: number;
  readonly side: 1 | -1;
  readonly bets: number;
}

const sizes = (bets: number): readonly number[] => Array.from({ length: bets }, (_, k) => 0.0125 * 2 ** k);

/** ln of a sum of numbers that are given by their logarithms. */
export const lnSum = (logs: readonly number[]): number => {
  const most = Math.max(...logs);
  if (logs.length === 0 || most === Number.NEGATIVE_INFINITY) return Number.NEGATIVE_INFINITY;
  return most + Math.log(logs.reduce((sum, log) => sum + Math.exp(log - most), 0));
};

/** Events with the pending requests taken for what lowers the evidence: events of the arm whose events do. */
const completed = ({ n, events, pending }: ArmTally, lowers: boolean): { readonly with: number; readonly without: number } => {
  const eventful = events + (lowers ? pending : 0);
  return { with: eventful, without: n - eventful };
};

/** Bets on ratios of rare events: ln L_k for lam = w (1 - w) s / (1 - w + w rho0 (1 + s)). */
const asRatio = (w: number, rho0: number, s: number): number => (w * (1 - w) * s) / (1 - w + w * rho0 * (1 + s));

/** ln L_k of the requests of one probability. */
const stratumLogs = (
  w: number,
  { baseline, candidate }: { readonly baseline: ArmTally; readonly candidate: ArmTally },
  { bet, fraction }: { readonly bet: Bet; readonly fraction: typeof asRatio },
): number[] => {
  const { harm, rho0, delta, c0, side, bets } = bet;
  const x11 = (harm * (1 - rho0 * c0)) / w - delta;
  const x10 = (-harm * rho0 * c0) / w - delta;
  const x01 = (-harm * rho0 * (1 - c0)) / (1 - w) - delta;
  const x00 = (harm * rho0 * c0) / (1 - w) - delta;
  const m = Math.max(-side * x11, -side * x10, -side * x01, -side * x00);
  const n1 = completed(candidate, harm * side === -1);
  const n0 = completed(baseline, harm * side === 1);
  return sizes(bets).map((s) => {
    const lambda = side * Math.min(0.95 / m, fraction(w, rho0, s));
    const ln = n1.with * Math.log1p(lambda * x11) + n1.without * Math.log1p(lambda * x10);
    return ln + n0.with * Math.log1p(lambda * x01) + n0.without * Math.log1p(lambda * x00);
  });
};

/** ln L_k of requests. A probability of 0 or 1 compares nothing. */
export const coinLogs = (strata: Strata, bet: Bet, fraction = asRatio): number[] =>
  [...strata]
    .filter(([w]) => w > 0 && w < 1)
    .map(([w, arms]) => stratumLogs(w, arms, { bet, fraction }))
    .reduce((sum, logs) => sum.map((ln, k) => ln + (logs[k] ?? 0)), new Array<number>(bet.bets).fill(0));

/** ln L_k of compared requests whose outputs differ: bounded by what a bet can lose alone. */
export const differenceLogs = (strata: Strata, bet: Bet): number[] => coinLogs(strata, bet, (_w, _rho0, s) => s);

/** ln L_k of pairs: X = Y1 - rho0 Y0 - delta. */
export const pairLogs = ({ both, candidateOnly, baselineOnly, neither, pending }: PairTally, { rho0, delta, side, bets }: Bet): number[] =>
  sizes(bets).map((s) => {
    const lambda = side * Math.min(0.95 / Math.max(rho0 + delta, side === 1 ? 0 : 1 - delta), s);
    const onlyCandidate = candidateOnly + (side === 1 ? 0 : pending);
    const onlyBaseline = baselineOnly + (side === 1 ? pending : 0);
    const ln = (x: number): number => Math.log1p(lambda * (x - delta));
    return both * ln(1 - rho0) + onlyCandidate * ln(1) + onlyBaseline * ln(-rho0) + neither * ln(0);
  });

/** What the bets of a test won in each block that has counts, by the block's number in the rollout. */
export type BlockLogs = ReadonlyMap<number, readonly number[]>;

/** Where bets may begin, and up to which block they are looked at. */
interface Mixture {
  readonly last: number;
  readonly hazard: number;
  readonly bets: number;
}

/** Half of the mass is on block 1; each later one takes the share `hazard` of what is left. */
const massOf = (block: number, hazard: number): number => (block === 1 ? 0.5 : 0.5 * (1 - hazard) ** (block - 2) * hazard);

/**
 * ln E at the end of block `last`: the unspent mass, and for every block in which bets may have begun their mass times the mean over the bets
 * of what they have won from that block on.
 */
export const lnMixture = (logs: BlockLogs, { last, hazard, bets }: Mixture): number => {
  const won = new Array<number>(bets).fill(0);
  const lnMean = (): number => lnSum(won) - Math.log(bets);
  const terms: number[] = [Math.log(0.5 * (1 - hazard) ** Math.max(0, last - 1))];
  for (let block = last; block >= 1; block -= 1) {
    for (const [k, ln] of (logs.get(block) ?? []).entries()) won[k] = (won[k] ?? 0) + ln;
    terms.push(Math.log(massOf(block, hazard)) + lnMean());
  }
  return hazard === 0 ? lnMean() : lnSum(terms);
};

/** A block in which a bet may have begun, and ln of the bet's part of the mass times what it has won since. */
export interface Begin {
  readonly block: number;
  readonly ln: number;
}

/** The block in which one of the bets most likely began: the largest of mass times win over all blocks and bets. One with no say is the next one. */
export const likeliestBegin = (logs: BlockLogs, { last, hazard, bets }: Mixture): Begin => {
  const wonIn = (block: number, k: number): number => logs.get(block)?.[k] ?? 0;
  const ofBet = (k: number): Begin => {
    let won = 0;
    let best: Begin = { block: last, ln: Number.NEGATIVE_INFINITY };
    for (let block = last; block >= 1; block -= 1) {
      won += wonIn(block, k);
      const ln = Math.log(massOf(block, hazard) / bets) + won;
      if (ln >= best.ln) best = { block, ln };
    }
    let { block } = best;
    while (block < last && wonIn(block, k) === 0) block += 1;
    return { ...best, block };
  };
  return Array.from({ length: bets }, (_, k) => ofBet(k)).reduce((best, next) => (next.ln > best.ln ? next : best));
};
