import { expect, test } from 'vitest';
import type { Tensor, Tensors } from '../../../src/data-plane/contract/tensor.ts';
import { inexactNumber } from '../../../src/data-plane/guards/inexact-number.ts';

const largest = BigInt(Number.MAX_SAFE_INTEGER);
const signed = (...values: bigint[]): Tensor => ({ datatype: 'INT64', shape: [values.length, 1], data: BigInt64Array.from(values) });
const unsigned = (...values: bigint[]): Tensor => ({ datatype: 'UINT64', shape: [values.length, 1], data: BigUint64Array.from(values) });

test.each<[string, Tensors]>([
  ['the largest whole number that JSON holds', { y: signed(largest) }],
  ['the smallest', { y: signed(-largest) }],
  ['the largest without a sign', { y: unsigned(largest) }],
  ['a larger number that is no whole number of 64 bits', { y: { datatype: 'FP64', shape: [1, 1], data: Float64Array.of(2 ** 60) } }],
  ['text', { y: { datatype: 'BYTES', shape: [1, 1], data: ['9007199254740993'] } }],
  ['no output', {}],
])('lets %s pass', (_, outputs) => {
  expect(inexactNumber(outputs)).toBeNull();
});

test.each([
  ['above it', { y: signed(0n, largest + 1n) }, '9007199254740992'],
  ['below it', { y: signed(-largest - 1n) }, '-9007199254740992'],
  ['above it without a sign', { y: unsigned(2n ** 64n - 1n) }, '18446744073709551615'],
  ['of a later output', { x: signed(1n), y: signed(2n ** 62n) }, '4611686018427387904'],
])('names the first number %s, with its output', (_, outputs, got) => {
  expect(inexactNumber(outputs)).toBe(`Output y has ${got}, which a JSON number does not hold: ask for it on /v2.`);
});
