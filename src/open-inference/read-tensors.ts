import { datatypes } from '../bundle/datatype.ts';
import type { NumericData } from '../data-plane/contract/tensor.ts';
import { ProblemError } from '../problem.ts';
import { readJsonData } from './json-data.ts';
import { malformed } from './malformed.ts';
import { checkElements, elementBytes, readElements, readNumbers } from './tensor-bytes.ts';

/** A tensor as a message carries it. Binary BYTES stay bytes: whoever knows what they mean reads them. */
export interface WireTensor {
  readonly name: string;
  readonly datatype: (typeof datatypes)[number];
  readonly shape: readonly number[];
  /**
   * Numbers may be a view of the message; they are read only. Binary BYTES are made each time they are asked for: short ones
   * take forty times their room in the message, and the model may have no input of so many.
   */
  readonly data: NumericData | readonly string[] | readonly Uint8Array[];
}

export type Fields = Readonly<Record<string, unknown>>;

export const isFields = (value: unknown): value is Fields => typeof value === 'object' && value !== null && !Array.isArray(value);

const isDatatype = (value: unknown): value is WireTensor['datatype'] => typeof value === 'string' && (datatypes as readonly string[]).includes(value);

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0;

/** A list or an object is told by its size: the whole of it may be deeper than can be written. */
const text = (value: unknown): string => {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return `a list of ${value.length}`;
  return isFields(value) ? `an object of ${Object.keys(value).length} fields` : JSON.stringify(value).slice(0, 60);
};

/**
 * The parameters of a message or of one of its tensors. Servers and clients that are written in Python send null for what
 * they leave out: it is as if it were not there.
 * @throws ProblemError malformed-request
 */
export const readParameters = (value: unknown, pointer: string): Fields => {
  if (value === undefined || value === null) return {};
  if (!isFields(value)) throw malformed(pointer, { got: text(value), expected: 'an object of parameters' });
  return Object.values(value).includes(null) ? Object.fromEntries(Object.entries(value).filter(([, parameter]) => parameter !== null)) : value;
};

/** As many as a NumPy array could have before version 2; each costs a call for every list of nested data. */
const maxRank = 32;

/** A tensor as the JSON of a message describes it, and where its data is. */
export interface TensorHead {
  readonly name: string;
  readonly datatype: WireTensor['datatype'];
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly count: number;
  /** Of the tensor in the message, such as `#/inputs/0`. */
  readonly pointer: string;
  /** The size of its data among the bytes that follow the JSON; null when the JSON has the data itself. */
  readonly binaryBytes: number | null;
  /** The data in the JSON, not looked at yet. */
  readonly json: unknown;
}

const readShape = ({ name, datatype, shape }: Fields, pointer: string): Omit<TensorHead, 'binaryBytes' | 'json'> => {
  if (typeof name !== 'string' || name === '') throw malformed(`${pointer}/name`, { got: text(name), expected: 'the name of a tensor' });
  if (!isDatatype(datatype)) throw malformed(`${pointer}/datatype`, { got: text(datatype), expected: `one of ${datatypes.join(', ')}` });
  return { name, datatype, pointer, ...readSizes(shape, `${pointer}/shape`) };
};

const readSizes = (shape: unknown, pointer: string): Pick<TensorHead, 'shape' | 'count'> => {
  if (!Array.isArray(shape) || shape.length === 0) throw malformed(pointer, { got: text(shape), expected: 'a list of sizes, the rows first' });
  if (shape.length > maxRank) throw malformed(pointer, { got: `${shape.length} sizes`, expected: `at most ${maxRank}` });
  const odd = shape.findIndex((size) => !isSize(size));
  if (odd !== -1) throw malformed(`${pointer}/${odd}`, { got: text(shape[odd]), expected: 'a whole number of at least 0' });
  const count = shape.reduce<number>((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count)) throw malformed(pointer, { got: `[${shape.join(', ')}]`, expected: 'a size that a message can have' });
  return { shape, count };
};

const readSize = (size: unknown, { datatype, count, pointer }: Pick<TensorHead, 'datatype' | 'count' | 'pointer'>): number => {
  const at = `${pointer}/parameters/binary_data_size`;
  if (!isSize(size)) throw malformed(at, { got: text(size), expected: 'the size of the binary data', unit: 'bytes' });
  const needed = count * elementBytes(datatype);
  if (datatype === 'BYTES' ? size < needed : size !== needed)
    throw malformed(at, { got: String(size), expected: `${datatype === 'BYTES' ? 'at least ' : ''}${needed}, as shape and datatype say`, unit: 'bytes' });
  return size;
};

const readHead = (entry: unknown, pointer: string): TensorHead => {
  if (!isFields(entry)) throw malformed(pointer, { got: text(entry), expected: 'a tensor with name, datatype and shape' });
  const shaped = readShape(entry, pointer);
  const { binary_data_size: size, shared_memory_region: region } = readParameters(entry.parameters, `${pointer}/parameters`);
  const data = entry.data ?? undefined;
  if (region !== undefined) throw new ProblemError('unsupported', `${shaped.name}: shared memory is not supported.`);
  if ((size === undefined) === (data === undefined))
    throw malformed(pointer, { got: size === undefined ? 'neither' : 'both', expected: 'either data or parameters.binary_data_size' });
  return { ...shaped, binaryBytes: size === undefined ? null : readSize(size, shaped), json: data };
};

/**
 * What the JSON of a message says of its tensors.
 *
 * @param pointer of the list, `#/inputs` or `#/outputs`
 * @throws ProblemError malformed-request, unsupported
 */
export const readTensorHeads = (list: unknown, pointer: string): readonly TensorHead[] => {
  if (!Array.isArray(list) || list.length === 0) throw malformed(pointer, { got: text(list), expected: 'a list of tensors' });
  const heads = list.map((entry, index) => readHead(entry, `${pointer}/${index}`));
  const names = new Set<string>();
  for (const [index, { name }] of heads.entries()) {
    if (names.has(name)) throw malformed(`${pointer}/${index}/name`, { got: text(name), expected: 'each tensor once' });
    names.add(name);
  }
  return heads;
};

const takeBinary = (bytes: Buffer, { name, datatype, shape, count, pointer }: TensorHead): WireTensor => {
  if (datatype !== 'BYTES') return { name, datatype, shape, data: readNumbers(datatype, bytes, { pointer }) };
  checkElements(bytes, count, { pointer });
  return {
    name,
    datatype,
    shape,
    get data() {
      return readElements(bytes, count);
    },
  };
};

/**
 * The tensors of a message. Sizes that shape and datatype promise are held against the bytes that are there before
 * anything is allocated, and no byte may be left over.
 *
 * @param start of the bytes that follow the JSON
 * @throws ProblemError malformed-request
 */
export const takeTensors = (heads: readonly TensorHead[], body: Buffer, start: number): readonly WireTensor[] => {
  let offset = start;
  const tensors = heads.map((head): WireTensor => {
    const { name, datatype, shape, binaryBytes, pointer } = head;
    if (binaryBytes === null) return { name, datatype, shape, data: readJsonData(head.json, head) };
    const left = body.length - offset;
    if (binaryBytes > left)
      throw malformed(`${pointer}/parameters/binary_data_size`, {
        got: String(binaryBytes),
        expected: `at most ${left}, which are left of the body`,
        unit: 'bytes',
      });
    offset += binaryBytes;
    return takeBinary(body.subarray(offset - binaryBytes, offset), head);
  });
  const left = body.length - offset;
  if (left > 0) throw malformed('#', { got: `${left} bytes more than its tensors have`, expected: 'none left over', unit: 'bytes' });
  return tensors;
};
