import { expect, it } from 'vitest';
import { highestRelease } from '../../src/control-plane/highest-release.ts';

it.each([
  { versions: [], highest: null },
  { versions: ['1.4.0'], highest: '1.4.0' },
  { versions: ['1.9.0', '1.10.0', '1.2.30'], highest: '1.10.0' },
  { versions: ['2.0.0-rc.1', '1.4.0'], highest: '1.4.0' },
  { versions: ['2.0.0-rc.1'], highest: null },
  { versions: ['1.0.9', '1.0.10'], highest: '1.0.10' },
])('of $versions is $highest', ({ versions, highest }) => {
  expect(highestRelease(versions)).toBe(highest);
});
