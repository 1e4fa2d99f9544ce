import { datatypes } from '../bundle/datatype.ts';
import type { NumericData } from '../data-plane/contract/tensor.ts';
import { ProblemError } from '../problem.ts';
import { readJsonData } from './json-data.ts';
import { malformed } from './malformed.ts';
import { elementBytes, readElements, readNumbers } from './tensor-bytes.ts';

/** A tensor as a message carries it. Binary BYTES stay bytes: whoever knows what they mean reads them. */
export interface WireTensor {
  readonly name: string;
  readonly datatype: (typeof datatypes)[number];
  readonly shape: readonly number[];
  /** Numbers may be a view of the message; they are read only. */
  readonly data: NumericData | readonly string[] | readonly Uint8Array[];
}

type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const isDatatype = (value: unknown): value is WireTensor['datatype'] => typeof value === 'string' && (datatypes as readonly string[]).includes(value);

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

const text = (value: unknown): string => (value === undefined ? 'nothing' : (JSON.stringify(value) ?? String(value)).slice(0, 60));

interface Head {
  readonly name: string;
  readonly datatype: WireTensor['datatype'];
  readonly shape: readonly number[];
  readonly count: number;
  readonly pointer: string;
}

const readHead = ({ name, datatype, shape }: Fields, pointer: string): Head => {
  if (typeof name !== 'string' || name === '') throw malformed(`${pointer}/name`, { got: text(name), expected: 'the name of a tensor' });
  if (!isDatatype(datatype)) throw malformed(`${pointer}/datatype`, { got: text(datatype), expected: `one of ${datatypes.join(', ')}` });
  if (!Array.isArray(shape) || shape.length === 0 || !shape.every(isSize))
    throw malformed(`${pointer}/shape`, { got: text(shape), expected: 'a list of sizes, the rows first' });
  const count = shape.reduce<number>((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count)) throw malformed(`${pointer}/shape`, { got: text(shape), expected: 'a size that a message can have' });
  return { name, datatype, shape, count, pointer };
};

/** The next bytes of the message. */
interface Cursor {
  readonly bytes: Buffer;
  offset: number;
}

const readBinary = ({ datatype, count, pointer }: Head, size: unknown, cursor: Cursor): WireTensor['data'] => {
  const at = `${pointer}/parameters/binary_data_size`;
  const left = cursor.bytes.length - cursor.offset;
  if (!isSize(size)) throw malformed(at, { got: text(size), expected: 'the size of the binary data', unit: 'bytes' });
  const needed = count * elementBytes(datatype);
  if (datatype === 'BYTES' ? size < needed : size !== needed)
    throw malformed(at, { got: String(size), expected: `${datatype === 'BYTES' ? 'at least ' : ''}${needed}, as shape and datatype say`, unit: 'bytes' });
  if (size > left) throw malformed(at, { got: String(size), expected: `at most ${left}, which are left of the body`, unit: 'bytes' });
  const bytes = cursor.bytes.subarray(cursor.offset, cursor.offset + size);
  cursor.offset += size;
  return datatype === 'BYTES' ? readElements(bytes, count, { pointer }) : readNumbers(datatype, bytes, { pointer });
};

const readTensor = (entry: unknown, pointer: string, cursor: Cursor): WireTensor => {
  if (!isFields(entry)) throw malformed(pointer, { got: text(entry), expected: 'a tensor with name, datatype and shape' });
  const head = readHead(entry, pointer);
  const { parameters, data } = entry;
  if (parameters !== undefined && !isFields(parameters)) throw malformed(`${pointer}/parameters`, { got: text(parameters), expected: 'an object' });
  if (parameters?.shared_memory_region !== undefined) throw new ProblemError('unsupported', `${head.name}: shared memory is not supported.`);
  const size = parameters?.binary_data_size;
  if ((size === undefined) === (data === undefined))
    throw malformed(pointer, { got: size === undefined ? 'neither' : 'both', expected: 'either data or parameters.binary_data_size' });
  const { name, datatype, shape } = head;
  return { name, datatype, shape, data: size === undefined ? readJsonData(data, head) : readBinary(head, size, cursor) };
};

/**
 * The tensors of a message. Sizes that shape and datatype promise are held against the bytes that are there before
 * anything is allocated, and no byte may be left over.
 *
 * @param pointer of the list, `#/inputs` or `#/outputs`
 * @throws ProblemError malformed-request, unsupported
 */
export const readTensors = (list: unknown, binary: Buffer, pointer: string): readonly WireTensor[] => {
  if (!Array.isArray(list) || list.length === 0) throw malformed(pointer, { got: text(list), expected: 'a list of tensors' });
  const cursor = { bytes: binary, offset: 0 };
  const tensors = list.map((entry, index) => readTensor(entry, `${pointer}/${index}`, cursor));
  const names = new Set<string>();
  for (const [index, { name }] of tensors.entries()) {
    if (names.has(name)) throw malformed(`${pointer}/${index}/name`, { got: text(name), expected: 'each tensor once' });
    names.add(name);
  }
  const left = binary.length - cursor.offset;
  if (left > 0) throw malformed('#', { got: `${left} bytes more than its tensors have`, expected: 'none left over', unit: 'bytes' });
  return tensors;
};
