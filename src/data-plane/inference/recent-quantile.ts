/** A quantile of the last thousand durations: enough for a reserve, with no growing state. */
export interface RecentQuantile {
  readonly record: (ms: number) => void;
  readonly value: () => number;
}

const windowSize = 1_024;
/** The sort costs about 50 us, so it is shared by so many records. */
const refreshEvery = 256;

/** @param startMs what is answered before anything was recorded */
export const createRecentQuantile = (quantile: number, startMs: number): RecentQuantile => {
  const window = new Float64Array(windowSize).fill(startMs);
  let next = 0;
  let current = startMs;
  return {
    record: (ms) => {
      window[next % windowSize] = ms;
      next += 1;
      if (next % refreshEvery === 0) current = window.toSorted()[Math.floor(quantile * (windowSize - 1))] ?? current;
    },
    value: () => current,
  };
};
