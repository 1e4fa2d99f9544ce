import type { ModelContract } from '../bundle/contract.ts';
import type { RequestSpan } from '../telemetry/request-span.ts';
import type { Tensors } from './contract/tensor.ts';
import type { OutputRow } from './guards/compile-outputs.ts';

/** What of a version's answer a caller is given. */
export interface GivenParts {
  /** Of the version that answers. */
  readonly contract: ModelContract;
  /** The graph's own outputs for just this request's rows. */
  readonly tensors: Tensors;
  readonly outputs: readonly OutputRow[];
}

/**
 * The form in which the caller wants the answer. One that an answer cannot be given in is the fault of the version that made
 * the answer, and judged with its attempt, so that a candidate is rescued. Rows are JSON, whose readers round large whole
 * numbers; for tensors `unwritable` says why not, or null.
 */
export type AnswerForm = { readonly kind: 'rows' } | { readonly kind: 'tensors'; readonly unwritable: (answer: GivenParts) => string | null };

/** What surrounds a request. */
export interface InferContext {
  /** The first value of a header, by lower-case name. */
  readonly header: (name: string) => string | undefined;
  /** The key that the request itself names, where its header or field does not. */
  readonly routingKey: string | null;
  /** Arrival on the monotonic clock, milliseconds. */
  readonly arrivedMs: number;
  /** What the caller allows from arrival on, milliseconds; null for the bundle's own deadline. */
  readonly timeoutMs: number | null;
  readonly form: AnswerForm;
  readonly span: RequestSpan;
  /** For the log. */
  readonly requestId: string;
}
