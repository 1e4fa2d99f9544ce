import type { CoinBet } from './hypothesis.ts';

/** How many probabilities are remembered per bet: a plan has a handful of weights, keyed traffic their pairs. */
const rememberedWeights = 256;

/** A pure function of a probability and a bet that remembers its answers, by the identity of the bet. It is a cache and holds no evidence. */
export const rememberFactors = <F>(compute: (w: number, bet: CoinBet) => F): ((w: number, bet: CoinBet) => F) => {
  const byBet = new WeakMap<CoinBet, Map<number, F>>();
  return (w, bet) => {
    const known = byBet.get(bet) ?? new Map<number, F>();
    byBet.set(bet, known);
    const found = known.get(w);
    if (found !== undefined) return found;
    if (known.size >= rememberedWeights) known.clear();
    const factors = compute(w, bet);
    known.set(w, factors);
    return factors;
  };
};
