/**
 * Why a version did not answer. `error`: the run threw; `timeout`: the deadline passed; `circuit-open`: the version
 * rests; `queue-full`: too many rows wait; `lost-worker`: its process is gone; `breach`: its output was rejected; `invalid-input`: the request's own
 * content cannot be read (an image that does not decode), which is the caller's fault and no evidence.
 */
export type FailureReason = 'error' | 'timeout' | 'circuit-open' | 'queue-full' | 'lost-worker' | 'breach' | 'invalid-input';

/** What of an input could not be read: the row in its request, the field and the two sides. */
export interface InvalidInput {
  readonly row: number;
  readonly field: string;
  readonly got: string;
  readonly expected: string;
}

interface FailureDetails {
  readonly cause?: unknown;
  /** Shown to the caller in place of the general words for the reason: nothing internal goes in. */
  readonly detail?: string;
  readonly invalid?: InvalidInput;
  readonly isHurried?: boolean;
}

/** A failed attempt to get an answer from one version. */
export class InferenceFailure extends Error {
  readonly reason: FailureReason;
  readonly detail: string | null;
  readonly invalid: InvalidInput | null;
  /** The caller left too little time for this to say anything of the version. */
  readonly isHurried: boolean;

  constructor(reason: FailureReason, message: string, details: FailureDetails = {}) {
    super(message, { cause: details.cause });
    this.name = 'InferenceFailure';
    this.reason = reason;
    this.detail = details.detail ?? null;
    this.invalid = details.invalid ?? null;
    this.isHurried = details.isHurried ?? false;
  }

  static from(error: unknown): InferenceFailure {
    if (error instanceof InferenceFailure) return error;
    return new InferenceFailure('error', error instanceof Error ? error.message : String(error), { cause: error });
  }
}
