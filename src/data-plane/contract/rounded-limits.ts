import type { Field } from '../../bundle/contract.ts';
import type { Datatype } from '../../bundle/datatype.ts';

/** How a datatype rounds a decimal. */
export type Rounding = (value: number) => number;

const roundings: Partial<Readonly<Record<Datatype, Rounding>>> = { FP32: Math.fround, FP16: Math.f16round };
const unrounded: Rounding = (value) => value;

/** How a datatype rounds the decimals of a contract; the others keep what a double keeps. */
export const roundingOf = (datatype: Datatype): Rounding => roundings[datatype] ?? unrounded;

const boundNames = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'] as const;

/**
 * A field with its bounds and its domain as a datatype rounds them, for values that the datatype has rounded: 0.99 as FP32 is
 * 0.9900000095367432, which is at a bound of 0.99 and not beyond it. The field itself where the datatype keeps all of them.
 */
export const roundedLimits = (field: Field, datatype: Datatype): Field => {
  const round = roundingOf(datatype);
  const rounded = <Value>(value: Value): Value | number => (typeof value === 'number' ? round(value) : value);
  const bounds = boundNames.flatMap((name) => (field[name] === undefined ? [] : [[name, field[name]] as const]));
  const { validValues } = field;
  const isKept = [...bounds.map(([, bound]) => bound), ...(validValues ?? [])].every((limit) => rounded(limit) === limit);
  if (isKept) return field;
  const domain = validValues === undefined ? {} : { validValues: validValues.map(rounded) };
  return { ...field, ...Object.fromEntries(bounds.map(([name, bound]) => [name, round(bound)])), ...domain };
};
