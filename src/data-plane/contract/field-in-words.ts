import type { Field } from '../../bundle/contract.ts';

const range = (field: Field, minimum: number, maximum: number): string => {
  if (field.minimum !== undefined && field.maximum !== undefined) return `from ${minimum} to ${maximum}`;
  if (field.minimum !== undefined) return `of at least ${minimum}`;
  if (field.maximum !== undefined) return `of at most ${maximum}`;
  return field.kind === 'boolean' ? '' : 'that fits the tensor';
};

const numberKind = ({ kind }: Field): string => {
  if (kind === 'boolean') return 'true or false';
  return kind === 'integer' ? 'an integer' : 'a finite number';
};

/** A part of a sentence about a limit, or nothing when the contract has no such limit. */
const part = (limit: unknown, words: string): string => (limit === undefined ? '' : words);

const sentence = (parts: readonly string[]): string => parts.filter((words) => words !== '').join(' ');

/** What a numeric field takes, in words; the limits are those of contract and tensor together. */
export const numberInWords = (field: Field, minimum: number, maximum: number): string => {
  const units = Object.keys(field.acceptedUnits);
  return sentence([
    numberKind(field),
    range(field, minimum, maximum),
    part(field.exclusiveMinimum, `above ${field.exclusiveMinimum}`),
    part(field.exclusiveMaximum, `below ${field.exclusiveMaximum}`),
    part(field.multipleOf, `in steps of ${field.multipleOf}`),
    part(field.validValues, `of ${field.validValues?.join(', ')}`),
    units.length === 0 ? '' : `(or {"value", "unit"} with unit ${units.join(' or ')})`,
    part(field.timePart, `(or an RFC 3339 timestamp with an offset, read as ${field.timePart} in ${field.timeZone})`),
    field.required ? '' : 'or null',
  ]);
};

const length = ({ minLength, maxLength }: Field): string => {
  if (maxLength !== undefined) return `of ${minLength ?? 0} to ${maxLength} characters`;
  return part(minLength, `of at least ${minLength} characters`);
};

/** What a text or image field takes, in words. */
export const textInWords = (field: Field): string =>
  sentence([
    field.kind === 'image' ? 'a base64-encoded image' : 'text',
    length(field),
    part(field.pattern, `matching ${field.pattern}`),
    part(field.validValues, `of ${field.validValues?.join(', ')}`),
    field.required ? '' : 'or null',
  ]);
