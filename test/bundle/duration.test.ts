import { describe, expect, test } from 'vitest';
import { durationMs } from '../../src/bundle/duration.ts';

const duration = durationMs('a duration');
const faultOf = (text: string) => duration.safeParse(text).error?.issues.map(({ message }) => message);

describe('a duration', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['10m', 600_000],
    ['72h', 259_200_000],
    ['3650d', 315_360_000_000],
  ])('%s is %i ms', (text, ms) => {
    expect(duration.parse(text)).toBe(ms);
  });

  test.each(['', '10', '1.5h', '-1s', '1w', '1 s'])('is not %j', (text) => {
    expect(faultOf(text)).toEqual(['a duration']);
  });

  test.each(['3651d', '999999999d', `${'9'.repeat(400)}s`])('is at most ten years: %s is longer', (text) => {
    expect(faultOf(text)).toEqual(['at most 3650d']);
  });
});
