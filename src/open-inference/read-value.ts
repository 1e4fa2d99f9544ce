import type { ColumnRead } from './column-reader.ts';

/** A value of a tensor as it stands in a row: a number as its column reads it, text as it is. */
export const readValue = (value: unknown, read: ColumnRead): unknown => {
  if (typeof value === 'number') return read === null ? value : read(value);
  return typeof value === 'bigint' ? readWide(value, read) : value;
};

/** Beyond 2^53 a number of a row would be another one: it stays a bigint, which only fields of 64 bits take. */
const readWide = (value: bigint, read: ColumnRead): unknown => {
  const number = Number(value);
  if (!Number.isSafeInteger(number)) return value;
  return read === null ? number : read(number);
};
