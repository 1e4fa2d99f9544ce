import { differenceOf, type Rule, relationOfSets } from '../difference.ts';

const listed = (values: readonly (string | number)[]): string => values.join(', ');

/** The closed list of values. */
export const domain: Rule = ({ validValues: was }, { validValues: is }) => {
  if (was === undefined && is === undefined) return [];
  if (was === undefined) return differenceOf('narrower', `is one of ${listed(is ?? [])} now`);
  if (is === undefined) return differenceOf('wider', `is not one of ${listed(was)} alone any more`);
  const taken = was.filter((value) => !is.includes(value));
  const added = is.filter((value) => !was.includes(value));
  const changes = [...(taken.length > 0 ? [`lost ${listed(taken)}`] : []), ...(added.length > 0 ? [`got ${listed(added)}`] : [])];
  return differenceOf(relationOfSets({ taken: taken.length > 0, added: added.length > 0 }), `its list of values ${changes.join(' and ')}`);
};
