import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Tensor } from '../../../src/data-plane/contract/tensor.ts';
import { tensorsFromBytes, tensorsToBytes } from '../../../src/data-plane/inference/tensor-bytes.ts';

const shapeOf = (data: { readonly length: number }): readonly number[] => [data.length, 1];
const tensor: fc.Arbitrary<Tensor> = fc.oneof(
  fc.float32Array().map((data): Tensor => ({ datatype: 'FP32', shape: shapeOf(data), data })),
  fc.float64Array().map((data): Tensor => ({ datatype: 'FP64', shape: shapeOf(data), data })),
  fc.int32Array().map((data): Tensor => ({ datatype: 'INT32', shape: shapeOf(data), data })),
  fc.bigInt64Array().map((data): Tensor => ({ datatype: 'INT64', shape: shapeOf(data), data })),
  fc.uint8Array({ max: 1 }).map((data): Tensor => ({ datatype: 'BOOL', shape: shapeOf(data), data })),
  fc.array(fc.string({ unit: 'grapheme' })).map((data): Tensor => ({ datatype: 'BYTES', shape: [data.length], data })),
);
const tensors = fc.dictionary(fc.string({ unit: 'grapheme' }), tensor, { noNullPrototype: true });

describe('tensors as bytes', () => {
  test('come back as they were, wherever in memory they lie', () => {
    fc.assert(
      fc.property(tensors, fc.nat(9), (given, headBytes) => {
        const bytes = Buffer.concat([Buffer.alloc(3), tensorsToBytes(given, headBytes)]).subarray(3);
        expect(tensorsFromBytes(bytes, headBytes)).toEqual(given);
      }),
    );
  });

  test('keep a tensor whose name every object has', () => {
    const data = Float32Array.of(7);
    const given = Object.fromEntries(['__proto__', 'constructor'].map((name): [string, Tensor] => [name, { datatype: 'FP32', shape: [1], data }]));
    expect(Object.entries(tensorsFromBytes(tensorsToBytes(given)))).toEqual(Object.entries(given));
  });

  test('share no memory with the bytes', () => {
    const bytes = tensorsToBytes({ x: { datatype: 'FP32', shape: [1], data: Float32Array.of(7) } });
    const read = tensorsFromBytes(bytes);
    bytes.fill(0);
    expect(read.x?.data).toEqual(Float32Array.of(7));
  });

  test('keep a view of a larger array to itself', () => {
    const data = Float32Array.of(1, 2, 3, 4).subarray(1, 3);
    expect(tensorsFromBytes(tensorsToBytes({ x: { datatype: 'FP32', shape: [2], data } })).x?.data).toEqual(Float32Array.of(2, 3));
  });

  test('are refused when they are cut off anywhere', () => {
    const bytes = tensorsToBytes({
      x: { datatype: 'FP32', shape: [2], data: Float32Array.of(1, 2) },
      texts: { datatype: 'BYTES', shape: [1], data: ['text'] },
    });
    for (let length = 0; length < bytes.length; length += 1) expect(() => tensorsFromBytes(bytes.subarray(0, length))).toThrow(RangeError);
  });
});
