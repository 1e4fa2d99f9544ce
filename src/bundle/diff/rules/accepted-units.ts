import { type ComparedField, type Difference, differenceOf, type Rule } from '../difference.ts';

/** The units that a request may name, each with its factor to the field's own. */
const named = ({ unit, acceptedUnits }: ComparedField): ReadonlyMap<string, number> =>
  new Map([...Object.entries(acceptedUnits), ...(unit === undefined ? [] : [[unit, 1] as const])]);

/** Units that a request may name beside its number. Answers name none. */
export const acceptedUnits: Rule = (before, after): readonly Difference[] => {
  // With another unit of its own every factor is another; the unit's rule says so.
  if (after.side === 'output' || before.unit !== after.unit) return [];
  const [was, is] = [named(before), named(after)];
  const taken = [...was.keys()].filter((name) => !is.has(name));
  const added = [...is.keys()].filter((name) => !was.has(name));
  const changed = [...is].filter(([name, factor]) => was.has(name) && was.get(name) !== factor);
  return [
    ...differenceOf(taken.length > 0 ? 'narrower' : null, `is not accepted in ${taken.join(', ')} any more`),
    ...differenceOf(added.length > 0 ? 'wider' : null, `is accepted in ${added.join(', ')} too`),
    ...changed.flatMap(([name, factor]) => differenceOf('meaning', `1 ${name} is read as ${factor} ${after.unit ?? ''}, was ${was.get(name)}`)),
  ];
};
