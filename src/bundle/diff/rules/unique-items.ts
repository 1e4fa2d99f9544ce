import { differenceOf, type Rule } from '../difference.ts';

/** Whether a list may have an item twice. */
export const uniqueItems: Rule = (before, after) => {
  if (before.uniqueItems === after.uniqueItems) return [];
  return after.uniqueItems === true ? differenceOf('narrower', 'may have no item twice any more') : differenceOf('wider', 'may have an item twice now');
};
