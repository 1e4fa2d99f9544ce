import { describe, expect, it } from 'vitest';
import { describeColumn, describeLists, rangeAround } from '../../src/bundle/describe-column.ts';

describe('rangeAround', () => {
  it.each([
    { low: 0, high: 1, minimum: 0, maximum: 1, why: 'a flag or share keeps its ends' },
    { low: 10, high: 20, minimum: 5, maximum: 25, why: 'half of the span on each side' },
    { low: 18, high: 89, minimum: 0, maximum: 125, why: 'never beyond zero, rounded away from the sample' },
    { low: -20, high: -10, minimum: -25, maximum: -5, why: 'negative values stay negative' },
    { low: -1, high: 3, minimum: -3, maximum: 5, why: 'both signs may grow' },
    { low: 7, high: 7, minimum: 3.5, maximum: 10.5, why: 'one value gets room of its own size' },
    { low: 0, high: 0, minimum: 0, maximum: 1, why: 'zero alone gets one unit' },
  ])('$low to $high becomes $minimum to $maximum: $why', ({ low, high, minimum, maximum }) => {
    expect(rangeAround(low, high)).toEqual({ minimum, maximum });
  });

  it('holds the sample however its numbers look', () => {
    for (const [low, high] of [
      [0.0193, 0.7662],
      [123_456.789, 987_654.321],
      [-3e-9, 4e-9],
    ] as const) {
      const { minimum, maximum } = rangeAround(low, high);
      expect(minimum).toBeLessThanOrEqual(low);
      expect(maximum).toBeGreaterThanOrEqual(high);
    }
  });
});

describe('describeColumn', () => {
  it('reads text of a CSV file as numbers, and says when all of them are whole', () => {
    expect(describeColumn('age', ['41', '18', '63'], 'FP32')).toMatchObject({
      ok: true,
      cells: [41, 18, 63],
      field: { logicalType: 'integer', minimum: 0, maximum: 86, example: 41 },
    });
    expect(describeColumn('income', ['41.0', '18.0'], 'FP32')).toMatchObject({ field: { logicalType: 'number' } });
  });

  it('does not take numbers of JSON for whole ones: it has no way to write 3.0', () => {
    expect(describeColumn('amount', [3, 4], 'FP32')).toMatchObject({ field: { logicalType: 'number' } });
    expect(describeColumn('amount', [3, 4], 'INT64')).toMatchObject({ field: { logicalType: 'integer' } });
  });

  it('lets the median stand in for nulls, and says so', () => {
    const column = describeColumn('ratio', ['0.5', '', 'NaN', '0.25', '0.75'], 'FP32');
    expect(column).toMatchObject({ ok: true, cells: [0.5, null, null, 0.25, 0.75], field: { imputeValue: 0.5 } });
    expect(column).toMatchObject({ field: { known: expect.stringContaining('Null in 2 of 5 rows: the median of the sample, 0.5, stands in for it.') } });
  });

  it('has no stand-in where no value is null', () => {
    const column = describeColumn('ratio', [0.5], 'FP32');
    expect(column.ok && 'imputeValue' in column.field).toBe(false);
  });

  it('reads true and false as booleans', () => {
    expect(describeColumn('home', ['True', 'False'], 'FP32')).toMatchObject({ cells: [true, false], field: { logicalType: 'boolean' } });
  });

  it.each<[string, readonly unknown[], string, readonly unknown[], number]>([
    ['JSON', [true, null, true, false], 'BOOL', [true, null, true, false], 1],
    ['CSV', ['True', '', 'False', 'False'], 'BOOL', [true, null, false, false], 0],
    ['a table of floats', [true, null, false], 'FP32', [true, null, false], 0],
  ])('keeps booleans with gaps booleans, the more frequent one stands in: %s', (...[, values, datatype, cells, imputeValue]) => {
    const column = describeColumn('home', values, datatype);
    expect(column).toMatchObject({ ok: true, cells, field: { logicalType: 'boolean', imputeValue } });
    expect(column.ok && [column.field.minimum, column.field.maximum]).toEqual([undefined, undefined]);
    expect(column).toMatchObject({ field: { known: expect.stringContaining(`the more frequent value, ${imputeValue === 1}, stands in for it.`) } });
  });

  it.each(['BOOL', 'INT64'])('lets a whole number stand in for the nulls of a column of 0 and 1 in a tensor of %s', (datatype) => {
    expect(describeColumn('home', [1, null, 0], datatype)).toMatchObject({ field: { logicalType: 'integer', minimum: 0, maximum: 1, imputeValue: 0 } });
  });

  it('refuses text for a tensor of numbers, with its row', () => {
    expect(describeColumn('age', ['41', 'old'], 'FP32')).toEqual({ ok: false, row: 1, got: '"old"', expected: 'a number, since the tensor is FP32' });
  });

  it('refuses a column without any value', () => {
    expect(describeColumn('age', ['', ''], 'FP32')).toMatchObject({ ok: false, expected: 'a value in some row' });
  });

  it('takes texts that repeat for the domain', () => {
    expect(describeColumn('purpose', ['car', 'home', 'car', 'home'], 'BYTES')).toMatchObject({
      field: { logicalType: 'string', validValues: ['car', 'home'] },
    });
  });

  it('bounds texts that hardly repeat by their length', () => {
    const column = describeColumn('name', ['Ann', 'Robert', 'Eve'], 'BYTES');
    expect(column).toMatchObject({ field: { maxLength: 12 } });
    expect(column.ok && 'validValues' in column.field).toBe(false);
  });

  it('bounds texts by their characters, not by the units of a string', () => {
    expect(describeColumn('mood', ['😀😀', '🎉', '🚀'], 'BYTES')).toMatchObject({ field: { maxLength: 4 } });
  });

  it('keeps digits as text where the tensor is text', () => {
    expect(describeColumn('zip', ['01234', '01234'], 'BYTES')).toMatchObject({ cells: ['01234', '01234'] });
  });
});

describe('describeLists', () => {
  it('flattens lists of lists and bounds their items', () => {
    const [row, other] = [
      [
        [1, 2],
        [3, 4],
      ],
      [5, 6, 7, 9],
    ];
    expect(describeLists('pixels', [row, other], { datatype: 'FP32', width: 4 })).toMatchObject({
      ok: true,
      cells: [[1, 2, 3, 4], other],
      field: { width: 4, logicalType: 'number', minimum: 0, maximum: 13 },
    });
  });

  it('refuses a list of another length, with its row', () => {
    expect(describeLists('pixels', [[1, 2], [1]], { datatype: 'FP32', width: 2 })).toMatchObject({ ok: false, row: 1, got: 'a list of 1' });
  });
});
