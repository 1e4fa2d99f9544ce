import type { RequestSpan } from '../telemetry/request-span.ts';
import type { Row } from './contract/compile-contract.ts';
import type { OutputRow } from './guards/compile-outputs.ts';
import { inexactNumber } from './guards/inexact-number.ts';
import type { AnswerForm } from './infer-context.ts';
import type { Prediction } from './inference/batcher.ts';
import type { FailureReason } from './inference/inference-failure.ts';
import { InferenceFailure } from './inference/inference-failure.ts';
import type { ServingVersion } from './inference/serving-version.ts';

/** Why an attempt was worth nothing, by the version's own fault. */
export type AttemptFailure = Exclude<FailureReason, 'invalid-input'>;

/** A version's checked answer for one request. */
export interface Answer {
  readonly version: ServingVersion;
  readonly rows: readonly OutputRow[];
  /** Rows in which the model abstained. */
  readonly abstained: number;
  readonly prediction: Prediction;
  /** Time in the guard, milliseconds. */
  readonly guardMs: number;
}

export interface Attempt {
  readonly rows: readonly Row[];
  /** On the monotonic clock, milliseconds. */
  readonly deadlineMs: number;
  readonly form: AnswerForm;
  readonly span: RequestSpan;
  readonly monotonicMs: () => number;
}

/** predict ▶ guard on one version. @throws InferenceFailure */
export const attempt = async (version: ServingVersion, { rows, deadlineMs, form, span, monotonicMs }: Attempt): Promise<Answer> => {
  const prediction = await version.predict({ rows, deadlineMs, span });
  const startedMs = monotonicMs();
  const guarded = version.guard({ rows, outputs: prediction.outputs, luma: prediction.luma });
  if (!guarded.ok) throw new InferenceFailure('breach', guarded.breach);
  const { outputs: tensors } = prediction;
  const detail = form.kind === 'rows' ? inexactNumber(tensors) : form.unwritable({ contract: version.bundle.contract, tensors, outputs: guarded.rows });
  if (detail !== null) throw new InferenceFailure('breach', detail, { detail });
  return { version, rows: guarded.rows, abstained: guarded.abstained, prediction, guardMs: monotonicMs() - startedMs };
};

/** The baseline needs this much even when it usually answers faster. */
const leastReserveMs = 5;
/** Timers and the baseline's queue are late on a busy machine in proportion to nothing that p99 has seen yet. */
const reserveShare = 0.1;

/**
 * When a candidate's attempt must end so that the baseline can still answer: the deadline less twice the baseline's
 * measured p99, at least 5 ms and a tenth, at most half of the time left.
 */
export const attemptDeadline = (nowMs: number, deadlineMs: number, baselineP99Ms: number): number => {
  const leftMs = Math.max(0, deadlineMs - nowMs);
  return deadlineMs - Math.min(Math.max(2 * baselineP99Ms, leastReserveMs, leftMs * reserveShare), leftMs / 2);
};

/** The reason of a failed attempt; `null` when the caller's own input was at fault, which rescue cannot mend. */
export const failureOf = (error: unknown): AttemptFailure | null => {
  const { reason } = InferenceFailure.from(error);
  return reason === 'invalid-input' ? null : reason;
};
