import { differenceOf, type Rule } from '../difference.ts';

/** The unit of a bare number. Another unit under the same name is the change that no check of values can find. */
export const unit: Rule = (before, after) => {
  if (before.unit === after.unit) return [];
  if (before.unit === undefined) return differenceOf('note', `says its unit now: ${after.unit}`);
  if (after.unit === undefined) return differenceOf('different', `does not say its unit any more, was ${before.unit}`);
  return differenceOf('meaning', `a bare number is read in ${after.unit}, was ${before.unit}`);
};
