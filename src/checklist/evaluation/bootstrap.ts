/** The middle 95 % of a statistic over resampled cases. */
export type Interval = readonly [low: number, high: number];

const resamples = 1_000;
const tail = 0.025;

/** sfc32 seeded with fixed words: the same cases give the same interval on every machine. */
const createRandom = (): (() => number) => {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, 0xb7e15162, 1];
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 2 ** 32;
  };
  for (let warm = 0; warm < 12; warm += 1) next();
  return next;
};

/** The middle 95 % of values of which some are unknown: these may lie anywhere, so each counts as lower than all and as higher than all. */
const middle = (values: readonly number[]): Interval => {
  const known = values.filter((value) => !Number.isNaN(value)).sort((left, right) => left - right);
  const low = Math.floor(tail * values.length) - (values.length - known.length);
  const high = Math.min(values.length - 1, Math.floor((1 - tail) * values.length));
  return [known[low] ?? Number.NEGATIVE_INFINITY, known[high] ?? Number.POSITIVE_INFINITY];
};

/**
 * Percentile bootstrap over cases, the unit in which requests come: rows of one case stay together. An end is infinite when
 * more resamples have no value than lie beyond it.
 *
 * @param statistic gets how often each case was drawn
 * @see Efron, Tibshirani, "An Introduction to the Bootstrap", 1993, chapter 13
 */
export const bootstrap = (caseCount: number, statistic: (times: Float64Array) => number): Interval => {
  const random = createRandom();
  const values = Array.from({ length: resamples }, () => {
    const times = new Float64Array(caseCount);
    for (let drawn = 0; drawn < caseCount; drawn += 1) {
      const at = Math.floor(random() * caseCount);
      times[at] = (times[at] ?? 0) + 1;
    }
    return statistic(times);
  });
  return middle(values);
};
