import type { ProblemType } from '../../problem.ts';
import { ProblemError } from '../../problem.ts';
import type { FailureReason } from './inference-failure.ts';
import { InferenceFailure } from './inference-failure.ts';

const problemTypes: Readonly<Record<Exclude<FailureReason, 'invalid-input'>, readonly [ProblemType, string]>> = {
  error: ['inference-failed', 'The model failed on this request.'],
  timeout: ['deadline-exceeded', 'The deadline passed before the answer.'],
  'circuit-open': ['circuit-open', 'The model failed too often and is rested for a few seconds.'],
  'queue-full': ['overloaded', 'Too many rows wait for the model.'],
  breach: ['output-rejected', "The model's output was rejected: it is not finite, out of its range, or of the wrong shape."],
  'lost-worker': ['model-not-ready', "The model's process was lost and is being replaced."],
};

/** The problem that a caller sees for a failed attempt; the cause is kept for the log. */
export const problemOf = (error: unknown): ProblemError => {
  if (error instanceof ProblemError) return error;
  const failure = InferenceFailure.from(error);
  if (failure.reason === 'invalid-input') return invalidInput(failure);
  const [type, detail] = problemTypes[failure.reason];
  return new ProblemError(type, failure.detail ?? detail, { cause: failure });
};

const invalidInput = (failure: InferenceFailure): ProblemError => {
  const { row, field, got, expected } = failure.invalid ?? { row: 0, field: 'image', got: 'something unreadable', expected: 'a readable input' };
  return new ProblemError('contract-violation', 'An input cannot be read.', {
    cause: failure,
    errors: [{ pointer: `#/inputs/${row}/${field}`, detail: 'cannot be read', got, expected }],
  });
};
