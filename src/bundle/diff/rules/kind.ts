import { type ComparedField, differenceOf, type Rule } from '../difference.ts';

const isWhole = ({ kind, datatype }: ComparedField): boolean => kind === 'integer' || (kind === 'number' && datatype?.includes('INT') === true);

/** The kind of a field's values: a tensor of integers takes whole numbers only, whatever the contract calls them. */
const kindOf = (field: ComparedField): string => (isWhole(field) ? 'integer' : field.kind);

/** Integers are numbers; every other pair of kinds has no value in common. */
export const kind: Rule = (before, after) => {
  const [was, is] = [kindOf(before), kindOf(after)];
  if (was === is) return [];
  const reason = `is of kind ${is}, was ${was}`;
  if (was === 'integer' && is === 'number') return differenceOf('wider', reason);
  return differenceOf(was === 'number' && is === 'integer' ? 'narrower' : 'different', reason);
};
