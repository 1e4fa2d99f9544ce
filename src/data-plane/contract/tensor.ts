import type { Datatype } from '../../bundle/contract.ts';

/** Row-major values of one tensor. BYTES is text, BOOL is 0 or 1. Whoever receives it owns it, unless said otherwise. */
export type TensorData = Float32Array | Float64Array | Int32Array | BigInt64Array | Uint8Array | string[];

export interface Tensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: TensorData;
}

/** Tensors by the graph's own names. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Space for `length` values of a datatype; text starts empty. */
export const allocate = (datatype: Datatype, length: number): TensorData => {
  switch (datatype) {
    case 'FP32':
      return new Float32Array(length);
    case 'FP64':
      return new Float64Array(length);
    case 'INT32':
      return new Int32Array(length);
    case 'INT64':
      return new BigInt64Array(length);
    case 'BOOL':
      return new Uint8Array(length);
    case 'BYTES':
      return new Array<string>(length).fill('');
    default:
      return datatype satisfies never;
  }
};

/** The rows `[start, end)` of a tensor whose first dimension is the row. Numbers are a view of the same memory. */
export const rowsOf = (tensor: Tensor, start: number, end: number): Tensor => {
  const rows = tensor.shape[0] ?? 0;
  const width = rows === 0 ? 0 : tensor.data.length / rows;
  const data = Array.isArray(tensor.data) ? tensor.data.slice(start * width, end * width) : tensor.data.subarray(start * width, end * width);
  return { datatype: tensor.datatype, shape: [end - start, ...tensor.shape.slice(1)], data };
};
