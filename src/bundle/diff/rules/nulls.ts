import { differenceOf, type Rule } from '../difference.ts';

/** A required field is never null. */
export const nulls: Rule = (before, after) => {
  if (before.required === after.required) return [];
  return after.required ? differenceOf('narrower', 'may not be null or absent any more') : differenceOf('wider', 'may be null or absent now');
};
