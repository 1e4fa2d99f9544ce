import type { Datatype } from '../bundle/datatype.ts';
import type { CompiledField } from '../data-plane/contract/compile-field.ts';

type Read = (value: number) => unknown;
/** How a column's numbers are read; null when they stay as they are. */
export type ColumnRead = Read | null;

/** Decimal digits that every float of the datatype keeps. */
const digits: Partial<Readonly<Record<Datatype, number>>> = { FP32: 7, FP16: 4 };

/** What the graph's own number of a column is in a row, or null when it is the same. */
export const columnReader = (column: CompiledField, datatype: Datatype): ColumnRead => {
  const { field, holds } = column;
  const read = valueReader(column, datatype);
  return field.required ? read : orNull(field.imputeValue, holds, read ?? unchanged);
};

const unchanged: Read = (value) => value;

/** What a number says that does not stand for null. */
const valueReader = ({ field, holds, categories }: CompiledField, datatype: Datatype): ColumnRead => {
  if (categories !== undefined) return (value) => categories[value] ?? value;
  return field.kind === 'boolean' ? asBoolean : decimal(field, holds, datatype);
};

const asBoolean: Read = (value) => (value === 1 ? true : value === 0 ? false : value);

/** NaN is how a tensor says that nothing is known; and an imputed value may lie outside of the field's own range. */
const orNull =
  (imputeValue: number | undefined, holds: CompiledField['holds'], read: Read): Read =>
  (value) => {
    if (Number.isNaN(value)) return null;
    const own = read(value);
    return imputeValue !== undefined && Math.fround(value) === Math.fround(imputeValue) && !holds(own) ? null : own;
  };

/**
 * 0.01 is 0.00999999977648258 as a 32-bit float: it stands for every decimal that is rounded to it, so when it breaks a
 * bound or a step, the shortest such decimal is asked again. The graph gets the same bits for both.
 */
const decimal = (field: CompiledField['field'], holds: CompiledField['holds'], datatype: Datatype): Read | null => {
  const precision = digits[datatype];
  if (precision === undefined || !isExacting(field)) return null;
  const round = datatype === 'FP32' ? Math.fround : Math.f16round;
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY, exclusiveMinimum, exclusiveMaximum, multipleOf, validValues } = field;
  const isRange = [exclusiveMinimum, exclusiveMaximum, multipleOf, validValues].every((limit) => limit === undefined);
  return (value) => {
    if (Number.isInteger(value) || (isRange ? value >= minimum && value <= maximum : holds(value))) return value;
    const short = Number(value.toPrecision(precision));
    return round(short) === round(value) && holds(short) ? short : value;
  };
};

/** Whether some limit of the field is no whole number, so that rounding can put a value on its wrong side. */
const isExacting = ({ minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, validValues = [] }: CompiledField['field']): boolean =>
  [minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf, ...validValues].some((limit) => typeof limit === 'number' && !Number.isInteger(limit));
