/** Tensor data as JSON: flat or nested lists, row-major. */
import { type Datatype, datatypeLimits, isWhole } from '../bundle/datatype.ts';
import { roundingOf } from '../data-plane/contract/rounded-limits.ts';
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

/** A float is held against its datatype as that rounds it: the shortest decimal of its largest number is a little larger. */
const putNumbers = (data: Exclude<NumericData, BigInt64Array | BigUint64Array>, items: readonly unknown[], datatype: Datatype): number => {
  const [lowest, highest] = datatypeLimits[datatype];
  const whole = isWhole(datatype);
  const round = roundingOf(datatype);
  for (let index = 0; index < items.length; index += 1) {
    const item = items[index];
    if (typeof item !== 'number') return index;
    const number = round(item);
    if (!(number >= lowest && number <= highest) || (whole && !Number.isInteger(number))) return index;
    data[index] = number;
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

/** Nested lists while their items are taken. */
interface Flattening extends Pick<Shaped, 'shape'> {
  readonly at: string;
  readonly items: unknown[];
  /** The places of the lists that are open, the outermost first. */
  readonly places: number[];
}

/** Made for a fault only: a message has room for millions of lists. */
const placeIn = ({ at, places }: Flattening, depth: number): string => [at, ...places.slice(0, depth)].join('/');

/** The items of nested lists, which must have the shape's own sizes: so the depth is bounded, and the room by what was sent. */
const flatten = (list: readonly unknown[], depth: number, flattening: Flattening): void => {
  const { shape, items, places } = flattening;
  if (list.length !== shape[depth])
    throw malformed(placeIn(flattening, depth), { got: `a list of ${list.length}`, expected: `${shape[depth]}, as the shape says` });
  const isInnermost = depth === shape.length - 1;
  for (let position = 0; position < list.length; position += 1) {
    const item = list[position];
    if (isInnermost) items.push(item);
    else {
      places[depth] = position;
      if (!Array.isArray(item)) throw malformed(placeIn(flattening, depth + 1), { got: shown(item), expected: `a list of ${shape[depth + 1]}` });
      flatten(item, depth + 1, flattening);
    }
  }
};

const flattened = (list: readonly unknown[], shape: readonly number[], at: string): readonly unknown[] => {
  const items: unknown[] = [];
  flatten(list, 0, { shape, at, items, places: [] });
  return items;
};

/**
 * Reads the `data` of a tensor; its size is checked before anything is allocated.
 * @throws ProblemError malformed-request
 */
export const readJsonData = (list: unknown, { datatype, shape, count, pointer }: Shaped): TensorData => {
  const at = `${pointer}/data`;
  if (datatype === 'FP16') throw malformed(at, { got: 'FP16 as JSON', expected: 'binary data: the protocol has no JSON form of FP16' });
  if (!Array.isArray(list)) throw malformed(at, { got: shown(list), expected: 'a list' });
  const items = Array.isArray(list[0]) ? flattened(list, shape, at) : (list as readonly unknown[]);
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

/** JSON has a negative zero, which `String` and `join` lose. */
const floatText = (value: number): string => (Object.is(value, -0) ? '-0' : String(value));

const floatsText = (data: Float32Array | Float64Array): string => {
  if (data.length === 1) return floatText(data[0] ?? 0);
  // Joining the array itself takes half the time, and most tensors have no zero of either sign.
  return data.includes(0) ? Array.from(data, floatText).join(',') : data.join(',');
};

/** Why an output of FP16 cannot be given as JSON. */
export const halfHasNoJson = (name: string): string => `Output ${name} is FP16, which has no JSON form: ask for it with binary_data.`;

/** The `data` of a tensor as JSON text, flat. @throws ProblemError for what JSON cannot say */
export const jsonData = ({ datatype, data }: Tensor, name: string): string => {
  if (Array.isArray(data)) return JSON.stringify(data);
  if (datatype === 'FP16') throw new ProblemError('output-rejected', halfHasNoJson(name));
  if (datatype === 'BOOL') return booleansText(data as Uint8Array);
  if (!(data instanceof Float32Array || data instanceof Float64Array)) return `[${data.length === 1 ? data[0] : data.join(',')}]`;
  const text = floatsText(data);
  if (/[NI]/.test(text))
    throw new ProblemError('output-rejected', `Output ${name} has values that are not finite, which JSON cannot say: ask for it with binary_data.`);
  return `[${text}]`;
};
