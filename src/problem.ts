/**
 * The closed table of problems: every error that a caller can meet has one row. `retryable` says whether the same
 * request may succeed later; such answers carry `Retry-After`.
 */
export const problems = {
  'malformed-request': { status: 400, title: 'The request cannot be read', retryable: false },
  'contract-violation': { status: 400, title: 'The inputs break the data contract', retryable: false },
  unauthenticated: { status: 401, title: 'A valid key is needed', retryable: false },
  forbidden: { status: 403, title: 'Not allowed', retryable: false },
  'model-not-found': { status: 404, title: 'No such model', retryable: false },
  'version-not-found': { status: 404, title: 'No such version of the model', retryable: false },
  'not-found': { status: 404, title: 'Nothing here', retryable: false },
  'method-not-allowed': { status: 405, title: 'Method not allowed', retryable: false },
  'rollout-conflict': { status: 409, title: 'The rollout is not in a state that allows this', retryable: false },
  'request-too-large': { status: 413, title: 'The request is too large', retryable: false },
  'unsupported-media-type': { status: 415, title: 'The content type is not supported', retryable: false },
  'idempotency-mismatch': { status: 422, title: 'The idempotency key was used with another request', retryable: false },
  'rate-limited': { status: 429, title: 'Too many requests', retryable: true },
  'inference-failed': { status: 500, title: 'The model failed', retryable: false },
  internal: { status: 500, title: 'Internal error', retryable: false },
  unsupported: { status: 501, title: 'Not supported', retryable: false },
  'output-rejected': { status: 502, title: "The model's output was rejected", retryable: false },
  'model-not-ready': { status: 503, title: 'The model is not ready', retryable: true },
  'circuit-open': { status: 503, title: 'The model fails too often and is rested', retryable: true },
  overloaded: { status: 503, title: 'Too much is waiting', retryable: true },
  'deadline-exceeded': { status: 504, title: 'The deadline passed', retryable: false },
} as const satisfies Record<string, { status: number; title: string; retryable: boolean }>;

export type ProblemType = keyof typeof problems;

/** One fault of a request: where (RFC 6901 pointer as a URI fragment), what was got, what was expected, in which unit. */
export interface Violation {
  readonly pointer: string;
  readonly detail: string;
  readonly got: string;
  readonly expected: string;
  readonly unit?: string;
}

/** As many violations as one answer lists; the rest is counted in its detail. */
export const maxViolations = 1_000;

/** A name as one token of an RFC 6901 pointer in its URI fragment form. Half a surrogate pair, which no URI can hold, becomes U+FFFD. */
export const pointerToken = (name: string): string => encodeURIComponent(name.toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'));

interface ProblemOptions {
  readonly errors?: readonly Violation[];
  /** Logged, never sent. */
  readonly cause?: unknown;
  /** Response headers that belong to the problem, for example `allow`. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Inability to answer, with one row of the table as its reason. `detail` is shown to the caller: nothing internal goes in. */
export class ProblemError extends Error {
  readonly type: ProblemType;
  readonly errors: readonly Violation[];
  readonly headers: Readonly<Record<string, string>>;

  constructor(type: ProblemType, detail: string, options: ProblemOptions = {}) {
    super(detail, { cause: options.cause });
    this.name = 'ProblemError';
    this.type = type;
    this.errors = options.errors ?? [];
    this.headers = options.headers ?? {};
  }

  /** Any thrown value as a problem; what is not one already becomes `internal` with nothing of its text shown. */
  static from(error: unknown): ProblemError {
    return error instanceof ProblemError ? error : new ProblemError('internal', 'An unexpected fault; the log has its cause.', { cause: error });
  }
}
