import type { Harm } from './hypothesis.ts';
import type { LatencyMargin } from './latency-edge.ts';

/**
 * How much worse the candidate may be: an absolute difference of rates or means, or a share of the baseline's (0.2 is 20 %).
 * A negative margin asks for an improvement of that size before promotion; a rollback then needs it to be worse than the baseline.
 */
export type GuardMargin = { readonly absolute: number } | { readonly relative: number };

/** What a margin guards against: `higher` means that a higher value is harm. */
export type HarmWord = 'higher' | 'lower';

/** Every kind of criterion that is watched live. */
export type GuardKind = 'errorRate' | 'latency' | 'breachRate' | 'outputRate' | 'abstainRate' | 'disagreement' | 'outcomeRate' | 'outcomeMean';

interface Named {
  readonly name: string;
}

/** A live criterion as the analysis needs it. */
export type GuardCriterion =
  | (Named & { readonly kind: 'errorRate' | 'breachRate'; readonly margin: GuardMargin })
  | (Named & { readonly kind: 'outputRate' | 'abstainRate'; readonly margin: GuardMargin; readonly harm?: HarmWord })
  | (Named & { readonly kind: 'latency'; readonly quantiles?: readonly number[]; readonly margin: Pick<LatencyMargin, 'relative'> & Partial<LatencyMargin> })
  | (Named & { readonly kind: 'disagreement'; readonly margin: { readonly absolute: number } })
  | (Named & { readonly kind: 'outcomeRate'; readonly harm: HarmWord; readonly margin: GuardMargin })
  | (Named & {
      readonly kind: 'outcomeMean';
      readonly harm: HarmWord;
      readonly margin: GuardMargin;
      /** The baseline's mean in the past, a fixed guess that saves labels; default 0.5. */
      readonly historicalMean?: number;
    });

/** `higher` as +1, `lower` as -1. */
export const harmOf = (word: HarmWord): Harm => (word === 'higher' ? 1 : -1);
