const ascending = (values: readonly number[]): Float64Array => Float64Array.from(values).sort();

/** The value below which the share `q` of the values lies (nearest rank); NaN without values. */
export const quantile = (values: readonly number[], q: number): number => ascending(values)[Math.max(0, Math.ceil(q * values.length) - 1)] ?? Number.NaN;

export const median = (values: readonly number[]): number => quantile(values, 0.5);

/** `median (min-max)`, with so many digits after the point. */
export const spread = (values: readonly number[], digits: number): string =>
  `${median(values).toFixed(digits)} (${quantile(values, 0).toFixed(digits)}-${quantile(values, 1).toFixed(digits)})`;

/** Rows of text in columns as wide as their widest cell. */
export const columns = (rows: readonly (readonly string[])[]): string => {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows
    .map(
      (row) =>
        `${row
          .map((cell, column) => cell.padEnd(widths[column] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
};
