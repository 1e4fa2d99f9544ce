const numbersOf = (version: string): readonly number[] => version.split('.').map(Number);

const isHigher = (left: string, right: string): boolean => {
  const others = numbersOf(right);
  for (const [index, number] of numbersOf(left).entries()) {
    const other = others[index] ?? 0;
    if (number !== other) return number > other;
  }
  return false;
};

/** The highest of some semantic versions that is no prerelease (`2.0.0-rc.1`); null when there is none. Numbers compare as numbers: 1.10.0 is above 1.9.0. */
export const highestRelease = (versions: Iterable<string>): string | null => {
  let highest: string | null = null;
  for (const version of versions) {
    if (version.includes('-')) continue;
    if (highest === null || isHigher(version, highest)) highest = version;
  }
  return highest;
};
