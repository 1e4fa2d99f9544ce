import type { GuardKind } from './guard-criterion.ts';

/** Raw weights of a kind: failures and slowness are what operators roll back for most. */
const rawWeights: Record<GuardKind, number> = {
  errorRate: 0.35,
  latency: 0.35,
  breachRate: 0.2,
  outputRate: 0.2,
  abstainRate: 0.2,
  disagreement: 0.2,
  outcomeRate: 0.2,
  outcomeMean: 0.2,
};

/**
 * The share of alpha of each guard: criteria of one kind share its raw weight equally, and all are divided by their sum.
 *
 * @returns weights in the order of `kinds`; they sum to 1
 * @see Howard and others, "Time-uniform, nonparametric, nonasymptotic confidence sequences", 2021 (a weighted mean of supermartingales)
 */
export const guardWeights = (kinds: readonly GuardKind[]): readonly number[] => {
  const raw = kinds.map((kind) => rawWeights[kind] / kinds.filter((other) => other === kind).length);
  const sum = raw.reduce((total, weight) => total + weight, 0);
  return raw.map((weight) => weight / sum);
};
