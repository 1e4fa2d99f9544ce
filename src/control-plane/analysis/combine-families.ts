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

/** One family's evidence, with its tests. */
export interface FamilyEvidence {
  readonly family: EvidenceFamily;
  /** ln of what is compared with 1/alpha: the weighted sum of the assignment family, the largest weighted test of another; -Infinity without tests. */
  readonly ln: number;
  readonly tests: readonly WeightedTest[];
}

/**
 * ln of the evidence of some tests of one family. The tests of the assignment family all follow the order of the assignments, so their
 * weighted sum is a supermartingale in it. First events and outcomes have an order each, test by test: in a common one a key's second kind of
 * event comes when its arm is known, so only one test at a time may be held against 1/alpha.
 *
 * @returns -Infinity for no tests
 */
export const combineTests = (family: EvidenceFamily, tests: readonly WeightedTest[]): number => {
  const logs = tests.map(({ lnWeighted }) => lnWeighted);
  return family === 'assignment' ? logSumExp(logs) : Math.max(Number.NEGATIVE_INFINITY, ...logs);
};

/**
 * The evidence of each family. A rollback needs one of them to reach 1/alpha: P(sum of the assignment family ever does) <= alpha times the sum
 * of its weights, P(w_i E_i ever does) <= alpha w_i for each other test, and all weights together are 1, so the union bound is alpha.
 *
 * @see Vovk, Wang, "E-values: calibration, combination and applications", 2021 (the weighted mean); Ville's inequality
 */
export const combineFamilies = (tests: readonly WeightedTest[]): readonly FamilyEvidence[] =>
  evidenceFamilies.map((family) => {
    const members = tests.filter((test) => test.family === family);
    return { family, ln: combineTests(family, members), tests: members };
  });

/** Per family the prefix of requests with the larger evidence: each prefix is judged whole, never guard by guard. */
export const largestPrefix = (prefixes: readonly (readonly FamilyEvidence[])[]): readonly FamilyEvidence[] =>
  evidenceFamilies.map((family) =>
    prefixes
      .flatMap((families) => families.filter((candidate) => candidate.family === family))
      .reduce((best, next) => (next.ln > best.ln ? next : best), { family, ln: Number.NEGATIVE_INFINITY, tests: [] }),
  );
