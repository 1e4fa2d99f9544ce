import { differenceOf, type Rule } from '../difference.ts';

/** How the value is to be protected says nothing about which values there are. */
export const classification: Rule = (before, after) =>
  differenceOf(before.classification === after.classification ? null : 'note', `is classified ${after.classification}, was ${before.classification}`);
