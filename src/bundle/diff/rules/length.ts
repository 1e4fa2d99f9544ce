import { differenceOf, type Rule, relationOfSets } from '../difference.ts';

/** How many characters a text may have. */
export const length: Rule = (before, after) => {
  const { minLength: least = 0, maxLength: most = Number.POSITIVE_INFINITY } = before;
  const { minLength: newLeast = 0, maxLength: newMost = Number.POSITIVE_INFINITY } = after;
  const relation = relationOfSets({ taken: newLeast > least || newMost < most, added: newLeast < least || newMost > most });
  return differenceOf(relation, `has ${newLeast} to ${newMost} characters, had ${least} to ${most}`);
};
