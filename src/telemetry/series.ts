/** Label values of one series, in the order in which the family declares its labels. */
export type Labels = Readonly<Record<string, string>>;

/** The series of one metric, each made once for its label values. */
export interface SeriesFamily<Series> {
  /** The series of these label values, made at the first call. Not for the request path: look it up once and keep it. */
  readonly of: (labels: Labels) => Series;
  readonly all: () => Iterable<Series>;
  /** Forgets every series whose labels include these. A recorder that still holds one counts where nobody looks. */
  readonly release: (labels: Labels) => void;
}

/** One number that grows or is set, read when the metrics are scraped. */
export interface NumberSeries {
  readonly labels: Labels;
  value: number;
}

/** A histogram that costs a few comparisons and two additions an observation. */
export interface HistogramSeries {
  readonly labels: Labels;
  readonly observe: (value: number) => void;
  /** Inserts upper bounds; see `createHistogramSeries` for what becomes of earlier observations. */
  readonly addBounds: (bounds: readonly number[]) => void;
  /** Cumulative counts at each upper bound, the last of which is Infinity, and the sum of all observations. */
  readonly read: () => { readonly buckets: readonly { readonly upperBound: number; readonly count: number }[]; readonly sum: number };
}

/** A family whose series are made by `make`. */
export const createSeriesFamily = <Series extends { readonly labels: Labels }>(make: (labels: Labels) => Series): SeriesFamily<Series> => {
  const members = new Map<string, Series>();
  return {
    of: (labels) => {
      const key = JSON.stringify(Object.values(labels));
      const known = members.get(key);
      if (known !== undefined) return known;
      const series = make(labels);
      members.set(key, series);
      return series;
    },
    all: () => members.values(),
    release: (labels) => {
      const wanted = Object.entries(labels);
      for (const [key, series] of members) {
        if (wanted.every(([name, value]) => series.labels[name] === value)) members.delete(key);
      }
    },
  };
};

const sorted = (bounds: Iterable<number>): Float64Array => Float64Array.from(new Set([...bounds, Number.POSITIVE_INFINITY])).sort();

/**
 * An empty histogram with these upper bounds; Infinity is added as the last one.
 * A bound that is added later splits a bucket whose earlier observations can no longer be told apart: they are kept above it.
 * So counts stay cumulative, and the rate at the new bound is exact from then on.
 */
export const createHistogramSeries = (labels: Labels, initialBounds: readonly number[]): HistogramSeries => {
  let bounds = sorted(initialBounds);
  let counts = new Float64Array(bounds.length);
  let sum = 0;
  return {
    labels,
    observe: (value) => {
      let index = 0;
      while (value > (bounds[index] ?? Number.POSITIVE_INFINITY)) index += 1;
      counts[index] = (counts[index] ?? 0) + 1;
      sum += value;
    },
    addBounds: (extra) => {
      const before = new Map([...bounds].map((bound, index) => [bound, counts[index] ?? 0]));
      bounds = sorted([...bounds, ...extra]);
      counts = bounds.map((bound) => before.get(bound) ?? 0);
    },
    read: () => {
      let total = 0;
      const buckets = [...bounds].map((upperBound, index) => {
        total += counts[index] ?? 0;
        return { upperBound, count: total };
      });
      return { buckets, sum };
    },
  };
};
