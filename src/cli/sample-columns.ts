/** Which columns of a sample are which fields of the graph's inputs. */
import type { SignatureTensor } from '../bundle/check-graph.ts';
import { widthOf } from '../bundle/contract.ts';
import { type Cell, type DescribedColumn, describeColumn, describeLists } from '../bundle/describe-column.ts';
import { type DraftField, type DraftTensor, logicalTypeOf } from '../bundle/draft-contract.ts';
import type { Row } from '../data-plane/contract/compile-contract.ts';
import type { Sample } from './read-sample.ts';
import { Refusal } from './refusal.ts';

/** More columns than this are one list: nobody fills in a contract of thousands of fields. */
const mostColumns = 512;

/** A table: one tensor, each of whose columns is a field. */
const isTable = ({ shape }: SignatureTensor, inputs: readonly SignatureTensor[]): boolean =>
  inputs.length === 1 && shape.length === 2 && widthOf({ shape }) > 1 && widthOf({ shape }) <= mostColumns;

/** Inputs of which only the signature is known: columns of a table are f0, f1, … */
export const namedInputs = (inputs: readonly SignatureTensor[]): readonly DraftTensor[] =>
  inputs.map((tensor) => {
    if (!isTable(tensor, inputs)) return tensor;
    const field = (_: unknown, column: number): DraftField => ({ name: `f${column}`, logicalType: logicalTypeOf(tensor.datatype), width: 1 });
    return { ...tensor, fields: Array.from({ length: widthOf(tensor) }, field) };
  });

/** Inputs with what a sample showed of their fields, and its rows as requests. */
export interface SampledInputs {
  readonly inputs: readonly DraftTensor[];
  readonly rows: readonly Row[];
}

interface Columns {
  readonly sample: Sample;
  /** Columns of the sample that are no input. */
  readonly ignored: readonly string[];
}

const listed = (names: readonly string[]): string => names.slice(0, 12).join(', ') + (names.length > 12 ? `, … (${names.length})` : '');

/** The columns of the sample that a tensor is made of. */
const columnsOf = (tensor: SignatureTensor, inputs: readonly SignatureTensor[], { sample, ignored }: Columns): readonly string[] => {
  const columns = sample.columns.filter((name) => !ignored.includes(name));
  const width = widthOf(tensor);
  if (isTable(tensor, inputs) && sample.rows.some((row) => Array.isArray(row[tensor.name])) && columns.includes(tensor.name)) return [tensor.name];
  if (isTable(tensor, inputs)) {
    if (columns.length === width) return columns;
    throw new Refusal(
      `the sample has ${columns.length} columns (${listed(columns)}), the graph's input ${tensor.name} takes ${width}: name the columns that are no input with --ignore, such as a label or an id`,
    );
  }
  if (columns.includes(tensor.name)) return [tensor.name];
  if (inputs.length === 1 && columns.length === 1) return columns;
  throw new Refusal(`the sample has no column ${tensor.name}, as the graph's input is called; it has ${listed(columns)}`);
};

const described = (
  name: string,
  { sample }: Columns,
  tensor: { readonly datatype: string; readonly width: number },
): Extract<DescribedColumn, { ok: true }> => {
  const values = sample.rows.map((row) => row[name]);
  const column = tensor.width === 1 ? describeColumn(name, values, tensor.datatype) : describeLists(name, values, tensor);
  if (!column.ok) throw new Refusal(`row ${column.row + 1} of the sample, column ${name}: got ${column.got}, expected ${column.expected}`);
  return column;
};

/** Gives the fields of a graph's inputs the names, types, ranges, nulls and domains of the sample's columns. @throws Refusal when they do not fit */
export const sampledInputs = (inputs: readonly SignatureTensor[], columns: Columns): SampledInputs => {
  const unknown = columns.ignored.filter((name) => !columns.sample.columns.includes(name));
  if (unknown.length > 0) throw new Refusal(`--ignore: the sample has no column ${listed(unknown)}; it has ${listed(columns.sample.columns)}`);
  const cells = new Map<string, readonly Cell[]>();
  const tensors = inputs.map((tensor) => {
    const names = columnsOf(tensor, inputs, columns);
    const width = names.length > 1 ? 1 : widthOf(tensor);
    const found = names.map((name) => described(name, columns, { datatype: tensor.datatype, width }));
    for (const { field, cells: values } of found) cells.set(field.name, values);
    return { ...tensor, fields: found.map(({ field }) => field) };
  });
  const rows = columns.sample.rows.map((_, index) => Object.fromEntries([...cells].map(([name, values]) => [name, values[index]])));
  return { inputs: tensors, rows };
};
