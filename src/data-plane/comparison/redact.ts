import type { Field } from '../../bundle/contract.ts';

/** What of a row may be shown to operators and written to the log. */
const shownClasses: readonly Field['classification'][] = ['public', 'internal'];

/**
 * A row as it may be kept: values that the contract classifies as confidential or restricted, images, and fields that it
 * does not declare are replaced by a word.
 */
export const redact = (row: Readonly<Record<string, unknown>>, fields: readonly Field[]): Readonly<Record<string, unknown>> => {
  const declared = new Map(fields.map((field) => [field.name, field]));
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, shown(value, declared.get(name))]));
};

const shown = (value: unknown, field: Field | undefined): unknown => {
  if (field === undefined) return '(undeclared)';
  if (field.kind === 'image') return '(image)';
  return shownClasses.includes(field.classification) ? value : `(${field.classification})`;
};
