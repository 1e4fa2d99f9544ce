/**
 * Tensors as bytes, for another process on this machine. All integers are u32 little-endian: count; then for each tensor
 * the name, the index of its datatype, the rank and the dimensions, the length of the data in bytes, the data. Text is its
 * length and its UTF-8; the data of a BYTES tensor is the number of its texts, then each.
 */
import { type Datatype, datatypes } from '../../bundle/datatype.ts';
import { numericArrays, type Tensor, type TensorData, type Tensors } from '../contract/tensor.ts';

const wordBytes = 4;

const sizeOfText = (text: string): number => wordBytes + Buffer.byteLength(text);
const sizeOfData = (data: TensorData): number => (Array.isArray(data) ? data.reduce((sum, text) => sum + sizeOfText(text), wordBytes) : data.byteLength);
const sizeOfTensor = (name: string, { shape, data }: Tensor): number => sizeOfText(name) + (3 + shape.length) * wordBytes + sizeOfData(data);

/** Writes one value after the other into bytes that are large enough. */
interface ByteWriter {
  readonly bytes: Buffer;
  offset: number;
}

const writeWord = (to: ByteWriter, value: number): void => {
  to.offset = to.bytes.writeUInt32LE(value, to.offset);
};

const writeText = (to: ByteWriter, text: string): void => {
  const length = to.bytes.write(text, to.offset + wordBytes);
  writeWord(to, length);
  to.offset += length;
};

const writeData = (to: ByteWriter, data: TensorData): void => {
  writeWord(to, sizeOfData(data));
  if (Array.isArray(data)) {
    writeWord(to, data.length);
    for (const text of data) writeText(to, text);
    return;
  }
  to.bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), to.offset);
  to.offset += data.byteLength;
};

/** @returns `headBytes` bytes for the caller to fill, then the tensors */
export const tensorsToBytes = (tensors: Tensors, headBytes = 0): Buffer => {
  let size = headBytes + wordBytes;
  let count = 0;
  for (const name in tensors) {
    const tensor = tensors[name];
    if (tensor === undefined) continue;
    size += sizeOfTensor(name, tensor);
    count += 1;
  }
  const to: ByteWriter = { bytes: Buffer.allocUnsafe(size), offset: headBytes };
  writeWord(to, count);
  for (const name in tensors) {
    const tensor = tensors[name];
    if (tensor === undefined) continue;
    writeText(to, name);
    writeWord(to, datatypes.indexOf(tensor.datatype));
    writeWord(to, tensor.shape.length);
    for (const size of tensor.shape) writeWord(to, size);
    writeData(to, tensor.data);
  }
  return to.bytes;
};

interface ByteReader {
  readonly bytes: Buffer;
  offset: number;
}

const readWord = (from: ByteReader): number => {
  const value = from.bytes.readUInt32LE(from.offset);
  from.offset += wordBytes;
  return value;
};

/** The offset before the next `length` bytes. @throws RangeError when there are not so many */
const skip = (from: ByteReader, length: number): number => {
  const start = from.offset;
  if (length > from.bytes.length - start) throw new RangeError(`${length} bytes are announced, ${from.bytes.length - start} are there`);
  from.offset += length;
  return start;
};

const readText = (from: ByteReader): string => {
  const length = readWord(from);
  const start = skip(from, length);
  return from.bytes.toString('utf8', start, start + length);
};

const readData = (from: ByteReader, datatype: Datatype): TensorData => {
  const length = readWord(from);
  if (datatype === 'BYTES') {
    skip({ ...from }, length);
    return Array.from({ length: readWord(from) }, () => readText(from));
  }
  const start = from.bytes.byteOffset + skip(from, length);
  // A copy: numbers in a frame lie at any address, and the frame's memory is used again.
  return new numericArrays[datatype](from.bytes.buffer.slice(start, start + length) as ArrayBuffer);
};

/** Reads what `tensorsToBytes` wrote after the head; the caller owns the result. @throws RangeError for bytes that are cut off */
export const tensorsFromBytes = (bytes: Buffer, headBytes = 0): Tensors => {
  const from: ByteReader = { bytes, offset: headBytes };
  const tensors: [string, Tensor][] = [];
  for (let left = readWord(from); left > 0; left -= 1) {
    const name = readText(from);
    const datatype = datatypes[readWord(from)];
    if (datatype === undefined) throw new RangeError('a tensor of no known datatype');
    const shape: number[] = [];
    for (let rank = readWord(from); rank > 0; rank -= 1) shape.push(readWord(from));
    tensors.push([name, { datatype, shape, data: readData(from, datatype) }]);
  }
  // A name may be one that every object has, such as `__proto__`, which could not be assigned.
  return Object.fromEntries(tensors);
};
