/** A figure that came out differently. */
export interface MetricDifference {
  readonly field: string;
  readonly got: string;
  readonly expected: string;
}

/** Figures are stated with four digits or more; another CPU may turn the last one. */
const relativeTolerance = 0.001;

/** Times and versions differ from run to run and machine to machine: they are no metrics. */
const noMetric = /latency|seconds|ms$|machine|versions|python/i;

const agree = (got: number, expected: number): boolean => Math.abs(got - expected) <= relativeTolerance * Math.max(1, Math.abs(expected));

const entriesOf = (value: unknown): readonly (readonly [string, unknown])[] =>
  typeof value === 'object' && value !== null ? Object.entries(value).filter(([key]) => !noMetric.test(key)) : [];

/** Compares the figures of a metrics file with those that were stated; every stated number must be there again. */
export const metricDifferences = (got: unknown, stated: unknown, at = ''): { readonly compared: number; readonly differences: readonly MetricDifference[] } => {
  if (typeof stated === 'number') {
    const same = typeof got === 'number' && agree(got, stated);
    return { compared: 1, differences: same ? [] : [{ field: at, got: String(got ?? 'nothing'), expected: String(stated) }] };
  }
  const parts = entriesOf(stated).map(([key, value]) =>
    metricDifferences(typeof got === 'object' && got !== null ? Reflect.get(got, key) : undefined, value, at === '' ? key : `${at}.${key}`),
  );
  return { compared: parts.reduce((sum, part) => sum + part.compared, 0), differences: parts.flatMap((part) => part.differences) };
};
