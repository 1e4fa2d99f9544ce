/** How the values of a column lie: what a later distribution is compared with. */
export interface Distribution {
  /** Eleven edges of ten bins: the smallest value, the deciles, the largest. A bin is [edge, next edge), the last one closed; a repeated edge is an empty bin. */
  readonly edges: readonly number[];
  /** Share of the present values in each bin, 0-1. */
  readonly shares: readonly number[];
  /** Share of nulls among all values, 0-1. */
  readonly nulls: number;
  readonly mean: number;
  /** Standard deviation of the population. */
  readonly sd: number;
}

const bins = 10;

/** Quantile by linear interpolation between order statistics, as numpy has it by default. `sorted` must be ascending and not empty. */
export const quantileOf = (sorted: ArrayLike<number>, share: number): number => {
  const place = (sorted.length - 1) * share;
  const below = Math.floor(place);
  const [low = Number.NaN, high = low] = [sorted[below], sorted[below + 1]];
  return low + (high - low) * (place - below);
};

const digits = 7;
const short = (value: number): number => Number(value.toPrecision(digits));

/** @returns null when no value is present */
export const distributionOf = (values: readonly (number | null)[]): Distribution | null => {
  const present = Float64Array.from(values.filter((value) => value !== null)).sort();
  if (present.length === 0) return null;
  const edges = Array.from({ length: bins + 1 }, (_, bin) => quantileOf(present, bin / bins));
  const below = edges.slice(1, -1).map((edge) => present.filter((value) => value < edge).length / present.length);
  const bounds = [0, ...below, 1];
  const mean = present.reduce((sum, value) => sum + value, 0) / present.length;
  const variance = present.reduce((sum, value) => sum + (value - mean) ** 2, 0) / present.length;
  return {
    edges: edges.map(short),
    shares: below.concat(1).map((bound, bin) => short(bound - (bounds[bin] ?? 0))),
    nulls: short(1 - present.length / values.length),
    mean: short(mean),
    sd: short(Math.sqrt(variance)),
  };
};
