/** What a column of a sample says about a field of the contract: its type, range, nulls and domain. */
import { countCharacters } from './contract.ts';
import { quantileOf } from './distribution.ts';
import { type DraftField, logicalTypeOf } from './draft-contract.ts';

/** A value as a request would carry it. */
export type Cell = number | string | boolean | null | readonly (number | string | boolean)[];

/** A column made ready: its field, and its cells, or the first value that the tensor cannot take. */
export type DescribedColumn =
  | { readonly ok: true; readonly field: DraftField; readonly cells: readonly Cell[] }
  | { readonly ok: false; readonly row: number; readonly got: string; readonly expected: string };

/** What stands for nothing in a file of text; pandas reads them so too. */
const nullTexts = new Set(['', 'NA', 'N/A', 'NaN', 'nan', 'null', 'NULL', 'None']);

const isNull = (value: unknown): boolean => value === null || value === undefined || Number.isNaN(value) || (typeof value === 'string' && nullTexts.has(value));

/** `undefined` for what is no number. */
const numberOf = (value: unknown): number | boolean | undefined => {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'string' && /^(true|false)$/i.test(value)) return value.toLowerCase() === 'true';
  const number = typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'string' && value.trim() !== '') ? Number(value) : Number.NaN;
  return Number.isFinite(number) ? number : undefined;
};

const cellOf = (value: unknown, datatype: string): Cell | undefined => {
  if (isNull(value)) return null;
  return datatype === 'BYTES' ? String(value) : numberOf(value);
};

/** Written without a decimal point, in a file that tells 3 from 3.0. */
const isWrittenWhole = (value: unknown): boolean => typeof value === 'bigint' || (typeof value === 'string' && /^[+-]?\d+$/.test(value));

/** Half of the sample's span is added on each side: the next rows go beyond a sample's ends, and not far. */
const marginShare = 0.5;
const rangeDigits = 3;

/** Rounded away from the sample, so that a range has few digits and still holds it. */
const outward = (value: number, round: (value: number) => number): number => {
  if (value === 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(Math.abs(value))) - (rangeDigits - 1));
  return Number((round(value / unit) * unit).toPrecision(12));
};

/** The range that a contract states for values from `low` to `high`: wider than them, never beyond zero unless they are, 0 to 1 kept. */
export const rangeAround = (low: number, high: number): { readonly minimum: number; readonly maximum: number } => {
  if (low === 0 && high === 1) return { minimum: 0, maximum: 1 };
  const margin = high > low ? (high - low) * marginShare : Math.max(Math.abs(low) * marginShare, 1);
  const minimum = low >= 0 ? Math.max(0, low - margin) : low - margin;
  const maximum = high <= 0 && low < 0 ? Math.min(0, high + margin) : high + margin;
  return { minimum: outward(minimum, Math.floor), maximum: outward(maximum, Math.ceil) };
};

/** More different texts than this, or texts that hardly repeat, are no domain. */
const largestDomain = 50;
const leastRepeats = 2;

const textField = (name: string, texts: readonly string[]): DraftField => {
  const domain = [...new Set(texts)].sort();
  const base = { name, logicalType: 'string' as const, width: 1, ...(texts[0] === undefined ? {} : { example: texts[0] }) };
  if (domain.length > 0 && domain.length <= largestDomain && texts.length >= domain.length * leastRepeats)
    return { ...base, validValues: domain, known: `The domain is the ${domain.length} texts of the sample.` };
  const longest = texts.reduce((length, text) => Math.max(length, countCharacters(text)), 1);
  return { ...base, maxLength: 2 * longest, known: `The longest text of the sample has ${longest} characters; twice that is allowed.` };
};

interface NumericColumn {
  readonly name: string;
  readonly datatype: string;
  readonly numbers: readonly number[];
  readonly nulls: number;
  readonly whole: boolean;
}

const shown = (value: number): string => String(Number(value.toPrecision(7)));

const rangeText = (low: number, high: number): string =>
  low === 0 && high === 1
    ? 'The sample goes from 0 to 1.'
    : `The sample goes from ${shown(low)} to ${shown(high)}; the range adds half of that span on each side.`;

const numberField = ({ name, datatype, numbers, nulls, whole }: NumericColumn): DraftField => {
  const sorted = Float64Array.from(numbers).sort();
  const [low = 0, high = 0] = [sorted[0], sorted.at(-1)];
  const { minimum, maximum } = rangeAround(low, high);
  const isWhole = whole || logicalTypeOf(datatype) !== 'number';
  const middle = quantileOf(sorted, 0.5);
  const imputeValue = Number((isWhole ? Math.floor(middle) : middle).toPrecision(9));
  const nullText = `Null in ${nulls} of ${nulls + numbers.length} rows: the median of the sample, ${imputeValue}, stands in for it. Replace that by what the training did.`;
  return {
    name,
    logicalType: isWhole ? 'integer' : 'number',
    width: 1,
    ...(isWhole ? { minimum: Math.floor(minimum), maximum: Math.ceil(maximum) } : { minimum, maximum }),
    example: numbers[0] ?? 0,
    known: [
      rangeText(low, high),
      ...(isWhole && logicalTypeOf(datatype) === 'number' ? ['All whole in the sample.'] : []),
      ...(nulls > 0 ? [nullText] : []),
    ].join(' '),
    ...(nulls > 0 ? { imputeValue } : {}),
  };
};

/** A stand-in between true and false is neither. */
const booleanField = (name: string, values: readonly boolean[], nulls: number): DraftField => {
  const base = { name, logicalType: 'boolean' as const, width: 1, example: values[0] ?? false };
  if (nulls === 0) return base;
  const isOften = values.filter((value) => value).length * 2 > values.length;
  const known = `Null in ${nulls} of ${nulls + values.length} rows: the more frequent value, ${isOften}, stands in for it. Replace that by what the training did.`;
  return { ...base, imputeValue: Number(isOften), known };
};

/** Describes a column that enters a tensor of the datatype. */
export const describeColumn = (name: string, values: readonly unknown[], datatype: string): DescribedColumn => {
  const read = values.map((value) => cellOf(value, datatype));
  const odd = read.indexOf(undefined);
  if (odd !== -1) return { ok: false, row: odd, got: JSON.stringify(values[odd]) ?? 'nothing', expected: `a number, since the tensor is ${datatype}` };
  const cells = read as readonly Cell[];
  const present = cells.filter((cell) => cell !== null);
  if (present.length === 0) return { ok: false, row: 0, got: 'no value in the whole column', expected: 'a value in some row' };
  if (datatype === 'BYTES') return { ok: true, field: textField(name, present as readonly string[]), cells };
  if (present.every((cell) => typeof cell === 'boolean')) return { ok: true, field: booleanField(name, present, cells.length - present.length), cells };
  const numeric = cells.map((cell) => (typeof cell === 'boolean' ? Number(cell) : cell));
  const numbers = numeric.filter((cell) => typeof cell === 'number');
  const whole = values.every((value) => isNull(value) || isWrittenWhole(value));
  return { ok: true, field: numberField({ name, datatype, numbers, nulls: cells.length - numbers.length, whole }), cells: numeric };
};

const flat = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value.flat(Number.POSITIVE_INFINITY) : [value]);

/** Describes a column of lists, or lists of lists, each of which is a row of the tensor. */
export const describeLists = (
  name: string,
  values: readonly unknown[],
  { datatype, width }: { readonly datatype: string; readonly width: number },
): DescribedColumn => {
  const lists = values.map((value) => flat(value).map((item) => cellOf(item, datatype)));
  const odd = lists.findIndex((list) => list.length !== width || list.some((item) => item === undefined || item === null));
  if (odd !== -1) return { ok: false, row: odd, got: `a list of ${lists[odd]?.length}`, expected: `a list of ${width} values, none of them null` };
  const cells = lists as readonly (readonly (number | string | boolean)[])[];
  const logicalType = logicalTypeOf(datatype);
  if (logicalType === 'string' || logicalType === 'boolean') return { ok: true, field: { name, logicalType, width }, cells };
  const [low, high] = cells
    .flat()
    .reduce<[number, number]>(
      ([least, most], item) => [Math.min(least, Number(item)), Math.max(most, Number(item))],
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
    );
  return { ok: true, field: { name, logicalType, width, ...rangeAround(low, high), known: rangeText(low, high) }, cells };
};
