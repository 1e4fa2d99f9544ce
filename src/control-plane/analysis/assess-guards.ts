import { combineFamilies, combineTests, type FamilyEvidence, largestPrefix, type WeightedTest } from './combine-families.ts';
import type { IntervalOptions } from './confidence-sequence.ts';
import { lnValue } from './e-process.ts';
import { type Evidence, stateOf } from './evidence.ts';
import { addCounts, type BlockCounts, type GuardCounts } from './guard-counts.ts';
import type { GuardKind } from './guard-criterion.ts';
import type { EvidenceFamily, Guard, GuardTest } from './guard-test.ts';
import { finiteExp, logSumExp } from './log-sum-exp.ts';
import { type GuardSummary, summariseGuard } from './summarise-guard.ts';
import { testLogs } from './test-logs.ts';

/** What is said of a guard. `could-not-measure` is inability, never a kind of success. */
export type Verdict = 'worse' | 'within-margin' | 'undecided' | 'could-not-measure';

/** The blocks that are not folded yet, oldest first, cut at one prefix of the assigned seconds. */
export type OpenBlocks = readonly BlockCounts[];

/** Everything that one assessment needs. */
export interface AssessmentInput {
  readonly guards: readonly Guard[];
  readonly evidence: Evidence;
  /**
   * The open blocks at each prefix: up to now - 1 s, and up to the watermark. At least one; the first is what people are shown.
   * Each family takes the prefix with the larger evidence.
   */
  readonly prefixes: readonly [OpenBlocks, ...OpenBlocks[]];
  /** Rollback at 1/alpha, promotion at 1/beta, both in (0, 1). */
  readonly risk: { readonly alpha: number; readonly beta: number };
  /** Why a guard could not be measured, by name: a dead comparison process, counts that did not come. */
  readonly unmeasured?: Readonly<Record<string, string>>;
  /** Default: no intervals. They are for people and dearer than all verdicts; ask for them at decisions and when somebody looks. */
  readonly intervals?: IntervalOptions;
}

/** An e-value with its logarithm; decisions compare the logarithm, `e` stops at the largest finite number. */
export interface EValue {
  readonly e: number;
  readonly lnE: number;
}

/** One guard, ready to be shown and recorded. */
export interface GuardAssessment extends EValue, GuardSummary {
  readonly name: string;
  readonly kind: GuardKind;
  readonly weight: number;
  /**
   * Share of the largest family's evidence E, in [0, 1]: w_g E_g / E. In a family of which the largest test counts, the one to blame has 1
   * and the others say how near they come.
   */
  readonly share: number;
  /** The smallest promotion e-value of the guard's tests. */
  readonly graduation: EValue;
  readonly verdict: Verdict;
  /** Why it could not be measured; null otherwise. */
  readonly inability: string | null;
}

/** The whole of a rollout's evidence at one moment. */
export interface Assessment {
  /** The largest family's evidence: its weighted sum, or its largest weighted test. */
  readonly evidence: EValue & { readonly family: EvidenceFamily };
  readonly families: Readonly<Record<EvidenceFamily, EValue>>;
  /** 1 / alpha. */
  readonly threshold: number;
  /** True when one family reached the threshold; a crossing is final. */
  readonly rollBack: boolean;
  /** The guard with the largest share; null while nothing crossed. */
  readonly blamed: string | null;
  readonly guards: readonly GuardAssessment[];
}

/** Assesses every guard of a rollout. Pure: the same counts give the same assessment. */
export const assessGuards = (input: AssessmentInput): Assessment => {
  const rollbackTests = input.guards.flatMap(({ rollback }) => rollback);
  const byPrefix = input.prefixes.map((blocks) => combineFamilies(rollbackTests.map((test) => weigh(test, lnOf(test, input.evidence, blocks)))));
  const families = largestPrefix(byPrefix);
  const leading = families.reduce((best, next) => (next.ln > best.ln ? next : best));
  const lnThreshold = -Math.log(input.risk.alpha);
  const rollBack = leading.ln >= lnThreshold;
  const shares = sharesOf(leading);
  const blamed = rollBack ? largestShare(shares) : null;
  return {
    evidence: { family: leading.family, ...eValueOf(leading.ln) },
    families: familyValues(families),
    threshold: 1 / input.risk.alpha,
    rollBack,
    blamed,
    guards: input.guards.map((guard) => assessGuard(guard, input, { families, shares, blamed, lnThreshold })),
  };
};

const eValueOf = (lnE: number): EValue => ({ e: finiteExp(lnE), lnE });

const lnOf = (test: GuardTest, evidence: Evidence, blocks: OpenBlocks): number =>
  lnValue(
    stateOf(test, evidence),
    blocks.map((block) => testLogs(test, block[test.guard])),
  );

const weigh = (test: GuardTest, lnE: number): WeightedTest => ({
  guard: test.guard,
  id: test.id,
  family: test.family,
  lnWeighted: Math.log(test.weight) + lnE,
});

const familyValues = (families: readonly FamilyEvidence[]): Readonly<Record<EvidenceFamily, EValue>> => {
  const of = (family: EvidenceFamily): EValue => eValueOf(families.find((known) => known.family === family)?.ln ?? Number.NEGATIVE_INFINITY);
  return { assignment: of('assignment'), 'first-event': of('first-event'), outcome: of('outcome') };
};

/** Share per guard in one family, by logarithms: two sums beyond 1e308 still have shares. */
const sharesOf = ({ family, ln, tests }: FamilyEvidence): ReadonlyMap<string, number> =>
  new Map([...Map.groupBy(tests, ({ guard }) => guard)].map(([guard, members]) => [guard, Math.exp(combineTests(family, members) - ln)]));

const largestShare = (shares: ReadonlyMap<string, number>): string | null =>
  [...shares].reduce((best, next) => (next[1] > best[1] ? next : best), ['', 0])[0] || null;

interface Judged {
  readonly families: readonly FamilyEvidence[];
  readonly shares: ReadonlyMap<string, number>;
  readonly blamed: string | null;
  readonly lnThreshold: number;
}

const assessGuard = (guard: Guard, input: AssessmentInput, judged: Judged): GuardAssessment => {
  const tests = judged.families.flatMap(({ tests: members }) => members.filter((test) => test.guard === guard.name));
  const lnWeighted = logSumExp(tests.map((test) => test.lnWeighted));
  const worse = guard.name === judged.blamed || lnLargestFamily(guard, judged.families) >= judged.lnThreshold;
  const lnGraduation = Math.max(...input.prefixes.map((blocks) => smallestPromotion(guard, input.evidence, blocks)));
  const inability = input.unmeasured?.[guard.name] ?? null;
  const leading = leadingTest(guard, tests);
  return {
    name: guard.name,
    kind: guard.kind,
    weight: guard.weight,
    ...eValueOf(lnWeighted - Math.log(guard.weight)),
    share: judged.shares.get(guard.name) ?? 0,
    graduation: eValueOf(lnGraduation),
    verdict: verdictOf({ worse, measured: inability === null, within: lnGraduation >= -Math.log(input.risk.beta) }),
    inability,
    ...summariseGuard(countsSoFar(guard, input), { leading, condemned: worse }, input.intervals ?? null),
  };
};

/** ln of the guard's own evidence in the family where it is largest. */
const lnLargestFamily = (guard: Guard, families: readonly FamilyEvidence[]): number =>
  Math.max(
    ...families.map(({ family, tests }) =>
      combineTests(
        family,
        tests.filter((test) => test.guard === guard.name),
      ),
    ),
  );

/** A guard of several tests is within its margin only when all of them are: the smallest, never the mean. */
const smallestPromotion = (guard: Guard, evidence: Evidence, blocks: OpenBlocks): number =>
  Math.min(...guard.promotion.map((test) => lnOf(test, evidence, blocks)));

const verdictOf = ({ worse, measured, within }: { readonly worse: boolean; readonly measured: boolean; readonly within: boolean }): Verdict => {
  if (worse) return 'worse';
  if (!measured) return 'could-not-measure';
  return within ? 'within-margin' : 'undecided';
};

const leadingTest = (guard: Guard, tests: readonly WeightedTest[]): GuardTest => {
  const largest = tests.reduce((best, next) => (next.lnWeighted > best.lnWeighted ? next : best));
  const test = guard.rollback.find(({ id }) => id === largest.id);
  if (!test) throw new Error(`guard ${guard.name} has no test ${largest.id}`);
  return test;
};

const countsSoFar = ({ name }: Guard, { evidence, prefixes: [shown] }: AssessmentInput): GuardCounts =>
  shown.reduce((sum, block) => addCounts(sum, block[name] ?? {}), evidence.totals[name] ?? {});
