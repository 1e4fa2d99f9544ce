/**
 * From the tensors of a request to the rows that a data contract holds. An input is one of the graph's own tensors, or a
 * single field by its name: so an unchanged client of the model is understood, and one that has more to say can say it.
 */

import { widthOf } from '../bundle/contract.ts';
import type { ContractPair } from '../data-plane/contract/check-inputs.ts';
import type { CompiledContract, CompiledTensor, RequestField, Row } from '../data-plane/contract/compile-contract.ts';
import type { NumericData } from '../data-plane/contract/tensor.ts';
import type { ProblemError } from '../problem.ts';
import { type ColumnRead, columnReader } from './column-reader.ts';
import { fieldsNamed, rejectUnknown, rejectWidth } from './fields-named.ts';
import { imageText } from './image-text.ts';
import { inOlderUnit } from './in-older-unit.ts';
import type { InferenceRequest } from './inference-request.ts';
import { locateProblem, type Source } from './locate-problem.ts';
import { malformed } from './malformed.ts';
import { mismatch, shapeText } from './mismatch.ts';
import type { WireTensor } from './read-tensors.ts';
import { readValue } from './read-value.ts';
import { elementBytes, readNumbers, readTexts } from './tensor-bytes.ts';

/** Rows that are made when the model's contract is known and their number is allowed. */
export interface TensorRows {
  readonly length: number;
  /** @throws ProblemError contract-violation, malformed-request */
  readonly read: (contracts: ContractPair) => readonly Row[];
  /** A problem that speaks of rows and fields, in the words of the tensors that were sent. */
  readonly locate: (problem: ProblemError) => ProblemError;
}

type MutableRow = Record<string, unknown>;

interface Reading {
  readonly rows: readonly MutableRow[];
  readonly sources: Source[];
}

/** The rows of a request's tensors. */
export const tensorRows = (inputs: InferenceRequest['inputs']): TensorRows => {
  const sources: Source[] = [];
  const locate = (problem: ProblemError): ProblemError => locateProblem(problem, sources);
  if ('raw' in inputs) return { length: 1, read: (contracts) => readAll([rawTensor(inputs.raw, contracts)], contracts, sources), locate };
  const length = inputs[0]?.shape[0] ?? 0;
  const odd = inputs.findIndex(({ shape }) => shape[0] !== length);
  if (odd !== -1)
    throw malformed(`#/inputs/${odd}/shape/0`, { got: String(inputs[odd]?.shape[0]), expected: `${length}, as of the first input`, unit: 'rows' });
  return { length, read: (contracts) => readAll(inputs, contracts, sources), locate };
};

/** Whether all tensors of the graph are there, so that every field of a row will be filled. */
const namesGraph = (inputs: readonly WireTensor[], { baseline }: ContractPair): boolean =>
  baseline.tensors.every(({ spec }) => inputs.some(({ name }) => name === spec.name));

const readAll = (inputs: readonly WireTensor[], contracts: ContractPair, sources: Source[]): readonly Row[] => {
  const isWhole = namesGraph(inputs, contracts);
  const template = isWhole ? templateOf(contracts.baseline) : {};
  const rows: MutableRow[] = [];
  for (let count = inputs[0]?.shape[0] ?? 0; count > 0; count -= 1) rows.push({ ...template });
  const reading = { rows, sources };
  for (const [index, input] of inputs.entries()) {
    const tensor = contracts.baseline.tensors.find(({ spec }) => spec.name === input.name);
    if (tensor !== undefined) readGraphTensor(tensor, { input, index }, reading);
    else readField({ input, index }, contracts, reading);
  }
  if (!isWhole) rejectMissing(contracts, sources);
  return rows;
};

/** A tensor of which not even one field was named was forgotten as a whole. */
const rejectMissing = ({ baseline }: ContractPair, sources: readonly Source[]): void => {
  const named = new Set(sources.flatMap(({ names }) => names));
  for (const { spec, columns } of baseline.tensors) {
    if (!columns.some(({ name }) => named.has(name)))
      throw mismatch('#/inputs', `no input ${spec.name}`, `${spec.name}, ${spec.datatype} ${shapeText(spec.shape)}`);
  }
};

interface Indexed {
  readonly input: WireTensor;
  readonly index: number;
}

/** Whether rows are of the same shape; there may be any number of them. */
const isAlike = (shape: readonly number[], expected: readonly number[]): boolean => {
  for (let axis = 1; axis < expected.length; axis += 1) if (shape[axis] !== expected[axis]) return false;
  return shape.length === expected.length;
};

const readGraphTensor = (tensor: CompiledTensor, { input, index }: Indexed, { rows, sources }: Reading): void => {
  const { spec, columns } = tensor;
  const [first] = columns;
  if (first === undefined) return;
  if (first.field.kind === 'image') {
    readImages(first.name, { input, index }, { rows, sources });
    return;
  }
  const pointer = `#/inputs/${index}`;
  if (input.datatype !== spec.datatype) throw mismatch(`${pointer}/datatype`, input.datatype, spec.datatype);
  if (!isAlike(input.shape, spec.shape)) throw mismatch(`${pointer}/shape`, shapeText(input.shape), `${shapeText(spec.shape)}, -1 being the rows`);
  const { names, width } = planOf(tensor);
  sources.push({ input: index, width, names });
  const values = valuesOf(input, pointer);
  if (first.field.kind === 'array') fillLists(first.name, values, { width, rows });
  else fillRows(tensor, values, rows);
};

interface Lists {
  /** Values in a row. */
  readonly width: number;
  readonly rows: readonly MutableRow[];
}

const fillLists = (name: string, values: Values, { width, rows }: Lists): void => {
  for (const [position, row] of rows.entries()) row[name] = sliceOf(values, position * width, width);
};

/** Row by row: the fields of a row are stored one after the other, and each is a place that the row already has. */
const fillRows = (tensor: CompiledTensor, values: Values, rows: readonly MutableRow[]): void => {
  const { names, readers } = planOf(tensor);
  let index = 0;
  for (const row of rows) {
    for (let column = 0; column < names.length; column += 1) {
      row[names[column] as string] = readValue(values[index], readers[column] ?? null);
      index += 1;
    }
  }
};

/** What reading a tensor needs, made once for each tensor of a version. */
interface Plan {
  readonly names: readonly string[];
  /** Values in a row. */
  readonly width: number;
  readonly readers: readonly ColumnRead[];
}

const plans = new WeakMap<CompiledTensor, Plan>();

const planOf = (tensor: CompiledTensor): Plan => {
  const kept = plans.get(tensor);
  if (kept !== undefined) return kept;
  const { columns, spec } = tensor;
  const made = { names: columns.map(({ name }) => name), width: widthOf(spec), readers: columns.map((column) => columnReader(column, spec.datatype)) };
  plans.set(tensor, made);
  return made;
};

const templates = new WeakMap<CompiledContract, MutableRow>();

/** A row that has all fields of the graph's tensors already: a copy of it is cheaper than the same fields added one by one. */
const templateOf = (contract: CompiledContract): MutableRow => {
  const kept = templates.get(contract);
  if (kept !== undefined) return kept;
  const made = Object.fromEntries(contract.tensors.flatMap(({ columns }) => columns.map(({ name }) => [name, undefined])));
  templates.set(contract, made);
  return made;
};

type Values = NumericData | readonly string[];

/** Numbers of a row are a view of the message. */
const sliceOf = (values: Values, start: number, length: number): unknown =>
  'subarray' in values ? values.subarray(start, start + length) : values.slice(start, start + length);

const isElements = (data: WireTensor['data']): data is readonly Uint8Array[] => Array.isArray(data) && data[0] instanceof Uint8Array;

const valuesOf = ({ data }: WireTensor, pointer: string): Values => (isElements(data) ? readTexts(data, { pointer }) : data) as Values;

interface Column {
  readonly read: ColumnRead;
  readonly rows: readonly MutableRow[];
}

const fillColumn = (name: string, values: Values, { read, rows }: Column): void => {
  let position = 0;
  for (const row of rows) {
    row[name] = readValue(values[position], read);
    position += 1;
  }
};

const readField = ({ input, index }: Indexed, contracts: ContractPair, { rows, sources }: Reading): void => {
  const { name } = input;
  const pointer = `#/inputs/${index}`;
  const fields = fieldsNamed(name, contracts);
  const [field] = fields;
  if (field === undefined) rejectUnknown(name, pointer, contracts);
  rejectWidth(field, input, { pointer, contracts });
  const width = widthOf(input);
  for (const { name: own } of fields) if (own !== name) sources.push({ input: index, width, names: [own] });
  if (field?.field.kind === 'image') {
    readImages(name, { input, index }, { rows, sources });
    return;
  }
  sources.push({ input: index, width, names: [name] });
  fillField(field, input, { values: valuesOf(input, pointer), width, rows });
};

interface Filling extends Lists {
  readonly values: Values;
}

/** What no version in force has a field for stays as it was sent. */
const fillField = (field: RequestField | undefined, { name, datatype }: WireTensor, { values, width, rows }: Filling): void => {
  if (field?.field.kind === 'array') fillLists(name, values, { width, rows });
  else if (field !== undefined) fillColumn(name, values, { read: columnReader(field.name === name ? field : inOlderUnit(field), datatype), rows });
  else
    rows.forEach((row, position) => {
      row[name] = values[position];
    });
};

/** Images are encoded files as BYTES: the file's own bytes, or its base64 text. */
const readImages = (name: string, { input, index }: Indexed, { rows, sources }: Reading): void => {
  const pointer = `#/inputs/${index}`;
  if (input.datatype !== 'BYTES') throw mismatch(`${pointer}/datatype`, input.datatype, 'BYTES: one encoded image file a row');
  if (input.shape.slice(1).some((size) => size !== 1)) throw mismatch(`${pointer}/shape`, shapeText(input.shape), '[-1] or [-1, 1]: one image a row');
  sources.push({ input: index, width: 1, names: [name] });
  const { data } = input;
  rows.forEach((row, position) => {
    const element = data[position];
    row[name] = element instanceof Uint8Array ? imageText(element) : element;
  });
};

/** The whole body as the model's only input, a batch of one. For BYTES it is the one element, without a length before it. */
const rawTensor = (raw: Buffer, { baseline }: ContractPair): WireTensor => {
  const [tensor, ...others] = baseline.tensors;
  if (tensor === undefined || others.length > 0) throw mismatch('#/inputs', 'a raw body', `${baseline.tensors.length} inputs, so a request that names them`);
  const { name, datatype, shape } = tensor.spec;
  if (tensor.columns[0]?.field.kind === 'image') return { name, datatype: 'BYTES', shape: [1], data: [raw] };
  const size = widthOf(tensor.spec) * elementBytes(datatype);
  const whole = [1, ...shape.slice(1)];
  if (datatype === 'BYTES') return { name, datatype, shape: whole, data: [raw] };
  if (raw.length !== size) throw malformed('#', { got: String(raw.length), expected: `${size}, one row of ${datatype} ${shapeText(whole)}`, unit: 'bytes' });
  return { name, datatype, shape: whole, data: readNumbers(datatype, raw, { pointer: '#/inputs/0' }) };
};
