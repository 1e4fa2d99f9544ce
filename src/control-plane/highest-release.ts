import { compareVersions, isPrerelease } from '../bundle/compare-versions.ts';

/** The highest of some semantic versions that is no prerelease (`2.0.0-rc.1`); null when there is none. Numbers compare as numbers: 1.10.0 is above 1.9.0. */
export const highestRelease = (versions: Iterable<string>): string | null =>
  [...versions]
    .filter((version) => !isPrerelease(version))
    .sort(compareVersions)
    .at(-1) ?? null;
