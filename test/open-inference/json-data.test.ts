import { describe, expect, it } from 'vitest';
import type { Datatype } from '../../src/bundle/datatype.ts';
import type { Tensor } from '../../src/data-plane/contract/tensor.ts';
import { jsonData, readJsonData } from '../../src/open-inference/json-data.ts';

const read = (list: unknown, shape: readonly number[], datatype: Datatype = 'FP32') =>
  readJsonData(list, { datatype, shape, count: shape.reduce((product, size) => product * size, 1), pointer: '#/inputs/0' });

const refusal = (pointer: string, got: string, expected: string) => expect.objectContaining({ errors: [expect.objectContaining({ pointer, got, expected })] });

describe('the data of a tensor as JSON', () => {
  const pairs = [
    [
      [1, 2],
      [3, 4],
    ],
    [
      [5, 6],
      [7, 8],
    ],
  ];

  it('is the same flat and nested, row-major', () => {
    expect(read(pairs, [2, 2, 2])).toEqual(Float32Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    expect(read(pairs.flat(2), [2, 2, 2])).toEqual(read(pairs, [2, 2, 2]));
  });

  it('may be lists of nothing', () => {
    expect(read([[], []], [2, 0])).toEqual(new Float32Array(0));
  });

  it.each<[string, unknown, readonly number[], string, string, string]>([
    ['too many lists', [[1], [2], [3]], [2, 1], '#/inputs/0/data', 'a list of 3', '2, as the shape says'],
    ['a list that is too long', [[1], [2, 3]], [2, 1], '#/inputs/0/data/1', 'a list of 2', '1, as the shape says'],
    ['a number in the place of a list', [[1], 2], [2, 1], '#/inputs/0/data/1', '2', 'a list of 1'],
    [
      'a short list two deep',
      [
        [
          [1, 2],
          [3, 4],
        ],
        [[5, 6], [7]],
      ],
      [2, 2, 2],
      '#/inputs/0/data/1/1',
      'a list of 1',
      '2, as the shape says',
    ],
    ['text two deep', [[[1], ['x']]], [1, 2, 1], '#/inputs/0/data/1', 'text of 1 characters', 'a finite number'],
  ])('is refused with %s, at its place', (_, list, ...[shape, pointer, got, expected]) => {
    expect(() => read(list, shape)).toThrow(refusal(pointer, got, expected));
  });

  it('is rounded before it is held against the largest float', () => {
    const [largest] = Float32Array.of(3.402_823_466_385_288_6e38);
    expect(read([3.402_823_5e38, -3.402_823_5e38], [2])).toEqual(Float32Array.of(largest ?? 0, -(largest ?? 0)));
    expect(() => read([3.402_823_6e38], [1])).toThrow(refusal('#/inputs/0/data/0', '3.4028236e+38', 'a finite number'));
    expect(() => read([1e39], [1])).toThrow(refusal('#/inputs/0/data/0', '1e+39', 'a finite number'));
  });

  it.each<[Datatype, Tensor['data'], string]>([
    ['FP32', Float32Array.of(-0), '[-0]'],
    ['FP32', Float32Array.of(1, -0, 0, 0.5), '[1,-0,0,0.5]'],
    ['FP64', Float64Array.of(-0, 1), '[-0,1]'],
    ['INT32', Int32Array.of(0), '[0]'],
    ['INT64', BigInt64Array.of(0n, -1n), '[0,-1]'],
  ])('keeps the sign of a zero of %s: %s is %s', (datatype, data, text) => {
    expect(jsonData({ datatype, shape: [data.length], data }, 'y')).toBe(text);
    expect(read(JSON.parse(text), [data.length], datatype)).toEqual(data);
  });

  it('has no number that is not finite, beside a zero either', () => {
    for (const data of [Float32Array.of(Number.NaN), Float32Array.of(0, Number.NEGATIVE_INFINITY), Float64Array.of(1, Number.NaN)])
      expect(() => jsonData({ datatype: data instanceof Float32Array ? 'FP32' : 'FP64', shape: [data.length], data }, 'y')).toThrow(
        /Output y has values that are not finite/,
      );
  });
});
