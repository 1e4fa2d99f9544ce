import type { Guard } from '../analysis/guard-test.ts';

/** When a supposed bad candidate is rolled back, counted from the begin of the step in which it turns bad, and the cost until then. */
export interface RollbackForecast {
  readonly effect: string;
  /** The candidate's supposed rate or mean; for latency its median run over the baseline's. */
  readonly candidateValue: number;
  readonly baselineValue: number;
  /** Seconds; null when the step's time does not suffice. */
  readonly afterSeconds: number | null;
  /** Requests that the candidate gets until then, or in the whole step. */
  readonly candidateRequests: number;
  /** Requests with the event beyond those that the baseline would have had; null where requests have no event (latency, disagreement: pairs). */
  readonly excessEvents: number | null;
}

/** One guard in one step. */
export interface GuardForecast {
  readonly name: string;
  readonly kind: Guard['kind'];
  readonly isRequired: boolean;
  readonly rollbacks: readonly RollbackForecast[];
  /** Seconds from the begin of the step until a candidate like the baseline is within the margin; null when the step's time does not suffice, or for outcomes. */
  readonly withinMarginSeconds: number | null;
}

/** One step that takes time. */
export interface StepForecast {
  readonly step: number;
  readonly words: string;
  /** Percent. */
  readonly weight: number;
  readonly leastSeconds: number;
  /** The time that the step may take; for a shadow or a pause the time that it takes. */
  readonly mostSeconds: number;
  /** Seconds until the candidate had the requests that an analysis asks for; null for other steps. */
  readonly samplesSeconds: number | null;
  readonly guards: readonly GuardForecast[];
}

/** Why a step cannot be decided in its time, and what would mend that. */
export interface PlanFault {
  readonly step: number;
  readonly guard: string | null;
  readonly problem: string;
  /** Each of them suffices alone. */
  readonly remedies: readonly string[];
}

/** A plan's forecast. */
export interface Forecast {
  readonly steps: readonly StepForecast[];
  readonly faults: readonly PlanFault[];
}
