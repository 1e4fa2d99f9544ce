/** What the contract says of an output's single values, made ready for the request path. */
import type { Field } from '../../bundle/contract.ts';
import type { Datatype } from '../../bundle/datatype.ts';
import { compileField } from '../contract/compile-field.ts';
import { textInWords } from '../contract/field-in-words.ts';
import { isRoundedMultiple } from '../contract/is-multiple.ts';
import { roundedLimits, roundingOf } from '../contract/rounded-limits.ts';

/** What a value was expected to be, in words; null when it is that. */
export type BrokenLimit<Value> = (value: Value) => string | null;

const none = (): null => null;

/** Limits that few outputs have. */
const stepAndDomain = (field: Field, datatype: Datatype): BrokenLimit<number> => {
  const { multipleOf, validValues } = field;
  const isInteger = (field.itemKind ?? field.kind) === 'integer';
  if (!isInteger && multipleOf === undefined && validValues === undefined) return none;
  const round = roundingOf(datatype);
  const domain = validValues === undefined ? null : new Set<unknown>(roundedLimits(field, datatype).validValues);
  return (value) => {
    if (isInteger && !Number.isInteger(value)) return 'an integer';
    if (multipleOf !== undefined && !isRoundedMultiple(value, multipleOf, round)) return `a multiple of ${multipleOf}`;
    return domain === null || domain.has(value) ? null : `one of ${validValues?.join(', ')}`;
  };
};

/**
 * Compares a number with the limits of its field as the tensor's datatype rounds both: what a graph gives for 0.99 is then at
 * a bound of 0.99.
 */
export const numberLimits = (field: Field, datatype: Datatype): BrokenLimit<number> => {
  const { minimum, maximum, exclusiveMinimum, exclusiveMaximum } = field;
  const rounded = roundedLimits(field, datatype);
  const [least = Number.NEGATIVE_INFINITY, most = Number.POSITIVE_INFINITY] = [rounded.minimum, rounded.maximum];
  const [above = Number.NEGATIVE_INFINITY, below = Number.POSITIVE_INFINITY] = [rounded.exclusiveMinimum, rounded.exclusiveMaximum];
  const round = roundingOf(datatype);
  const others = stepAndDomain(field, datatype);
  return (value) => {
    const own = round(value);
    if (own < least) return `at least ${minimum}`;
    if (own > most) return `at most ${maximum}`;
    if (own <= above) return `above ${exclusiveMinimum}`;
    if (own >= below) return `below ${exclusiveMaximum}`;
    return others(own);
  };
};

/** Holds a text to its field's domain, length and pattern. */
export const textLimits = (field: Field): BrokenLimit<string> => {
  const { validValues, minLength, maxLength, pattern } = field;
  const { imputeValue: _none, ...single } = field;
  if ([validValues, minLength, maxLength, pattern].every((limit) => limit === undefined)) return none;
  const isDomain = [minLength, maxLength, pattern].every((limit) => limit === undefined);
  const text: Field = { ...single, kind: 'string', required: true };
  const { holds } = compileField(text, 'BYTES');
  const expected = isDomain ? 'one of its domain' : textInWords(text);
  return (value) => (holds(value) ? null : expected);
};
