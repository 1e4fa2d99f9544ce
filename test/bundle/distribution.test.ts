import { describe, expect, it } from 'vitest';
import { distributionOf } from '../../src/bundle/distribution.ts';

describe('distributionOf', () => {
  it('has the deciles, shares, mean and deviation of numpy', () => {
    const distribution = distributionOf([3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]);
    // numpy 2.4.6: np.quantile(v, np.linspace(0, 1, 11)), np.mean(v < edge), v.mean(), v.std()
    expect(distribution).toEqual({
      edges: [1, 1, 2, 3, 3, 4, 5, 5, 5, 6, 9],
      shares: [0, 0.1818182, 0.09090909, 0, 0.1818182, 0.09090909, 0, 0, 0.2727273, 0.1818182],
      nulls: 0,
      mean: 4,
      sd: 2.256304,
    });
  });

  it('counts nulls apart from the values', () => {
    const distribution = distributionOf([null, 2, null, 4]);
    expect(distribution).toMatchObject({ nulls: 0.5, mean: 3, sd: 1 });
    expect(distribution?.shares.reduce((sum, share) => sum + share, 0)).toBeCloseTo(1, 6);
  });

  it('is nothing where no value is', () => {
    expect(distributionOf([null, null])).toBeNull();
  });

  it('is the one that an example bundle was handed over with', async () => {
    const { readFile } = await import('node:fs/promises');
    const stated = JSON.parse(await readFile('models/search-ranker/1.2.0/baseline.json', 'utf8')) as { readonly fields: Readonly<Record<string, unknown>> };
    const [first] = Object.values(stated.fields);
    expect(Object.keys(first as object).sort()).toEqual(Object.keys(distributionOf([1]) ?? {}).sort());
  });
});
