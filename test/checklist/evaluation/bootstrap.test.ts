import { describe, expect, it } from 'vitest';
import { bootstrap } from '../../../src/checklist/evaluation/bootstrap.ts';

const caseCount = 20;
/** The share of the drawn cases that are the first. */
const first = (times: Float64Array): number => (times[0] ?? 0) / caseCount;

describe('bootstrap', () => {
  it('gives the same interval for the same cases', () => {
    expect(bootstrap(caseCount, first)).toEqual(bootstrap(caseCount, first));
    expect(bootstrap(caseCount, first)).toEqual([0, 0.15]);
  });

  it('has no end on either side when more resamples are without a value than lie beyond it', () => {
    const ends = bootstrap(caseCount, (times) => ((times[0] ?? 0) === 0 ? Number.NaN : first(times)));
    expect(ends).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
  });

  it('keeps values without bound', () => {
    expect(bootstrap(caseCount, (times) => ((times[0] ?? 0) === 0 ? Number.POSITIVE_INFINITY : first(times)))[1]).toBe(Number.POSITIVE_INFINITY);
  });
});
