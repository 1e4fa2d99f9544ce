import type { Datatype } from '../bundle/datatype.ts';
import type { CompiledField } from '../data-plane/contract/compile-field.ts';
import { type Rounding, roundingOf } from '../data-plane/contract/rounded-limits.ts';

type Read = (value: number) => unknown;
/** How a column's numbers are read; null when they stay as they are. */
export type ColumnRead = Read | null;

/** Decimal digits that every float of the datatype keeps. */
const digits: Partial<Readonly<Record<Datatype, number>>> = { FP32: 7, FP16: 4 };

/** What the graph's own number of a column is in a row, or null when it is the same. */
export const columnReader = (column: CompiledField, datatype: Datatype): ColumnRead => {
  const { field } = column;
  const read = valueReader(column, datatype);
  return field.required ? read : orNull(column, roundingOf(datatype), read ?? unchanged);
};

const unchanged: Read = (value) => value;

/** What a number says that does not stand for null. */
const valueReader = ({ field, holds, categories }: CompiledField, datatype: Datatype): ColumnRead => {
  if (categories !== undefined) return (value) => categories[value] ?? value;
  return field.kind === 'boolean' ? asBoolean : decimal(field, holds, datatype);
};

const asBoolean: Read = (value) => (value === 1 ? true : value === 0 ? false : value);

/** NaN is how a tensor says that nothing is known; and an imputed value, as the datatype rounds it, may lie outside of the field's own range. */
const orNull = ({ field: { imputeValue }, holds }: CompiledField, round: Rounding, read: Read): Read => {
  const standIn = imputeValue === undefined ? undefined : round(imputeValue);
  return (value) => {
    if (Number.isNaN(value)) return null;
    const own = read(value);
    return value === standIn && !holds(own) ? null : own;
  };
};

/**
 * 0.01 is 0.00999999977648258 as a 32-bit float: it stands for every decimal that is rounded to it. What a limit of the field
 * is rounded to stands for the limit; another value that breaks one is asked again as the shortest such decimal. The graph
 * gets the same bits for all of them.
 */
const decimal = (field: CompiledField['field'], holds: CompiledField['holds'], datatype: Datatype): Read | null => {
  const precision = digits[datatype];
  const round = roundingOf(datatype);
  if (precision === undefined || !isExacting(field, round)) return null;
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY, exclusiveMinimum, exclusiveMaximum, multipleOf, validValues } = field;
  const isRange = [exclusiveMinimum, exclusiveMaximum, multipleOf, validValues].every((limit) => limit === undefined);
  const limits = new Map(limitsOf(field).map((limit) => [round(limit), limit]));
  const shortest: Read = (value) => {
    const short = Number(value.toPrecision(precision));
    return round(short) === round(value) && holds(short) ? short : value;
  };
  return (value) => {
    if (isRange && value >= minimum && value <= maximum) return value;
    const limit = limits.get(value);
    if (limit !== undefined) return limit;
    return Number.isInteger(value) || holds(value) ? value : shortest(value);
  };
};

const limitsOf = ({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, validValues = [] }: CompiledField['field']): readonly number[] =>
  [minimum, maximum, exclusiveMinimum, exclusiveMaximum, ...validValues].filter((limit) => typeof limit === 'number');

/** Whether rounding can put a value on the wrong side of some limit of the field. */
const isExacting = (field: CompiledField['field'], round: Rounding): boolean =>
  [...limitsOf(field), field.multipleOf ?? 0].some((limit) => !Number.isInteger(limit) || round(limit) !== limit);
