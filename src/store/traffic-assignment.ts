/** The message from the control plane to the data plane. The planes never import each other: they share this and `observation.ts`. */

/** How a request's routing key is found: in a header, or in a field of its first row. */
export type RoutingKeyRule = { readonly header: string } | { readonly field: string };

/** A cohort: a header that equals a value sends the request to the candidate, and makes it no evidence. */
export interface CohortRule {
  readonly header: string;
  readonly equals: string;
}

/** Down: how one model's requests are to be split from now on. */
export interface TrafficAssignment {
  readonly model: string;
  /** Grows with every change of a model's assignment. */
  readonly epoch: number;
  /** The version that answers what is not the candidate's; null when none is serving. */
  readonly baseline: string | null;
  readonly rollout: RolloutAssignment | null;
}

export interface RolloutAssignment {
  readonly id: string;
  readonly candidate: string;
  /** Weight in force, integer hundredths of a percent, 0 to 10000. */
  readonly weightHundredths: number;
  readonly eligibility: 'full' | 'partial';
  readonly routingKey: RoutingKeyRule | null;
  readonly match: readonly CohortRule[];
  /** True-or-false outputs whose rate a guardrail watches. */
  readonly watchedOutputs: readonly string[];
  /** How requests are compared in pairs; null for not at all. */
  readonly compare: ComparisonRule | null;
  /** Absolute limits, held against each arm alone. */
  readonly bounds: readonly Bound[];
}

/** What of the eligible requests runs once more on both versions. */
export interface ComparisonRule {
  /** Percent of the eligible requests, above 0 and up to 100. */
  readonly sharePercent: number;
  /** What the comparison may take of one core, percent. */
  readonly maxCpuPercent: number;
  /** What counts as different outputs, one a disagreement guardrail. */
  readonly differences: readonly DifferenceRule[];
}

/** When the outputs of two runs differ: in this output, or in any (null), by more than the tolerance if they are numbers. */
export interface DifferenceRule {
  readonly output: string | null;
  readonly tolerance: number;
}

/** What a request may have done that a limit is set to. */
export type BoundEvent =
  | { readonly kind: 'slow'; readonly limitMs: number }
  | { readonly kind: 'error' | 'breach' | 'abstained' }
  /** In one row at least the output is true; with `is` false, in none. */
  | { readonly kind: 'output'; readonly output: string; readonly is: boolean };

/** An absolute limit: at most a share of the requests has the event. */
export interface Bound {
  /** Name of the criterion. */
  readonly criterion: string;
  /** The criterion's key for the limit, such as `p95Ms` or `max`. */
  readonly objective: string;
  /** The share of the requests that may have the event, 0 to 1. */
  readonly limit: number;
  readonly event: BoundEvent;
}
