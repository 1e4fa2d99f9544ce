import { differenceOf, type Rule } from '../difference.ts';

/** The pattern of a text. Which of two patterns allows more is not decided here. */
export const pattern: Rule = (before, after) => {
  if (before.pattern === after.pattern) return [];
  if (after.pattern === undefined) return differenceOf('wider', `needs to match nothing any more, was ${before.pattern}`);
  return before.pattern === undefined
    ? differenceOf('narrower', `must match ${after.pattern} now`)
    : differenceOf('different', `must match ${after.pattern}, was ${before.pattern}`);
};
