import type { Comparable } from './compare-interface.ts';
import { diffContracts, type FieldChange, type FieldDiff } from './diff-contracts.ts';

/** One reason why a candidate may not take the traffic of a baseline. */
export interface Incompatibility {
  readonly side: FieldDiff['side'];
  readonly field: string;
  readonly reason: string;
  /** What would mend it, in words. */
  readonly remedy: string;
}

const remedyOf = (side: FieldDiff['side'], { partialHelps }: FieldChange): string => {
  if (side === 'output') return 'outputs that clients of the baseline can read';
  return partialHelps ? 'eligibility: partial in the plan, or a migration in handoff.yaml' : 'another name for the field with a migration in handoff.yaml';
};

/**
 * Why a candidate cannot stand in for a baseline: outputs that break, inputs that mean something else, and, unless the plan
 * leaves such requests to the baseline, inputs that the candidate would refuse. Empty when it can.
 */
export const checkCompatibility = (
  { baseline, candidate }: { readonly baseline: Comparable; readonly candidate: Comparable },
  eligibility: 'full' | 'partial',
): readonly Incompatibility[] =>
  diffContracts(baseline, candidate).flatMap(({ side, field, changes }) =>
    changes
      .filter((change) => change.verdict === 'breaking' && !(change.partialHelps && eligibility === 'partial'))
      .map((change) => ({ side, field, reason: change.reason, remedy: remedyOf(side, change) })),
  );
