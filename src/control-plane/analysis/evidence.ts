import { type EProcessState, fold, startEProcess } from './e-process.ts';
import { addCounts, type BlockCounts, type GuardCounts } from './guard-counts.ts';
import type { Guard, GuardTest } from './guard-test.ts';
import { testLogs } from './test-logs.ts';

/** Everything that is kept of a rollout's sealed blocks: plain data, of a size independent of the traffic. */
export interface Evidence {
  /** By test id. */
  readonly tests: Readonly<Record<string, EProcessState>>;
  /** Counts of all sealed blocks, by guard name: for estimates and sentences, not for decisions. */
  readonly totals: Readonly<Record<string, GuardCounts>>;
  /** Blocks folded so far. */
  readonly sealedBlocks: number;
}

const testsOf = (guards: readonly Guard[]): readonly GuardTest[] => guards.flatMap(({ rollback, promotion }) => [...rollback, ...promotion]);

/** The evidence of a rollout that starts: every E is 1. */
export const startEvidence = (guards: readonly Guard[]): Evidence => ({
  tests: Object.fromEntries(testsOf(guards).map((test) => [test.id, startTest(test)])),
  totals: {},
  sealedBlocks: 0,
});

const startTest = ({ grid, hazard }: GuardTest): EProcessState => startEProcess({ betCount: grid.count, hazard });

/** The state of a test. One that evidence from an earlier gateway does not know begins now. */
export const stateOf = (test: GuardTest, { tests }: Evidence): EProcessState => tests[test.id] ?? startTest(test);

/**
 * Folds a sealed block into the evidence. What is still pending in it (a crash) stays completed pessimistically for ever.
 *
 * @param block the counts of the oldest block that is not folded yet, with the pins that it started with
 */
export const foldBlock = (guards: readonly Guard[], evidence: Evidence, block: BlockCounts): Evidence => ({
  tests: Object.fromEntries(testsOf(guards).map((test) => [test.id, fold(stateOf(test, evidence), testLogs(test, block[test.guard]))])),
  totals: Object.fromEntries(guards.map(({ name }) => [name, addCounts(evidence.totals[name] ?? {}, block[name] ?? {})])),
  sealedBlocks: evidence.sealedBlocks + 1,
});
