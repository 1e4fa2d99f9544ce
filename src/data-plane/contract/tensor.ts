import type { Datatype } from '../../bundle/datatype.ts';

/** Row-major numbers of one tensor. BOOL is 0 or 1. Whoever receives it owns it, unless said otherwise. */
export type NumericData =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array;

/** Numbers, or the text of a BYTES tensor. */
export type TensorData = NumericData | string[];

/** The array that holds the numbers of each datatype. */
export const numericArrays = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const satisfies Readonly<Record<Exclude<Datatype, 'BYTES'>, unknown>>;

export interface Tensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Tensors by the graph's own names. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Larger ones get memory of their own. */
const mostPooledBytes = 1_024;
const poolBytes = 65_536;
/** Aligned for every datatype. */
const alignment = 8;
let pool = new ArrayBuffer(poolBytes);
let taken = 0;

/** Where the pool has room, cleared: what was taken once is never given again. */
const takeRoom = (bytes: number): number => {
  if (taken + bytes > poolBytes) {
    pool = new ArrayBuffer(poolBytes);
    taken = 0;
  }
  const offset = taken;
  taken += Math.ceil(bytes / alignment) * alignment;
  return offset;
};

/** Memory for `bytes` bytes, aligned for every datatype and 0 at first. A small one shares its buffer: one of its own takes five times as long to get and to free. */
export const takeMemory = (bytes: number): Uint8Array<ArrayBuffer> => {
  if (bytes > mostPooledBytes) return new Uint8Array(bytes);
  const offset = takeRoom(bytes);
  return new Uint8Array(pool, offset, bytes);
};

/** Space for `length` values of a datatype, 0 at first; text starts empty. */
export const allocate = (datatype: Datatype, length: number): TensorData => {
  if (datatype === 'BYTES') return new Array<string>(length).fill('');
  const bytes = numericArrays[datatype].BYTES_PER_ELEMENT * length;
  if (bytes > mostPooledBytes) return new numericArrays[datatype](length);
  const offset = takeRoom(bytes);
  // Most tensors are FP32: a constructor that is known when the code is compiled costs a tenth of one that is looked up.
  return datatype === 'FP32' ? new Float32Array(pool, offset, length) : new numericArrays[datatype](pool, offset, length);
};

/** The rows `[start, end)` of a tensor whose first dimension is the row. Numbers are a view of the same memory. */
export const rowsOf = (tensor: Tensor, start: number, end: number): Tensor => {
  const rows = tensor.shape[0] ?? 0;
  const width = rows === 0 ? 0 : tensor.data.length / rows;
  const data = Array.isArray(tensor.data) ? tensor.data.slice(start * width, end * width) : tensor.data.subarray(start * width, end * width);
  return { datatype: tensor.datatype, shape: [end - start, ...tensor.shape.slice(1)], data };
};
