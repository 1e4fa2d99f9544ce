import type { Datatype, Field } from '../../bundle/contract.ts';
import { createLocalTimeReader } from './local-time.ts';

/** The largest finite float32: beyond it a number becomes Infinity in the tensor. */
const float32Maximum = 3.4028234663852886e38;

/**
 * A field made ready for the request path.
 * `read` turns a valid value into the number that enters the tensor and gives NaN for an invalid one, so that one pass
 * both checks and converts. `holds` is the check for fields that enter no numeric tensor.
 */
export interface CompiledField {
  readonly field: Field;
  readonly name: string;
  readonly numeric: boolean;
  readonly read: (value: unknown) => number;
  readonly holds: (value: unknown) => boolean;
  /** What the contract expects, in words, for the error message. */
  readonly expected: string;
}

const limits: Readonly<Record<Datatype, readonly [number, number]>> = {
  FP32: [-float32Maximum, float32Maximum],
  FP64: [-Number.MAX_VALUE, Number.MAX_VALUE],
  INT32: [-(2 ** 31), 2 ** 31 - 1],
  INT64: [Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER],
  BOOL: [0, 1],
  BYTES: [Number.NaN, Number.NaN],
};

type Test = (value: number) => boolean;

/** Room for the rounding of decimal steps such as 0.01, which no double holds exactly: absolute for small quotients, two units in the last place for large ones. */
const isMultiple = (value: number, step: number): boolean => {
  const quotient = value / step;
  return Math.abs(quotient - Math.round(quotient)) <= Math.max(1e-9, Math.abs(quotient) * 2 * Number.EPSILON);
};

const numberTests = (field: Field, datatype: Datatype): readonly Test[] => {
  const tests: Test[] = [];
  const { exclusiveMinimum, exclusiveMaximum, multipleOf, validValues } = field;
  if (field.kind === 'integer' || datatype === 'INT32' || datatype === 'INT64') tests.push(Number.isSafeInteger); // beyond 2^53 the JSON text and the number differ
  if (exclusiveMinimum !== undefined) tests.push((value) => value > exclusiveMinimum);
  if (exclusiveMaximum !== undefined) tests.push((value) => value < exclusiveMaximum);
  if (multipleOf !== undefined) tests.push((value) => isMultiple(value, multipleOf));
  if (validValues !== undefined) {
    const domain = new Set<unknown>(validValues);
    tests.push((value) => domain.has(value));
  }
  return tests;
};

/** Values other than plain numbers: booleans, `{ value, unit }` and timestamps, by what the contract declares. */
const createConversion = (field: Field): ((value: unknown) => number) => {
  const { timeZone, timePart } = field;
  const readTime = timeZone !== undefined && timePart !== undefined ? createLocalTimeReader(timeZone, timePart) : undefined;
  const factors = new Map(Object.entries(field.acceptedUnits));
  if (field.unit !== undefined) factors.set(field.unit, 1);
  return (value) => {
    if (typeof value === 'boolean') return field.kind === 'boolean' ? Number(value) : Number.NaN;
    if (typeof value === 'string') return readTime?.(value) ?? Number.NaN;
    if (typeof value === 'object' && value !== null && factors.size > 0) return inDeclaredUnit(value, factors);
    return Number.NaN;
  };
};

const inDeclaredUnit = (quantity: object, factors: ReadonlyMap<string, number>): number => {
  const { value, unit, ...others } = quantity as { value?: unknown; unit?: unknown };
  const factor = typeof unit === 'string' ? factors.get(unit) : undefined;
  if (typeof value !== 'number' || factor === undefined || Object.keys(others).length > 0) return Number.NaN;
  return withoutNoise(value * factor);
};

/** 35 cent are 0.35 EUR, not 0.35000000000000003: fifteen digits are what a decimal keeps in a double. */
const withoutNoise = (value: number): number => Number(value.toPrecision(15));

const compileNumber = (field: Field, datatype: Datatype): CompiledField => {
  const [lowest, highest] = limits[datatype];
  const minimum = Math.max(field.minimum ?? lowest, lowest);
  const maximum = Math.min(field.maximum ?? highest, highest);
  const tests = numberTests(field, datatype);
  const convert = createConversion(field);
  const imputed = field.required ? Number.NaN : (field.imputeValue ?? Number.NaN);
  const read = (value: unknown): number => {
    let number: number;
    if (typeof value === 'number') number = field.kind === 'boolean' ? Number.NaN : value;
    else if (value === null || value === undefined) return imputed;
    else number = convert(value);
    if (!(number >= minimum && number <= maximum)) return Number.NaN;
    for (const test of tests) if (!test(number)) return Number.NaN;
    return number;
  };
  return { field, name: field.name, numeric: true, read, holds: (value) => !Number.isNaN(read(value)), expected: numberInWords(field, minimum, maximum) };
};

const numberInWords = (field: Field, minimum: number, maximum: number): string => {
  const words: string[] = [field.kind === 'boolean' ? 'true or false' : field.kind === 'integer' ? 'an integer' : 'a finite number'];
  if (field.minimum !== undefined && field.maximum !== undefined) words.push(`from ${minimum} to ${maximum}`);
  else if (field.minimum !== undefined) words.push(`of at least ${minimum}`);
  else if (field.maximum !== undefined) words.push(`of at most ${maximum}`);
  else if (field.kind !== 'boolean') words.push('that fits the tensor');
  if (field.exclusiveMinimum !== undefined) words.push(`above ${field.exclusiveMinimum}`);
  if (field.exclusiveMaximum !== undefined) words.push(`below ${field.exclusiveMaximum}`);
  if (field.multipleOf !== undefined) words.push(`in steps of ${field.multipleOf}`);
  if (field.validValues !== undefined) words.push(`of ${field.validValues.join(', ')}`);
  const units = Object.keys(field.acceptedUnits);
  if (units.length > 0) words.push(`(or {"value", "unit"} with unit ${units.join(' or ')})`);
  if (field.timePart !== undefined) words.push(`(or an RFC 3339 timestamp with an offset, read as ${field.timePart} in ${field.timeZone})`);
  if (!field.required) words.push('or null');
  return words.join(' ');
};

const compileCategory = (field: Field, categories: readonly string[]): CompiledField => {
  const indexes = new Map(categories.map((category, index) => [category, index]));
  const imputed = field.required ? Number.NaN : (field.imputeValue ?? Number.NaN);
  const read = (value: unknown): number => {
    if (value === null || value === undefined) return imputed;
    return typeof value === 'string' ? (indexes.get(value) ?? Number.NaN) : Number.NaN;
  };
  const expected = `one of ${categories.join(', ')}${field.required ? '' : ' or null'}`;
  return { field, name: field.name, numeric: true, read, holds: (value) => !Number.isNaN(read(value)), expected };
};

const compileText = (field: Field): CompiledField => {
  const minLength = field.minLength ?? (field.kind === 'image' ? 1 : 0);
  const maxLength = field.maxLength ?? Number.POSITIVE_INFINITY;
  const pattern = field.pattern === undefined ? undefined : new RegExp(field.pattern, 'u');
  const domain = field.validValues === undefined ? undefined : new Set<unknown>(field.validValues);
  const holds = (value: unknown): boolean => {
    if (value === null || value === undefined) return !field.required;
    if (typeof value !== 'string' || value.length < minLength || value.length > maxLength) return false;
    return (pattern?.test(value) ?? true) && (domain?.has(value) ?? true);
  };
  const words = [field.kind === 'image' ? 'a base64-encoded image' : 'text'];
  if (field.minLength !== undefined || field.maxLength !== undefined) words.push(`of ${minLength} to ${maxLength} characters`);
  if (field.pattern !== undefined) words.push(`matching ${field.pattern}`);
  if (field.validValues !== undefined) words.push(`of ${field.validValues.join(', ')}`);
  if (!field.required) words.push('or null');
  return { field, name: field.name, numeric: false, read: () => Number.NaN, holds, expected: words.join(' ') };
};

/** Makes a field of a tensor (or, with datatype BYTES, of no numeric tensor) ready for the request path. */
export const compileField = (field: Field, datatype: Datatype, categories?: readonly string[]): CompiledField => {
  if (categories !== undefined) return compileCategory(field, categories);
  return datatype === 'BYTES' || field.kind === 'image' || field.kind === 'string' ? compileText(field) : compileNumber(field, datatype);
};
