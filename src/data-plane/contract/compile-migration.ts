import { convertUnit } from '../../bundle/contract.ts';
import type { Migration } from '../../bundle/manifest.ts';

/** Finds the value of a field in a request row. */
export type FindValue = (row: Readonly<Record<string, unknown>>) => unknown;

/** Bare numbers are in the older unit. A number that names its unit, or a time stamp, says itself what it is. */
const converted = (value: unknown, factor: number | undefined): unknown =>
  factor !== undefined && (typeof value === 'number' || typeof value === 'bigint') ? convertUnit(Number(value), factor) : value;

/**
 * Makes the declared migration of a field ready for the request path: its own name first, then the older one, then what
 * stands in. The row itself is not touched, so requests without the older name cost nothing.
 */
export const compileMigration = ({ field, from, factor, default: standIn }: Migration): FindValue => {
  const found: FindValue = from === undefined ? (row) => row[field] : (row) => (row[field] === undefined ? converted(row[from], factor) : row[field]);
  return standIn === undefined ? found : (row) => found(row) ?? standIn;
};
