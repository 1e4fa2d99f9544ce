import { checkCompatibility } from '../bundle/diff/check-compatibility.ts';
import type { Comparable } from '../bundle/diff/compare-interface.ts';
import type { Fault } from '../bundle/fault.ts';
import type { Plan } from './plan.ts';

/** What clients can tell of the versions of one model, as far as it is known. */
export type Comparables = ReadonlyMap<string, Comparable>;

/**
 * Why the candidate of a plan cannot take the baseline's traffic as the plan says: its contract breaks. Versions of which
 * nothing is known are not compared.
 */
export const checkEligibility = (file: string, plan: Pick<Plan, 'baseline' | 'candidate' | 'eligibility'>, versions: Comparables): readonly Fault[] => {
  const [baseline, candidate] = [versions.get(plan.baseline), versions.get(plan.candidate)];
  if (baseline === undefined || candidate === undefined) return [];
  return checkCompatibility({ baseline, candidate }, plan.eligibility).map(({ side, field, reason, remedy }) => ({
    file,
    field: 'candidate',
    got: `${plan.candidate}, whose ${side} ${field} ${reason}`,
    expected: remedy,
  }));
};
