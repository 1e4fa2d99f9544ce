import { differenceOf, type Rule } from '../difference.ts';

/** What stands in for null is each version's own choice: the request is the same. */
export const impute: Rule = (before, after) =>
  differenceOf(
    before.imputeValue !== undefined && after.imputeValue !== undefined && before.imputeValue !== after.imputeValue ? 'note' : null,
    `null is read as ${after.imputeValue}, was ${before.imputeValue}`,
  );
