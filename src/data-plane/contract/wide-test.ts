import type { Field } from '../../bundle/contract.ts';
import { type Datatype, datatypeLimits } from '../../bundle/datatype.ts';
import { isMultiple } from './is-multiple.ts';

/** What 64 bits hold: JSON cannot tell all of it apart, a tensor that was sent can. */
const wideLimits: Partial<Readonly<Record<Datatype, readonly [bigint, bigint]>>> = {
  INT64: [-(2n ** 63n), 2n ** 63n - 1n],
  UINT64: [0n, 2n ** 64n - 1n],
};

/** Whether a datatype holds whole numbers that a number of JSON does not. */
export const isWide = (datatype: Datatype): boolean => wideLimits[datatype] !== undefined;

/** Numbers and bigints compare exactly, and a bigint that is written into a smaller datatype wraps without a word. */
export const wideTest = ({ minimum, maximum, exclusiveMinimum, exclusiveMaximum }: Field, datatype: Datatype): ((value: bigint) => boolean) => {
  const [lowest, highest] = wideLimits[datatype] ?? datatypeLimits[datatype];
  const low = minimum !== undefined && minimum > lowest ? minimum : lowest;
  const high = maximum !== undefined && maximum < highest ? maximum : highest;
  const above = exclusiveMinimum ?? Number.NEGATIVE_INFINITY;
  const below = exclusiveMaximum ?? Number.POSITIVE_INFINITY;
  return (value) => value >= low && value <= high && value > above && value < below;
};

/** The step and the domain of a field, for whole numbers that a number does not hold. */
export const wideStepAndDomain = ({ multipleOf, validValues }: Field): ((value: bigint) => boolean) => {
  const domain = validValues === undefined ? null : new Set(validValues.filter((value) => Number.isInteger(value)).map((value) => BigInt(value)));
  const isStep = (value: bigint): boolean => {
    if (multipleOf === undefined) return true;
    return Number.isSafeInteger(multipleOf) ? value % BigInt(multipleOf) === 0n : isMultiple(Number(value), multipleOf);
  };
  return (value) => isStep(value) && (domain === null || domain.has(value));
};
