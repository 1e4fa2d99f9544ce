import { type Field, type ModelContract, type TensorSpec, widthOf } from '../../bundle/contract.ts';
import type { Manifest, Migration } from '../../bundle/manifest.ts';
import { compileArray, writeArray } from './compile-array.ts';
import type { CompiledField } from './compile-field.ts';
import { compileField, compilePassThrough } from './compile-field.ts';
import { compileMigration, type FindValue } from './compile-migration.ts';
import type { Tensor, TensorData, Tensors } from './tensor.ts';
import { allocate } from './tensor.ts';

/** A request row as it was parsed: fields by name, nothing known about the values yet. */
export type Row = Readonly<Record<string, unknown>>;

/** What the manifest says of a version's inputs. */
export interface InputRules extends Pick<Manifest, 'migration'> {
  readonly interface: Pick<Manifest['interface'], 'inputs'>;
}

/** A field of a version's requests, with where clients of older versions put its value. */
export interface RequestField extends CompiledField {
  /** Null for a field without a declared migration: its value is under its name. */
  readonly migrated: FindValue | null;
  /** What `migrated` was made of: the older name, and what turns the numbers under it into this field's unit. */
  readonly migration: Migration | null;
}

/** A tensor of the graph with the fields that are its columns; a single array field is a whole row. */
export interface CompiledTensor {
  readonly spec: TensorSpec;
  readonly columns: readonly RequestField[];
}

/** The value of a field in a row. Nothing is made for it: a row that needs no migration is read as it is. */
export const valueIn = (row: Row, { name, migrated }: RequestField): unknown => (migrated === null ? row[name] : migrated(row));

/** A version's data contract made ready for the request path. */
export interface CompiledContract {
  readonly fields: readonly RequestField[];
  /** Every name that a row may carry for it: its fields, and the older names of migrated ones. */
  readonly names: ReadonlySet<string>;
  /** The graph's inputs. */
  readonly tensors: readonly CompiledTensor[];
  /** True when every declared field of the row holds. Says nothing about undeclared ones. */
  readonly holds: (row: Row) => boolean;
  /**
   * Rows that hold, as the input tensors: `[rows, fields]`, or `[rows]` of base64 text for an image tensor. The caller
   * owns the result.
   */
  readonly encode: (rows: readonly Row[]) => Tensors;
}

const compileColumn = (field: Field, spec: TensorSpec, categories: readonly string[] | undefined): CompiledField =>
  field.kind === 'array' ? compileArray(field, spec.datatype, widthOf(spec)) : compileField(field, spec.datatype, categories);

/** Compiles a contract together with the manifest's input steps (text categories) and migrations. */
export const compileContract = (contract: ModelContract, { interface: { inputs }, migration }: InputRules): CompiledContract => {
  const migrations = new Map(migration.map((entry) => [entry.field, { migration: entry, migrated: compileMigration(entry) }]));
  const requestField = (field: CompiledField): RequestField => ({ ...field, ...(migrations.get(field.name) ?? { migration: null, migrated: null }) });
  const categories = new Map(inputs.flatMap(({ steps }) => steps.flatMap((step) => ('encode' in step ? Object.entries(step.encode) : []))));
  const tensors = contract.inputs.map((spec) => ({
    spec,
    columns: spec.fields.map((field) => requestField(compileColumn(field, spec, categories.get(field.name)))),
  }));
  const fields = [...tensors.flatMap((tensor) => tensor.columns), ...contract.passThrough.map((field) => requestField(compilePassThrough(field)))];
  return {
    fields,
    tensors,
    names: new Set([...fields.map((field) => field.name), ...migration.flatMap(({ from }) => from ?? [])]),
    holds: (row) => fields.every((field) => field.holds(valueIn(row, field))),
    encode: (rows) => Object.fromEntries(tensors.map((tensor) => [tensor.spec.name, encodeTensor(tensor, rows)])),
  };
};

const encodeTensor = ({ spec, columns }: CompiledTensor, rows: readonly Row[]): Tensor => {
  const [first] = columns;
  if (first?.field.kind === 'image') return { datatype: 'BYTES', shape: [rows.length], data: rows.map((row) => String(valueIn(row, first))) };
  const shape = [rows.length, ...spec.shape.slice(1)];
  if (first?.field.kind === 'array') return { datatype: spec.datatype, shape, data: arrayData(spec, rows, first) };
  const data = allocate(spec.datatype, rows.length * columns.length);
  const write = writer(data);
  let index = 0;
  for (const row of rows) {
    for (const column of columns) {
      write(index, column, valueIn(row, column));
      index += 1;
    }
  }
  return { datatype: spec.datatype, shape, data };
};

const arrayData = (spec: TensorSpec, rows: readonly Row[], column: RequestField): TensorData => {
  const width = widthOf(spec);
  const data = allocate(spec.datatype, rows.length * width);
  for (const [index, row] of rows.entries()) writeArray(data, index * width, valueIn(row, column));
  return data;
};

type Write = (index: number, column: CompiledField, value: unknown) => void;

const writer = (data: TensorData): Write => {
  if (Array.isArray(data)) {
    return (index, _column, value) => {
      data[index] = typeof value === 'string' ? value : '';
    };
  }
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) {
    return (index, column, value) => {
      data[index] = typeof value === 'bigint' ? value : BigInt(column.read(value));
    };
  }
  return (index, column, value) => {
    data[index] = column.read(value);
  };
};
