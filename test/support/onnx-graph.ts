import { type Datatype, datatypes } from '../../src/bundle/datatype.ts';

/*
 * Writes small ONNX graphs as protobuf, so that a test can state the model it needs. Field numbers of onnx/onnx.proto, over
 * the wire format (https://protobuf.dev/programming-guides/encoding/).
 */

const elementTypes = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
} as const;
type ElementType = keyof typeof elementTypes;

/** An input or output; a text stands for a variable dimension. */
export interface GraphValue {
  readonly name: string;
  readonly shape: readonly (number | string)[];
  /** Float when it is left out. */
  readonly type?: ElementType;
}

export interface GraphNode {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Integer attributes. */
  readonly attributes?: Readonly<Record<string, number>>;
}

/** A constant tensor. */
export interface GraphConstant {
  readonly name: string;
  readonly type: 'float' | 'int64';
  readonly shape: readonly number[];
  readonly values: readonly number[];
  /** The values are in this file, as ONNX external data, and not in the graph. */
  readonly file?: string;
}

export interface Graph {
  readonly nodes: readonly GraphNode[];
  readonly inputs: readonly GraphValue[];
  readonly outputs: readonly GraphValue[];
  readonly constants?: readonly GraphConstant[];
}

const varint = (value: number): Uint8Array => {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    bytes.push(rest > 0n ? low | 0x80 : low);
  } while (rest > 0n);
  return Uint8Array.from(bytes);
};

const integer = (field: number, value: number): Uint8Array => Buffer.concat([varint(field << 3), varint(value)]);
const block = (field: number, bytes: Uint8Array): Uint8Array => Buffer.concat([varint((field << 3) | 2), varint(bytes.length), bytes]);
const text = (field: number, value: string): Uint8Array => block(field, Buffer.from(value));
const message = (field: number, ...parts: readonly Uint8Array[]): Uint8Array => block(field, Buffer.concat(parts));

const dimension = (size: number | string): Uint8Array => message(1, typeof size === 'number' ? integer(1, size) : text(2, size));

/** ValueInfoProto of a tensor. */
const valueInfo = (field: number, { name, shape, type = 'float' }: GraphValue): Uint8Array =>
  message(field, text(1, name), message(2, message(1, integer(1, elementTypes[type]), message(2, ...shape.map(dimension)))));

const attribute = ([name, value]: readonly [string, number]): Uint8Array => message(5, text(1, name), integer(3, value), integer(20, 2));

const node = ({ op, inputs, outputs, attributes = {} }: GraphNode): Uint8Array =>
  message(1, ...inputs.map((name) => text(1, name)), ...outputs.map((name) => text(2, name)), text(4, op), ...Object.entries(attributes).map(attribute));

const inFile = (file: string): readonly Uint8Array[] => [message(13, text(1, 'location'), text(2, file)), integer(14, 1)];

const constant = ({ name, type, shape, values, file }: GraphConstant): Uint8Array => {
  const data = type === 'float' ? new Float32Array(values) : BigInt64Array.from(values, BigInt);
  const stored = file === undefined ? [block(9, new Uint8Array(data.buffer))] : inFile(file);
  return message(5, ...shape.map((size) => integer(1, size)), integer(2, elementTypes[type]), text(8, name), ...stored);
};

/** The bytes of a model with this graph. */
export const onnxModel = ({ nodes, inputs, outputs, constants = [] }: Graph): Uint8Array =>
  Buffer.concat([
    integer(1, 8),
    message(8, integer(2, 17)),
    message(
      7,
      ...nodes.map(node),
      text(2, 'test'),
      ...constants.map(constant),
      ...inputs.map((value) => valueInfo(11, value)),
      ...outputs.map((value) => valueInfo(12, value)),
    ),
  ]);

const echoLimit = 1_000;

/** `x` [N, 1] of whole numbers comes back as `y` [N, 1]; from 1000 on the run throws, for the whole batch. */
export const echoModel = (): Uint8Array =>
  onnxModel({
    inputs: [{ name: 'x', shape: ['N', 1] }],
    outputs: [{ name: 'y', shape: ['N', 1] }],
    constants: [{ name: 'table', type: 'float', shape: [echoLimit], values: Array.from({ length: echoLimit }, (_, index) => index) }],
    nodes: [
      { op: 'Cast', inputs: ['x'], outputs: ['index'], attributes: { to: elementTypes.int64 } },
      { op: 'Gather', inputs: ['table', 'index'], outputs: ['y'] },
    ],
  });

/** The elements of each datatype of the protocol. */
const elementOf: Readonly<Record<Datatype, ElementType>> = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float',
  FP64: 'double',
  BYTES: 'string',
};

/** For each datatype an input `in_<datatype>` [N, 3] that comes back as `out_<datatype>`. */
export const identityModel = (): Uint8Array => {
  const value = (datatype: Datatype, side: string): GraphValue => ({ name: `${side}_${datatype}`, shape: ['N', 3], type: elementOf[datatype] });
  return onnxModel({
    inputs: datatypes.map((datatype) => value(datatype, 'in')),
    outputs: datatypes.map((datatype) => value(datatype, 'out')),
    nodes: datatypes.map((datatype) => ({ op: 'Identity', inputs: [`in_${datatype}`], outputs: [`out_${datatype}`] })),
  });
};
