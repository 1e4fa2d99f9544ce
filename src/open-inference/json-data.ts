/** Tensor data as JSON: flat or nested lists, row-major. */
import { type Datatype, datatypeLimits, isWhole } from '../bundle/datatype.ts';
import { allocate, type NumericData, type Tensor, type TensorData } from '../data-plane/contract/tensor.ts';
import { ProblemError } from '../problem.ts';
import { malformed } from './malformed.ts';
import type { Place } from './tensor-bytes.ts';

interface Shaped extends Place {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  /** Product of the shape. */
  readonly count: number;
}

const wordsOf = (datatype: Datatype): string => {
  if (datatype === 'BYTES') return 'text';
  if (datatype === 'BOOL') return 'true or false';
  if (!isWhole(datatype)) return 'a finite number';
  const [lowest, highest] = datatypeLimits[datatype];
  const beyond = datatype.endsWith('64') ? '; send larger ones as binary data' : '';
  return `a whole number from ${lowest} to ${highest}${beyond}`;
};

/** Writes all items into the tensor. @returns the place of the first that the datatype does not have, or -1 */
const putAll = (data: TensorData, items: readonly unknown[], datatype: Datatype): number => {
  if (Array.isArray(data)) return putTexts(data, items);
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return putWide(data, items, datatype);
  return datatype === 'BOOL' ? putBooleans(data, items) : putNumbers(data, items, datatype);
};

const putNumbers = (data: Exclude<NumericData, BigInt64Array | BigUint64Array>, items: readonly unknown[], datatype: Datatype): number => {
  const [lowest, highest] = datatypeLimits[datatype];
  const whole = isWhole(datatype);
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (typeof item !== 'number' || !(item >= lowest && item <= highest) || (whole && !Number.isInteger(item))) return index;
    data[index] = item;
  }
  return -1;
};

const putBooleans = (data: Exclude<NumericData, BigInt64Array | BigUint64Array>, items: readonly unknown[]): number => {
  for (const [index, item] of items.entries()) {
    if (typeof item !== 'boolean' && item !== 0 && item !== 1) return index;
    data[index] = Number(item);
  }
  return -1;
};

const putTexts = (data: string[], items: readonly unknown[]): number => {
  for (const [index, item] of items.entries()) {
    if (typeof item !== 'string') return index;
    data[index] = item;
  }
  return -1;
};

const putWide = (data: BigInt64Array | BigUint64Array, items: readonly unknown[], datatype: Datatype): number => {
  const [lowest, highest] = datatypeLimits[datatype];
  for (const [index, item] of items.entries()) {
    if (!Number.isInteger(item) || !((item as number) >= lowest && (item as number) <= highest)) return index;
    data[index] = BigInt(item as number);
  }
  return -1;
};

const shown = (item: unknown): string => {
  if (item === undefined) return 'nothing';
  if (Array.isArray(item)) return `a list of ${item.length}`;
  if (typeof item === 'object' && item !== null) return 'an object';
  return typeof item === 'string' ? `text of ${item.length} characters` : String(item);
};

/** The items of nested lists, which must have the shape's own sizes: so the depth is bounded, and the room by what was sent. */
const flatten = (list: readonly unknown[], sizes: readonly number[], pointer: string): readonly unknown[] => {
  const [size, ...inner] = sizes;
  if (list.length !== size) throw malformed(pointer, { got: `a list of ${list.length}`, expected: `${size}, as the shape says` });
  if (inner.length === 0) return list;
  return list.flatMap((item, position) => {
    if (!Array.isArray(item)) throw malformed(`${pointer}/${position}`, { got: shown(item), expected: `a list of ${inner[0]}` });
    return flatten(item, inner, `${pointer}/${position}`);
  });
};

/**
 * Reads the `data` of a tensor; its size is checked before anything is allocated.
 * @throws ProblemError malformed-request
 */
export const readJsonData = (list: unknown, { datatype, shape, count, pointer }: Shaped): TensorData => {
  const at = `${pointer}/data`;
  if (datatype === 'FP16') throw malformed(at, { got: 'FP16 as JSON', expected: 'binary data: the protocol has no JSON form of FP16' });
  if (!Array.isArray(list)) throw malformed(at, { got: shown(list), expected: 'a list' });
  const items = Array.isArray(list[0]) ? flatten(list, shape, at) : (list as readonly unknown[]);
  if (items.length !== count) throw malformed(at, { got: `${items.length} values`, expected: `${count}, as the shape says` });
  const data = allocate(datatype, count);
  const odd = putAll(data, items, datatype);
  if (odd !== -1) throw malformed(`${at}/${odd}`, { got: shown(items[odd]), expected: wordsOf(datatype) });
  return data;
};

const booleansText = (data: Uint8Array): string => {
  let text = '';
  for (const value of data) text += value === 1 ? ',true' : ',false';
  return `[${text.slice(1)}]`;
};

/** The `data` of a tensor as JSON text, flat. @throws ProblemError for what JSON cannot say */
export const jsonData = ({ datatype, data }: Tensor, name: string): string => {
  if (Array.isArray(data)) return JSON.stringify(data);
  if (datatype === 'FP16') throw new ProblemError('malformed-request', `Output ${name} is FP16, which has no JSON form: ask for it with binary_data.`);
  if (datatype === 'BOOL') return booleansText(data as Uint8Array);
  const text = data.length === 1 ? String(data[0]) : data.join(',');
  if ((data instanceof Float32Array || data instanceof Float64Array) && /[NI]/.test(text))
    throw new ProblemError('output-rejected', `Output ${name} has values that are not finite, which JSON cannot say: ask for it with binary_data.`);
  return `[${text}]`;
};
