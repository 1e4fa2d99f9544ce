/** What the evidence of a rollout says in one tick: plain data between the measuring and the deciding half of the engine. */

/** What one arm has shown for one guardrail. */
interface ArmFigures {
  /** Evidence units; pairs, for a guardrail that compares pairs. */
  readonly n: number;
  /** Units with the event; absent for a mean. */
  readonly events?: number;
  /** The rate or mean; null without a unit. */
  readonly value: number | null;
}

/** One guardrail as operators see it. Field names are those of the state's JSON. */
export interface GuardrailState {
  /** Name of the criterion. */
  readonly name: string;
  /** No data is `undecided`, never a success; `not-measured` says that nothing can measure it now. */
  readonly verdict: 'worse' | 'within-margin' | 'undecided' | 'not-measured';
  readonly baseline: ArmFigures | null;
  readonly candidate: ArmFigures | null;
  /** Candidate less baseline; null without data. */
  readonly effect: number | null;
  readonly interval: readonly [number, number] | null;
  /** e-value of the rollback test. */
  readonly evidence: number | null;
  /** e-value of the promotion test. */
  readonly graduation: number | null;
  /** What else there is to know, in words: why nothing can be said yet, when outcomes mature, or why they are not trusted. */
  readonly note?: string;
}

/** All that `decide` needs to know of the evidence. */
export interface Assessment {
  /** Weighted e-value against 1/alpha; null while nothing is measured. */
  readonly evidence: { readonly value: number; readonly threshold: number } | null;
  /** The guardrail that is to blame, and both arms' numbers in words, without the evidence; it keeps every weight from rising. */
  readonly worse: { readonly name: string; readonly sentence: string } | null;
  readonly guardrails: readonly GuardrailState[];
  /** Evidence units of the candidate over the whole rollout. */
  readonly candidateUnits: number;
  /** Share (0-1) of ineligible requests in the last hour; null without requests. */
  readonly ineligibleShare: number | null;
  /** Why no request can be compared, or that none was; null while pairs are made. */
  readonly notCompared: string | null;
  /** Why the coin of the assignment is not trusted; null while it is. */
  readonly sampleRatioAlarm: string | null;
  /** Why the labels of an outcome are not trusted: they reach the arms unequally. Null while they do not. */
  readonly labelAlarm: string | null;
  /** When the outcomes of the last unit are mature, wall time in milliseconds; null when none is waited for. */
  readonly outcomesDueAtMs: number | null;
  /** The signal that takes the traffic away, for how long it has, milliseconds, and both in words. */
  readonly signal: { readonly name: string; readonly sinceMs: number; readonly words: string } | null;
  /** Nothing can be kept now: no move but a rollback. */
  readonly storeDown: boolean;
}
