import { convertUnit, type Field, hasCharacters } from '../../bundle/contract.ts';
import { type Datatype, datatypeLimits, isWhole } from '../../bundle/datatype.ts';
import { numberInWords, textInWords } from './field-in-words.ts';
import { isMultiple } from './is-multiple.ts';
import { createLocalTimeReader } from './local-time.ts';
import { isWide, wideStepAndDomain, wideTest } from './wide-test.ts';

/**
 * A field made ready for the request path.
 * `read` turns a valid value into the number that enters the tensor and gives NaN for an invalid one, so that one pass
 * both checks and converts; of a bigint it is the nearest number, and the tensor gets the bigint itself. `holds` is the check for fields that enter no numeric tensor.
 */
export interface CompiledField {
  readonly field: Field;
  readonly name: string;
  readonly numeric: boolean;
  readonly read: (value: unknown) => number;
  readonly holds: (value: unknown) => boolean;
  /** Of an encoded text field: the texts by their number in the tensor. */
  readonly categories?: readonly string[];
  /** What was got, in words, where the field knows better than the value shows. */
  readonly got?: (value: unknown) => string;
  /** What the contract expects, in words, for the error message. */
  readonly expected: string;
}

type Test = (value: number) => boolean;

const numberTests = (field: Field, datatype: Datatype): readonly Test[] => {
  const tests: Test[] = [];
  const { exclusiveMinimum, exclusiveMaximum, multipleOf, validValues } = field;
  if (field.kind === 'integer' || isWhole(datatype)) tests.push(Number.isSafeInteger); // beyond 2^53 the JSON text and the number differ
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
  const readTime = timeZone !== undefined && timePart !== undefined ? createLocalTimeReader(timeZone, timePart) : () => Number.NaN;
  const factors = new Map(Object.entries(field.acceptedUnits));
  if (field.unit !== undefined) factors.set(field.unit, 1);
  const readBoolean = (value: boolean): number => (field.kind === 'boolean' ? Number(value) : Number.NaN);
  return (value) => {
    if (typeof value === 'boolean') return readBoolean(value);
    if (typeof value === 'string') return readTime(value);
    return typeof value === 'object' && value !== null ? inDeclaredUnit(value, factors) : Number.NaN;
  };
};

const inDeclaredUnit = (quantity: object, factors: ReadonlyMap<string, number>): number => {
  const { value, unit, ...others } = quantity as { value?: unknown; unit?: unknown };
  const factor = typeof unit === 'string' ? factors.get(unit) : undefined;
  if (typeof value !== 'number' || factor === undefined || Object.keys(others).length > 0) return Number.NaN;
  return convertUnit(value, factor);
};

/** Whole numbers of 64 bits: JSON tells fewer of them apart, so the words have the bounds of a number and where larger ones may come from. */
const inWords = (field: Field, datatype: Datatype, { minimum, maximum }: { readonly minimum: number; readonly maximum: number }): string => {
  if (!isWide(datatype) || field.kind === 'boolean') return numberInWords(field, minimum, maximum);
  const [lowest, highest] = datatypeLimits[datatype];
  const isOpen = (field.minimum ?? Number.NEGATIVE_INFINITY) < lowest || (field.maximum ?? Number.POSITIVE_INFINITY) > highest;
  return `${numberInWords({ ...field, minimum, maximum }, minimum, maximum)}${isOpen ? '; send larger ones as binary tensors of /v2' : ''}`;
};

/** Bigints stand for whole numbers beyond those of JSON, and come from tensors of 64 bits. */
const wideReader = (field: Field, datatype: Datatype): ((value: bigint) => number) => {
  if (!isWide(datatype) || field.kind === 'boolean') return () => Number.NaN;
  const [isWithin, isListed] = [wideTest(field, datatype), wideStepAndDomain(field)];
  return (value) => (isWithin(value) && isListed(value) ? Number(value) : Number.NaN);
};

const compileNumber = (field: Field, datatype: Datatype): CompiledField => {
  const [lowest, highest] = datatypeLimits[datatype];
  const minimum = Math.max(field.minimum ?? lowest, lowest);
  const maximum = Math.min(field.maximum ?? highest, highest);
  const tests = numberTests(field, datatype);
  const convert = createConversion(field);
  const takesNumbers = field.kind !== 'boolean';
  const imputed = imputedFor(field);
  const readWide = wideReader(field, datatype);
  const inContract = (number: number): number => {
    if (!(number >= minimum && number <= maximum)) return Number.NaN;
    for (const test of tests) if (!test(number)) return Number.NaN;
    return number;
  };
  const read = (value: unknown): number => {
    if (typeof value === 'number') return takesNumbers ? inContract(value) : Number.NaN;
    if (typeof value === 'bigint') return readWide(value);
    return value === null || value === undefined ? imputed : inContract(convert(value));
  };
  return {
    field,
    name: field.name,
    numeric: true,
    read,
    holds: (value) => !Number.isNaN(read(value)),
    expected: inWords(field, datatype, { minimum, maximum }),
  };
};

/** What stands in for null: NaN, that is nothing, in a required field. */
const imputedFor = (field: Field): number => (field.required ? Number.NaN : (field.imputeValue ?? Number.NaN));

const compileCategory = (field: Field, categories: readonly string[]): CompiledField => {
  const indexes = new Map(categories.map((category, index) => [category, index]));
  const imputed = imputedFor(field);
  const read = (value: unknown): number => {
    if (value === null || value === undefined) return imputed;
    return typeof value === 'string' ? (indexes.get(value) ?? Number.NaN) : Number.NaN;
  };
  const expected = `one of ${categories.join(', ')}${field.required ? '' : ' or null'}`;
  return { field, name: field.name, numeric: true, read, holds: (value) => !Number.isNaN(read(value)), categories, expected };
};

/** ONNX Runtime ends a text at its first NUL: what follows would be lost without a word. */
export const isWholeText = (text: string): boolean => !text.includes('\0');

const compileText = (field: Field): CompiledField => {
  const minLength = field.minLength ?? (field.kind === 'image' ? 1 : 0);
  const maxLength = field.maxLength ?? Number.POSITIVE_INFINITY;
  const pattern = field.pattern === undefined ? undefined : new RegExp(field.pattern, 'u');
  const domain = field.validValues === undefined ? undefined : new Set<unknown>(field.validValues);
  const holds = (value: unknown): boolean => {
    if (value === null || value === undefined) return !field.required;
    if (typeof value !== 'string' || !hasCharacters(value, minLength, maxLength) || !isWholeText(value)) return false;
    return (pattern?.test(value) ?? true) && (domain?.has(value) ?? true);
  };
  return { field, name: field.name, numeric: false, read: () => Number.NaN, holds, expected: textInWords(field) };
};

/** Makes a field of a tensor (or, with datatype BYTES, of no numeric tensor) ready for the request path. */
export const compileField = (field: Field, datatype: Datatype, categories?: readonly string[]): CompiledField => {
  if (categories !== undefined) return compileCategory(field, categories);
  return datatype === 'BYTES' || field.kind === 'image' || field.kind === 'string' ? compileText(field) : compileNumber(field, datatype);
};

const numericKinds: readonly Field['kind'][] = ['number', 'integer', 'boolean'];

/**
 * Makes a field that enters no tensor ready for the request path: a value of its kind, or none if it may be absent. It comes
 * back as it was sent, so nothing that would be read as something else is taken: no other unit, no time stamp, no stand-in.
 */
export const compilePassThrough = (field: Field): CompiledField => {
  if (!numericKinds.includes(field.kind)) return compileField(field, 'BYTES');
  const { timePart: _part, timeZone: _zone, imputeValue: _value, ...plain } = field;
  const compiled = compileNumber({ ...plain, acceptedUnits: {} }, field.kind === 'integer' ? 'INT64' : 'FP64');
  const holds = (value: unknown): boolean => (value === null || value === undefined ? !field.required : typeof value !== 'object' && compiled.holds(value));
  return { ...compiled, holds };
};
