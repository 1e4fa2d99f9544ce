/** What is known of the requests of one arm: all of them, those with an event, and those whose outcome is not known yet. Integers. */
export interface ArmCounts {
  /** Requests assigned, the pending ones included. */
  readonly n: number;
  readonly events: number;
  readonly pending: number;
}

/** Counts of the requests that were assigned with one exact probability. A stratum with w = 0 or w = 1 compares nothing and is ignored. */
export interface UnitStratum {
  /** Probability T / 2^32 with which the request went to the candidate; for a key seen before, the conditional one. */
  readonly w: number;
  readonly candidate: ArmCounts;
  readonly baseline: ArmCounts;
}

/** Counts of outcomes in [0, 1] rounded to 0.01, at one exact probability: `candidate[v]` requests had the value v / 100. */
export interface ValueStratum {
  readonly w: number;
  readonly candidate: readonly number[];
  readonly baseline: readonly number[];
}

/** A stratum in which both arms were possible. */
export const isComparable = ({ w }: { readonly w: number }): boolean => w > 0 && w < 1;

const addArms = (a: ArmCounts, b: ArmCounts): ArmCounts => ({ n: a.n + b.n, events: a.events + b.events, pending: a.pending + b.pending });

const mergeByWeight = <S extends { readonly w: number }>(strata: readonly S[], add: (a: S, b: S) => S): readonly S[] => {
  const merged = new Map<number, S>();
  for (const stratum of strata) {
    const known = merged.get(stratum.w);
    merged.set(stratum.w, known ? add(known, stratum) : stratum);
  }
  return [...merged.values()];
};

/** One stratum per exact probability: the integers of replicas, seconds or blocks are added, so order and split do not matter. */
export const mergeUnits = (strata: readonly UnitStratum[]): readonly UnitStratum[] =>
  mergeByWeight(strata, (a, b) => ({ w: a.w, candidate: addArms(a.candidate, b.candidate), baseline: addArms(a.baseline, b.baseline) }));

const addValues = (a: readonly number[], b: readonly number[]): readonly number[] =>
  Array.from({ length: Math.max(a.length, b.length) }, (_, value) => (a[value] ?? 0) + (b[value] ?? 0));

/** As {@link mergeUnits}, for counts per value. */
export const mergeValues = (strata: readonly ValueStratum[]): readonly ValueStratum[] =>
  mergeByWeight(strata, (a, b) => ({ w: a.w, candidate: addValues(a.candidate, b.candidate), baseline: addValues(a.baseline, b.baseline) }));

/** The index of an outcome in [0, 1] in the counts of a {@link ValueStratum}. */
export const valueIndexOf = (value: number): number => Math.round(Math.min(Math.max(value, 0), 1) * 100);

/** The outcome that an index of a {@link ValueStratum} stands for. */
export const valueOfIndex = (index: number): number => index / 100;
