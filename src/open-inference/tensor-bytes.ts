/**
 * Tensors as bytes: little-endian, row-major, BOOL one byte, BYTES a 32-bit length and the bytes for each element.
 * @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_binary_data.md
 */
import { isUtf8 } from 'node:buffer';
import type { Datatype } from '../bundle/datatype.ts';
import { type NumericData, numericArrays, type Tensor, type TensorData, takeMemory } from '../data-plane/contract/tensor.ts';
import { malformed } from './malformed.ts';

/** Length prefix of a BYTES element, bytes. */
const prefixBytes = 4;

/** Bytes of one element; for BYTES the least that one takes. */
export const elementBytes = (datatype: Datatype): number => (datatype === 'BYTES' ? prefixBytes : numericArrays[datatype].BYTES_PER_ELEMENT);

/** Where a tensor stands in a message, for its faults. */
export interface Place {
  /** JSON pointer of the tensor, such as `#/inputs/0`. */
  readonly pointer: string;
}

const copyOf = (bytes: Uint8Array): Uint8Array => {
  const copy = takeMemory(bytes.length);
  copy.set(bytes);
  return copy;
};

/**
 * Reads the numbers of a tensor. They are a view of the same memory where its alignment allows, a copy otherwise.
 * `bytes` has exactly the size of `count` elements.
 */
export const readNumbers = (datatype: Exclude<Datatype, 'BYTES'>, bytes: Uint8Array, { pointer }: Place): NumericData => {
  const NumericArray = numericArrays[datatype];
  const size = NumericArray.BYTES_PER_ELEMENT;
  const aligned = bytes.byteOffset % size === 0 ? bytes : copyOf(bytes);
  // As in `allocate`: a constructor that is known when the code is compiled.
  if (datatype === 'FP32') return new Float32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / size);
  const data = new NumericArray(aligned.buffer as ArrayBuffer, aligned.byteOffset, aligned.length / size);
  if (datatype === 'BOOL') {
    const odd = (data as Uint8Array).findIndex((value) => value > 1);
    if (odd !== -1) throw malformed(`${pointer}/data/${odd}`, { got: `the byte ${data[odd]}`, expected: '0 or 1' });
  }
  return data;
};

const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** Whether the bytes of a BYTES tensor are just so many elements. Nothing is made for them. @throws ProblemError malformed-request */
export const checkElements = (bytes: Uint8Array, count: number, { pointer }: Place): void => {
  const view = viewOf(bytes);
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    const left = bytes.length - offset - prefixBytes;
    const length = left < 0 ? 0 : view.getUint32(offset, true);
    if (length > left) throw malformed(`${pointer}/data/${index}`, { got: `${Math.max(0, left)} bytes left`, expected: `an element of ${length} bytes` });
    offset += prefixBytes + length;
  }
  if (offset !== bytes.length) throw malformed(pointer, { got: `${bytes.length} bytes`, expected: `${offset}, as its ${count} elements take`, unit: 'bytes' });
};

/** The elements of a BYTES tensor as they are; each is a view of the same memory. `bytes` has been checked to have `count` of them. */
export const readElements = (bytes: Uint8Array, count: number): readonly Uint8Array[] => {
  const view = viewOf(bytes);
  const elements: Uint8Array[] = [];
  let offset = 0;
  for (let index = 0; index < count; index += 1) {
    const start = offset + prefixBytes;
    offset = start + view.getUint32(offset, true);
    elements.push(bytes.subarray(start, offset));
  }
  return elements;
};

/** @throws ProblemError malformed-request for bytes that are no UTF-8 */
export const readTexts = (elements: readonly Uint8Array[], { pointer }: Place): string[] =>
  elements.map((element, index) => {
    if (!isUtf8(element)) throw malformed(`${pointer}/data/${index}`, { got: 'bytes that are no text', expected: 'UTF-8' });
    return Buffer.from(element.buffer, element.byteOffset, element.length).toString('utf8');
  });

const textBytes = (texts: readonly string[]): Buffer => {
  const total = texts.reduce((sum, text) => sum + prefixBytes + Buffer.byteLength(text), 0);
  const bytes = Buffer.allocUnsafe(total);
  let offset = 0;
  for (const text of texts) {
    const length = bytes.write(text, offset + prefixBytes);
    bytes.writeUInt32LE(length, offset);
    offset += prefixBytes + length;
  }
  return bytes;
};

const isText = (data: TensorData): data is string[] => Array.isArray(data);

/** The bytes of a tensor; numbers are a view of the same memory. */
export const tensorBytes = ({ data }: Tensor): Buffer => (isText(data) ? textBytes(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength));
