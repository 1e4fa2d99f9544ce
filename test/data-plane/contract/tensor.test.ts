import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Datatype, datatypes } from '../../../src/bundle/datatype.ts';
import { allocate, rowsOf, type Tensor } from '../../../src/data-plane/contract/tensor.ts';

describe('allocate', () => {
  it.each([
    ['FP32', Float32Array],
    ['FP64', Float64Array],
    ['FP16', Float16Array],
    ['INT8', Int8Array],
    ['INT16', Int16Array],
    ['INT32', Int32Array],
    ['INT64', BigInt64Array],
    ['UINT8', Uint8Array],
    ['UINT16', Uint16Array],
    ['UINT32', Uint32Array],
    ['UINT64', BigUint64Array],
    ['BOOL', Uint8Array],
    ['BYTES', Array],
  ] as const)('gives for %s the array that ONNX Runtime takes', (datatype, type) => {
    const data = allocate(datatype, 3);
    expect(data).toBeInstanceOf(type);
    expect(data).toHaveLength(3);
  });

  it('starts numbers at 0, also where others have just been', () => {
    for (const datatype of datatypes.filter((one) => one !== 'BYTES')) {
      for (let round = 0; round < 200; round += 1) {
        const data = allocate(datatype, 16) as Uint8Array;
        expect(data.every((value) => Number(value) === 0)).toBe(true);
        Buffer.from(data.buffer, data.byteOffset, data.byteLength).fill(0xff);
      }
    }
  });

  it('gives nobody memory that another has', () => {
    const all = Array.from({ length: 1_000 }, (_, index) => (allocate('FP32', 1 + (index % 300)) as Float32Array).fill(index));
    for (const [index, data] of all.entries()) expect(data.every((value) => value === index)).toBe(true);
  });

  it('starts text empty', () => {
    expect(allocate('BYTES', 2)).toEqual(['', '']);
  });
});

const valueAt = (datatype: Datatype, index: number): number | bigint | string => {
  if (datatype === 'BYTES') return String(index);
  return datatype === 'INT64' || datatype === 'UINT64' ? BigInt(index) : index;
};

describe('rowsOf', () => {
  const tensor: Tensor = { datatype: 'FP32', shape: [3, 2], data: Float32Array.of(1, 2, 3, 4, 5, 6) };

  it('cuts whole rows', () => {
    expect(rowsOf(tensor, 1, 3)).toEqual({ datatype: 'FP32', shape: [2, 2], data: Float32Array.of(3, 4, 5, 6) });
  });

  it('keeps the inner dimensions', () => {
    const images: Tensor = { datatype: 'FP32', shape: [2, 3, 2, 2], data: new Float32Array(24) };
    expect(rowsOf(images, 1, 2)).toMatchObject({ shape: [1, 3, 2, 2], data: { length: 12 } });
  });

  it('is a view of the same memory for numbers, and a copy for text', () => {
    const rows = rowsOf(tensor, 0, 1);
    const texts = ['a', 'b'];
    const text = rowsOf({ datatype: 'BYTES', shape: [2], data: texts }, 1, 2);
    expect(!Array.isArray(rows.data) && !Array.isArray(tensor.data) && rows.data.buffer === tensor.data.buffer).toBe(true);
    expect(text).toEqual({ datatype: 'BYTES', shape: [1], data: ['b'] });
  });

  it('gives no rows of a tensor without rows', () => {
    expect(rowsOf({ datatype: 'FP32', shape: [0, 2], data: new Float32Array(0) }, 0, 0)).toEqual({
      datatype: 'FP32',
      shape: [0, 2],
      data: new Float32Array(0),
    });
  });

  it('cuts any tensor into parts that are the whole again', () => {
    const cases = fc.record({
      datatype: fc.constantFrom(...datatypes),
      rows: fc.integer({ min: 1, max: 8 }),
      width: fc.integer({ min: 1, max: 4 }),
      cut: fc.nat(8),
    });
    fc.assert(
      fc.property(cases, ({ datatype, rows, width, cut }) => {
        const whole: Tensor = { datatype, shape: [rows, width], data: allocate(datatype, rows * width) };
        for (let index = 0; index < rows * width; index += 1) Reflect.set(whole.data, index, valueAt(datatype, index));
        const at = Math.min(cut, rows);
        const parts = [rowsOf(whole, 0, at), rowsOf(whole, at, rows)];
        expect(parts.flatMap(({ data }) => [...data])).toEqual([...whole.data]);
        expect(parts.map(({ shape }) => shape)).toEqual([
          [at, width],
          [rows - at, width],
        ]);
      }),
      { seed: 1 },
    );
  });
});
