const isNumber = (text: string): boolean => /^\d+$/.test(text);

/** Numbers come before words, and compare as numbers. */
const compareParts = (left: string, right: string): number => {
  if (isNumber(left) && isNumber(right)) return Number(left) - Number(right);
  if (isNumber(left) !== isNumber(right)) return isNumber(left) ? -1 : 1;
  return left < right ? -1 : Number(left > right);
};

const compareLists = (left: readonly string[], right: readonly string[]): number => {
  for (let index = 0; index < Math.min(left.length, right.length); index += 1) {
    const order = compareParts(left[index] ?? '', right[index] ?? '');
    if (order !== 0) return order;
  }
  return left.length - right.length;
};

const partsOf = (version: string): { readonly numbers: readonly string[]; readonly prerelease: readonly string[] } => {
  const dash = version.indexOf('-');
  const [numbers, prerelease] = dash === -1 ? [version, ''] : [version.slice(0, dash), version.slice(dash + 1)];
  return { numbers: numbers.split('.'), prerelease: prerelease === '' ? [] : prerelease.split('.') };
};

/** Whether a version is of a release in the making, such as 2.0.0-rc.1. */
export const isPrerelease = (version: string): boolean => partsOf(version).prerelease.length > 0;

/**
 * The precedence of two versions of bundles, which have no build metadata: negative when the left one comes before.
 *
 * @see https://semver.org/spec/v2.0.0.html, section 11
 */
export const compareVersions = (left: string, right: string): number => {
  const [one, other] = [partsOf(left), partsOf(right)];
  const order = compareLists(one.numbers, other.numbers);
  if (order !== 0) return order;
  if (one.prerelease.length === 0 || other.prerelease.length === 0) return other.prerelease.length - one.prerelease.length;
  return compareLists(one.prerelease, other.prerelease);
};
