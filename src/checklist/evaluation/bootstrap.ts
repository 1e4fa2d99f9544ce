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

/**
 * Percentile bootstrap over cases, the unit in which requests come: rows of one case stay together.
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
  })
    .filter(Number.isFinite)
    .sort((left, right) => left - right);
  const at = (share: number): number => values[Math.min(values.length - 1, Math.floor(share * values.length))] ?? Number.NaN;
  return [at(tail), at(1 - tail)];
};
