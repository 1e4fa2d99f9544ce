import { differenceOf, type Rule } from '../difference.ts';

/** The number of values of a list: that of its tensor's row. */
export const listLength: Rule = (before, after) =>
  differenceOf(
    before.listLength === after.listLength ? null : 'different',
    `is a list of ${after.listLength ?? 'any length'}, was of ${before.listLength ?? 'any length'}`,
  );
