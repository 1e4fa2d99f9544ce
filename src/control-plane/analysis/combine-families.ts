import type { EvidenceFamily } from './guard-test.ts';
import { logSumExp } from './log-sum-exp.ts';

/** ln(w_g E_g) of one rollback test. */
export interface WeightedTest {
  readonly guard: string;
  readonly id: string;
  readonly family: EvidenceFamily;
  readonly lnWeighted: number;
}

/** The families, in the order in which a tie is settled. */
const evidenceFamilies: readonly EvidenceFamily[] = ['assignment', 'first-event', 'outcome'];

/** One family's weighted sum, with its tests. */
export interface FamilyEvidence {
  readonly family: EvidenceFamily;
  /** ln of sum w_g E_g over the family's tests; -Infinity for a family without tests. */
  readonly ln: number;
  readonly tests: readonly WeightedTest[];
}

/**
 * The weighted sum of each family. A rollback needs one of them to reach 1/alpha: the weights of all families together are 1, so the union
 * bound over the families is exact.
 *
 * @see Vovk, Wang, "E-values: calibration, combination and applications", 2021 (the weighted mean)
 */
export const combineFamilies = (tests: readonly WeightedTest[]): readonly FamilyEvidence[] =>
  evidenceFamilies.map((family) => {
    const members = tests.filter((test) => test.family === family);
    return { family, ln: logSumExp(members.map(({ lnWeighted }) => lnWeighted)), tests: members };
  });

/** Per family the prefix of requests with the larger sum: each prefix is judged whole, never guard by guard. */
export const largestPrefix = (prefixes: readonly (readonly FamilyEvidence[])[]): readonly FamilyEvidence[] =>
  evidenceFamilies.map((family) =>
    prefixes
      .flatMap((families) => families.filter((candidate) => candidate.family === family))
      .reduce((best, next) => (next.ln > best.ln ? next : best), { family, ln: Number.NEGATIVE_INFINITY, tests: [] }),
  );
