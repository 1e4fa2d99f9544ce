import { describe, expect, it } from 'vitest';
import { compareVersions, isPrerelease } from '../../src/bundle/compare-versions.ts';

describe('the order of versions', () => {
  it('is that of semantic versioning, section 11', () => {
    const ordered = [
      '1.0.0-alpha',
      '1.0.0-alpha.1',
      '1.0.0-alpha.beta',
      '1.0.0-beta',
      '1.0.0-beta.2',
      '1.0.0-beta.11',
      '1.0.0-rc.1',
      '1.0.0',
      '1.9.0',
      '1.10.0',
      '2.0.0',
    ];
    expect(ordered.toReversed().sort(compareVersions)).toEqual(ordered);
  });

  it('tells prereleases from releases', () => {
    expect(['1.0.0-rc.1', '1.0.0'].map(isPrerelease)).toEqual([true, false]);
  });
});
