import type { Field } from '../../bundle/contract.ts';
import { type Datatype, datatypeLimits, isWhole } from '../../bundle/datatype.ts';
import { type CompiledField, compileField, isWholeText } from './compile-field.ts';
import { numberInWords, textInWords } from './field-in-words.ts';
import { isRoundedMultiple } from './is-multiple.ts';
import { roundedLimits, roundingOf } from './rounded-limits.ts';
import type { NumericData, TensorData } from './tensor.ts';
import { isWide, wideTest } from './wide-test.ts';

/** Values of one row: a list as JSON gave it, or a view of a tensor that was sent. */
export type ArrayValue = readonly unknown[] | NumericData;

const isArrayValue = (value: unknown): value is ArrayValue => Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));

/** Makes a field that is a whole row of a tensor ready for the request path: a flat list of `width` values, row-major. */
export const compileArray = (field: Field, datatype: Datatype, width: number): CompiledField => {
  const testFor = itemTests(field, datatype);
  const isUnique = field.uniqueItems === true ? areDifferent : () => true;
  /** The place of the first item that does not hold; -1 when all do, the width when it is no such list. */
  const firstFault = (value: unknown): number => {
    if (!isArrayValue(value) || value.length !== width) return width;
    const item = testFor(value);
    for (let index = 0; index < width; index += 1) if (!item(value[index])) return index;
    return -1;
  };
  const got = (value: unknown): string => {
    if (!isArrayValue(value)) return value === null ? 'null' : `a ${typeof value}`;
    const index = firstFault(value);
    if (index === -1) return 'a list with an item twice';
    return index === width ? `a list of ${value.length}` : `${shown(value[index])} at place ${index}`;
  };
  const [lowest, highest] = datatypeLimits[datatype];
  const minimum = Math.max(field.minimum ?? lowest, lowest);
  const maximum = Math.min(field.maximum ?? highest, highest);
  const each = datatype === 'BYTES' ? textOf(field) : numberInWords({ ...field, kind: field.itemKind ?? 'number' }, minimum, maximum);
  return {
    field,
    name: field.name,
    numeric: false,
    read: () => Number.NaN,
    holds: (value) => firstFault(value) === -1 && isUnique(value as ArrayValue),
    got,
    expected: `a flat list of ${width}, each ${each}${field.uniqueItems === true ? ', no two alike' : ''}`,
  };
};

/** Items are compared as they enter the tensor, where true is 1. */
const areDifferent = (value: ArrayValue): boolean => {
  const items = new Set<unknown>();
  for (const item of value) items.add(typeof item === 'boolean' ? Number(item) : item);
  return items.size === value.length;
};

type ItemTest = (value: unknown) => boolean;

/** A tensor of floats that was sent has rounded each number; JSON has not. */
const itemTests = (field: Field, datatype: Datatype): ((value: ArrayValue) => ItemTest) => {
  const exact = withLimits(field, datatype);
  if (datatype === 'BYTES') return () => exact;
  const single = roundedTest(field, datatype, 'FP32') ?? exact;
  const half = roundedTest(field, datatype, 'FP16') ?? exact;
  return (value) => {
    if (value instanceof Float32Array) return single;
    return value instanceof Float16Array ? half : exact;
  };
};

/** The test for items that were sent as the datatype `sent`; null where rounding changes none. */
const roundedTest = (field: Field, datatype: Datatype, sent: 'FP32' | 'FP16'): ItemTest | null => {
  const rounded = roundedLimits(field, sent);
  const { multipleOf, ...limits } = rounded;
  if (rounded === field && multipleOf === undefined) return null;
  const test = withLimits(limits, datatype);
  if (multipleOf === undefined) return test;
  const round = roundingOf(sent);
  return (value) => test(value) && typeof value === 'number' && isRoundedMultiple(value, multipleOf, round);
};

const hasLimits = ({ multipleOf, validValues, minLength, maxLength, pattern }: Field): boolean =>
  [multipleOf, validValues, minLength, maxLength, pattern].some((limit) => limit !== undefined);

const textOf = (field: Field): string => (hasLimits(field) ? textInWords({ ...field, kind: 'string', required: true }) : 'text without NUL');

/** A step, a domain and what limits a text are those of a single value; few lists have any, and a list is long. */
const withLimits = (field: Field, datatype: Datatype): ItemTest => {
  const test = datatype === 'BYTES' ? isText : itemTest(field, datatype);
  if (!hasLimits(field)) return test;
  const { imputeValue: _none, ...single } = field;
  const { holds } = compileField({ ...single, kind: field.itemKind ?? (datatype === 'BYTES' ? 'string' : 'number'), required: true }, datatype);
  return (value) => test(value) && holds(typeof value === 'bigint' && !isWide(datatype) ? Number(value) : value);
};

const shown = (item: unknown): string =>
  typeof item === 'number' || typeof item === 'bigint' || typeof item === 'boolean' ? String(item) : `a ${typeof item}`;

const isText = (value: unknown): boolean => typeof value === 'string' && isWholeText(value);

const itemTest = (field: Field, datatype: Datatype): ItemTest => {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum, itemKind } = field;
  const [lowest, highest] = datatypeLimits[datatype];
  const low = Math.max(minimum ?? lowest, lowest);
  const high = Math.min(maximum ?? highest, highest);
  const above = exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const below = exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  const whole = isWhole(datatype) || itemKind === 'integer';
  const isWideItem = wideTest(field, datatype);
  return (value) => {
    if (typeof value === 'bigint') return isWideItem(value);
    const number = asNumber(value, itemKind === 'boolean');
    return number >= low && number <= high && number > above && number < below && (!whole || Number.isInteger(number));
  };
};

const asNumber = (value: unknown, takesBooleans: boolean): number => {
  if (typeof value === 'number') return value;
  if (takesBooleans && typeof value === 'boolean') return Number(value);
  return Number.NaN;
};

/** Copies the valid value of an array field into its place in the tensor. Anything else is a bug: the zeros that are there already would be taken for values. */
export const writeArray = (data: TensorData, start: number, value: unknown): void => {
  if (!isArrayValue(value)) throw new Error(`the value of an array field is no list but of type ${typeof value}`);
  if (ArrayBuffer.isView(value) && value.constructor === data.constructor) {
    (data as Float64Array).set(value as Float64Array, start);
    return;
  }
  const wide = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let index = 0; index < value.length; index += 1) {
    const item = value[index];
    (data as unknown[])[start + index] = wide ? BigInt(item as number) : typeof item === 'string' ? item : Number(item);
  }
};
