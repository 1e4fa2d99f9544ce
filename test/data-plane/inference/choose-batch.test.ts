import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chooseBatch, maxInlineMs } from '../../../src/data-plane/inference/choose-batch.ts';

const costs = (...pairs: readonly (readonly [rows: number, ms: number])[]) => pairs.map(([rows, ms]) => ({ rows, ms }));

describe('chooseBatch', () => {
  test.each([
    {
      fact: 'grows while rows get cheaper',
      measured: costs([1, 0.1], [8, 0.2], [32, 0.4], [128, 1]),
      maxRows: 64,
      expected: { maxBatchRows: 128, cheap: true },
    },
    { fact: 'stops where rows no longer get a tenth cheaper', measured: costs([1, 1], [8, 7.5]), maxRows: 1, expected: { maxBatchRows: 1, cheap: true } },
    {
      fact: 'keeps a cheap model within the time that may block the loop',
      measured: costs([1, 0.1], [8, 0.3], [32, 0.9], [128, 3]),
      maxRows: 8,
      expected: { maxBatchRows: 32, cheap: true },
    },
    { fact: 'lets a dear model grow beyond that time', measured: costs([1, 5], [8, 10], [32, 30]), maxRows: 1, expected: { maxBatchRows: 32, cheap: false } },
    {
      fact: 'calls a model dear whose largest request would block the loop',
      measured: costs([1, 0.1], [8, 0.8], [32, 3]),
      maxRows: 32,
      expected: { cheap: false },
    },
    {
      fact: 'reads the largest request off the line between two sizes',
      measured: costs([1, 1], [9, 9]),
      maxRows: 2,
      expected: { maxBatchRows: 1, cheap: true },
    },
    { fact: 'takes a request beyond the last size in proportion to it', measured: costs([1, 1]), maxRows: 3, expected: { maxBatchRows: 1, cheap: false } },
    { fact: 'leaves a model unbatched that was not measured', measured: [], maxRows: 1, expected: { maxBatchRows: 1, cheap: false } },
  ])('$fact', ({ measured, maxRows, expected }) => {
    expect(chooseBatch(measured, maxRows)).toMatchObject(expected);
  });

  test('chooses a measured size, and for a cheap model one that may run inline', () => {
    const measured = fc
      .uniqueArray(fc.record({ rows: fc.integer({ min: 1, max: 1_024 }), ms: fc.double({ min: 0.001, max: 50, noNaN: true }) }), {
        minLength: 1,
        maxLength: 6,
        selector: ({ rows }) => rows,
      })
      .map((list) => list.toSorted((left, right) => left.rows - right.rows));
    fc.assert(
      fc.property(measured, fc.integer({ min: 1, max: 200 }), (list, maxRows) => {
        const { maxBatchRows, cheap } = chooseBatch(list, maxRows);
        const chosen = list.find(({ rows }) => rows === maxBatchRows);
        const first = list[0];
        return chosen !== undefined && (!cheap || chosen === first || chosen.ms <= maxInlineMs);
      }),
    );
  });
});
