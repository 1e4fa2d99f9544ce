import { describe, expect, it } from 'vitest';
import { readTensorHeads, takeTensors } from '../../src/open-inference/read-tensors.ts';

const tensor = { name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] };
const deep: unknown = JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`);
const nested = (depth: number): unknown => JSON.parse(`${'['.repeat(depth)}7${']'.repeat(depth)}`);

const framed = (size: number, entry: object) => ({ name: 'x', datatype: 'BYTES', shape: [size], parameters: { binary_data_size: 4 * size }, ...entry });

const read = (entry: unknown) => takeTensors(readTensorHeads([entry], '#/inputs'), Buffer.alloc(0), 0);

describe('the tensors of a message', () => {
  it('have as many sizes as 32', () => {
    const shape = Array(32).fill(1);
    expect(read({ ...tensor, shape, data: nested(32) })).toEqual([{ name: 'x', datatype: 'FP32', shape, data: Float32Array.of(7) }]);
  });

  it.each([
    ['no parameters', { parameters: null }],
    ['no size of bytes', { parameters: { binary_data_size: null } }],
    ['no shared memory', { parameters: { shared_memory_region: null } }],
  ])('have %s when null is sent for them', (_, nothing) => {
    expect(read({ ...tensor, ...nothing })).toEqual([{ ...tensor, data: Float32Array.of(1, 2) }]);
  });

  it('have no data in the JSON when null is sent for it', () => {
    const heads = readTensorHeads([framed(1, { data: null })], '#/inputs');
    expect(takeTensors(heads, Buffer.alloc(4), 0)).toEqual([{ name: 'x', datatype: 'BYTES', shape: [1], data: [Buffer.alloc(0)] }]);
    expect(() => read({ ...tensor, data: null })).toThrow('inputs[0]: got neither, expected either data or parameters.binary_data_size.');
  });

  it('take no room beside the message for texts that nobody has asked for', () => {
    const count = 1_000_000;
    const heads = readTensorHeads([framed(count, {})], '#/inputs');
    const body = Buffer.alloc(4 * count);
    const before = process.memoryUsage().heapUsed;
    const [texts] = takeTensors(heads, body, 0);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(20 * 2 ** 20);
    expect(texts?.data).toHaveLength(count);
  });

  it.each<[string, number, readonly number[], string, string, string]>([
    ['an element that is cut short', 2, [0, 0, 0, 0, 1, 0, 0, 0], '#/inputs/0/data/1', '0 bytes left', 'an element of 1 bytes'],
    ['an element without a length', 2, [1, 0, 0, 0, 7, 0, 0, 0], '#/inputs/0/data/1', '0 bytes left', 'an element of 0 bytes'],
    ['bytes after the last element', 1, [0, 0, 0, 0, 7], '#/inputs/0', '5 bytes', '4, as its 1 elements take'],
  ])('are refused with %s before anyone asks for the texts', (_, ...[count, bytes, pointer, got, expected]) => {
    const heads = readTensorHeads([framed(count, { parameters: { binary_data_size: bytes.length } })], '#/inputs');
    expect(() => takeTensors(heads, Buffer.from(bytes), 0)).toThrow(
      expect.objectContaining({ type: 'malformed-request', errors: [expect.objectContaining({ pointer, got, expected })] }),
    );
  });

  it.each<[string, object, string, string, string]>([
    ['33 sizes', { shape: Array(33).fill(1), data: nested(33) }, '#/inputs/0/shape', '33 sizes', 'at most 32'],
    ['a rank beyond what can be called', { shape: Array(4_000).fill(1), data: nested(4_000) }, '#/inputs/0/shape', '4000 sizes', 'at most 32'],
    ['no sizes', { shape: [] }, '#/inputs/0/shape', 'a list of 0', 'a list of sizes, the rows first'],
    ['no shape', { shape: undefined }, '#/inputs/0/shape', 'nothing', 'a list of sizes, the rows first'],
    ['an object for a shape', { shape: { rows: deep } }, '#/inputs/0/shape', 'an object of 1 fields', 'a list of sizes, the rows first'],
    ['a size below 0', { shape: [1, -2] }, '#/inputs/0/shape/1', '-2', 'a whole number of at least 0'],
    ['a size that is text', { shape: ['1', 2] }, '#/inputs/0/shape/0', '"1"', 'a whole number of at least 0'],
    ['a shape that is deeper than can be written', { shape: deep }, '#/inputs/0/shape/0', 'a list of 1', 'a whole number of at least 0'],
    ['more values than can be counted', { shape: [2 ** 40, 2 ** 40] }, '#/inputs/0/shape', '[1099511627776, 1099511627776]', 'a size that a message can have'],
    ['a deep name', { name: deep }, '#/inputs/0/name', 'a list of 1', 'the name of a tensor'],
    ['a deep datatype', { datatype: deep }, '#/inputs/0/datatype', 'a list of 1', 'one of BOOL'],
    ['deep parameters', { parameters: deep }, '#/inputs/0/parameters', 'a list of 1', 'an object'],
    [
      'a deep size of its bytes',
      { data: undefined, parameters: { binary_data_size: deep } },
      '#/inputs/0/parameters/binary_data_size',
      'a list of 1',
      'the size of the binary data',
    ],
    ['deep data', { data: deep }, '#/inputs/0/data/0', 'a list of 1', '2, as the shape says'],
  ])('are refused with %s', (_, ...[change, pointer, got, expected]) => {
    const violation = { pointer, got, expected: expect.stringContaining(expected) };
    expect(() => read({ ...tensor, ...change })).toThrow(expect.objectContaining({ type: 'malformed-request', errors: [expect.objectContaining(violation)] }));
  });

  it.each([
    ['a list', deep, 'a list of 1'],
    ['text', 'x'.repeat(500), `"${'x'.repeat(59)}`],
    ['null', null, 'null'],
  ])('are refused when one is %s', (_, entry, got) => {
    expect(() => read(entry)).toThrow(`inputs[0]: got ${got}, expected a tensor with name, datatype and shape.`);
  });
});
