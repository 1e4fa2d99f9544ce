import { differenceOf, type Relation, type Rule } from '../difference.ts';

const isWhole = (value: number): boolean => Math.abs(value - Math.round(value)) < 1e-9;

const relationOf = (was: number | undefined, is: number | undefined): Relation | null => {
  if (was === is) return null;
  if (was === undefined) return 'narrower';
  if (is === undefined || isWhole(was / is)) return 'wider';
  return isWhole(is / was) ? 'narrower' : 'different';
};

/** The step of a number: every multiple of 10 is one of 5. */
export const multipleOf: Rule = (before, after) =>
  differenceOf(
    relationOf(before.multipleOf, after.multipleOf),
    `is a multiple of ${after.multipleOf ?? 'anything'}, was of ${before.multipleOf ?? 'anything'}`,
  );
