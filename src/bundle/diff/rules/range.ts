import { type ComparedField, differenceOf, type Rule, relationOfSets } from '../difference.ts';

interface Bound {
  readonly value: number;
  readonly excluded: boolean;
}

const lowest = ({ minimum = Number.NEGATIVE_INFINITY, exclusiveMinimum = Number.NEGATIVE_INFINITY }: ComparedField): Bound =>
  exclusiveMinimum >= minimum && exclusiveMinimum > Number.NEGATIVE_INFINITY
    ? { value: exclusiveMinimum, excluded: true }
    : { value: minimum, excluded: false };

const highest = ({ maximum = Number.POSITIVE_INFINITY, exclusiveMaximum = Number.POSITIVE_INFINITY }: ComparedField): Bound =>
  exclusiveMaximum <= maximum && exclusiveMaximum < Number.POSITIVE_INFINITY
    ? { value: exclusiveMaximum, excluded: true }
    : { value: maximum, excluded: false };

/** Two infinite bounds are equal: their difference is no number. */
const byValue = (left: number, right: number): number => {
  if (left === right) return 0;
  return left < right ? -1 : 1;
};

const words = (low: Bound, high: Bound): string => {
  const from = low.value === Number.NEGATIVE_INFINITY ? [] : [`${low.excluded ? 'above' : 'at least'} ${low.value}`];
  const to = high.value === Number.POSITIVE_INFINITY ? [] : [`${high.excluded ? 'below' : 'at most'} ${high.value}`];
  return [...from, ...to].join(', ') || 'without a bound';
};

/** The interval of a number; of two equal bounds the one that is excluded leaves less. */
export const range: Rule = (before, after) => {
  const [low, high, newLow, newHigh] = [lowest(before), highest(before), lowest(after), highest(after)];
  const byLow = byValue(newLow.value, low.value) || Number(newLow.excluded) - Number(low.excluded);
  const byHigh = byValue(newHigh.value, high.value) || Number(high.excluded) - Number(newHigh.excluded);
  const relation = relationOfSets({ taken: byLow > 0 || byHigh < 0, added: byLow < 0 || byHigh > 0 });
  return differenceOf(relation, `is ${words(newLow, newHigh)}, was ${words(low, high)}`);
};
