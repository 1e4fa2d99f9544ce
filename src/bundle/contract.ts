import type { Datatype } from './datatype.ts';

export const timeParts = ['hour', 'isWeekend', 'isNight'] as const;
export type TimePart = (typeof timeParts)[number];

/** One named value of a request or response row, with everything that the gateway enforces about it. */
export interface Field {
  readonly name: string;
  readonly kind: 'number' | 'integer' | 'boolean' | 'string' | 'image' | 'array' | 'object';
  /** Of an array of single values: their kind. */
  readonly itemKind?: 'number' | 'integer' | 'boolean' | 'string';
  /** May not be null or absent. */
  readonly required: boolean;
  /** This bound and the three below are those of the items if the field is an array. */
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;
  readonly multipleOf?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  /** Of an array: no two of its items are alike. */
  readonly uniqueItems?: true;
  /** The closed domain, if the contract names one. */
  readonly validValues?: readonly (string | number)[];
  readonly unit?: string;
  /** Other units that a request may use, each with its factor to `unit`. */
  readonly acceptedUnits: Readonly<Record<string, number>>;
  /** A timestamp is accepted too, and read as this part of the time in `timeZone`. */
  readonly timePart?: TimePart;
  readonly timeZone?: string;
  /** What stands in for null. Present exactly when `required` is false on a tensor's field. */
  readonly imputeValue?: number;
  readonly classification: 'public' | 'internal' | 'confidential' | 'restricted';
}

/** A tensor of the model as the contract sees it; `shape` has -1 for a variable dimension. */
export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly fields: readonly Field[];
}

/** Values in one row of a tensor. */
export const widthOf = ({ shape }: Pick<TensorSpec, 'shape'>): number => shape.slice(1).reduce((product, size) => product * size, 1);

/** The executable part of a data contract. */
export interface ModelContract {
  readonly id: string;
  readonly version: string;
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly TensorSpec[];
  /** Identifiers that travel from the request row to the response row. */
  readonly passThrough: readonly Field[];
  /** Output fields made by output steps. */
  readonly derived: readonly Field[];
}

/** All fields that a request row may carry for this contract. */
export const requestFields = (contract: ModelContract): readonly Field[] => [...contract.inputs.flatMap((tensor) => tensor.fields), ...contract.passThrough];

/** Digits that a decimal keeps in a double. */
const decimalDigits = 15;

/**
 * A number in another unit, as people write it: 35 cent are 0.35 EUR, not 0.35000000000000003. A whole product has no such
 * noise, and a factor of 1 changes nothing.
 */
export const convertUnit = (value: number, factor: number): number => {
  const product = value * factor;
  return factor === 1 || Number.isInteger(product) ? product : Number(product.toPrecision(decimalDigits));
};

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
const isLowSurrogate = (unit: number): boolean => unit >= 0xdc00 && unit <= 0xdfff;

/** Characters of a text as JSON Schema counts them: code points, of which one beyond U+FFFF takes two units of a JavaScript string. */
export const countCharacters = (text: string): number => {
  let pairs = 0;
  for (let index = 1; index < text.length; index += 1) {
    if (isLowSurrogate(text.charCodeAt(index)) && isHighSurrogate(text.charCodeAt(index - 1))) pairs += 1;
  }
  return text.length - pairs;
};

/** Whether a text has from `least` to `most` characters. They are counted only where its units do not tell: a photo is megabytes of text. */
export const hasCharacters = (text: string, least: number, most: number): boolean => {
  const units = text.length;
  if (units < least || units > 2 * most) return false;
  if (units >= 2 * least && units <= most) return true;
  const characters = countCharacters(text);
  return characters >= least && characters <= most;
};
