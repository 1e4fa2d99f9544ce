/** Text without control characters: they would let stored text drive the terminal of its reader. */
export const printable = (text: string): string => text.replaceAll(/\p{Cc}/gu, ' ');

/** Rows as aligned columns, two spaces apart, the first row being the header. Ends with a newline. */
export const textTable = (rows: readonly (readonly string[])[]): string => {
  const cells = rows.map((row) => row.map(printable));
  const widths = (cells[0] ?? []).map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${cells.map(line).join('\n')}\n`;
};
