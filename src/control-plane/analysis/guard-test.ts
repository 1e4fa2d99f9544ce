import type { GuardKind, GuardMargin } from './guard-criterion.ts';
import type { BetGrid, Hypothesis, Side } from './hypothesis.ts';
import type { LatencyMargin } from './latency-edge.ts';

/** In whose order a test's evidence grows: that of the assignments with the pairs, of first events of keys, of outcomes at maturity. Only the first is common to its tests. */
export type EvidenceFamily = 'assignment' | 'first-event' | 'outcome';

/** The counts that a test reads: fields of `GuardCounts`. */
export type CountSource = 'units' | 'values' | 'firstEvents' | 'pairs' | 'differences';

/** One test of a guard, as data. */
export interface GuardTest {
  /** Unique in the rollout and stable over restarts: guard, source, and what tells its tests apart. */
  readonly id: string;
  readonly guard: string;
  readonly kind: GuardKind;
  readonly source: CountSource;
  readonly family: EvidenceFamily;
  readonly hypothesis: Hypothesis;
  readonly side: Side;
  readonly grid: BetGrid;
  /** Hazard h of the restart mixture; 0 for promotion. */
  readonly hazard: number;
  /** Share of alpha; over all rollback tests of a rollout they sum to 1. 0 for promotion, which takes the smallest test. */
  readonly weight: number;
  /** Index into the guard's pairs: the latency slot; 0 elsewhere. */
  readonly slot: number;
}

/** A guardrail with its tests; fixed at the start of a rollout. */
export interface Guard {
  readonly name: string;
  readonly kind: GuardKind;
  readonly margin: GuardMargin | LatencyMargin;
  /** Share of alpha; the guards of a rollout sum to 1. */
  readonly weight: number;
  /** Shares q of slow baseline runs, one a latency slot; empty for other kinds. */
  readonly slots: readonly number[];
  readonly rollback: readonly GuardTest[];
  readonly promotion: readonly GuardTest[];
}
