import { createOnceASecond } from '../data-plane/observe/once-a-second.ts';
import { ProblemError, type ProblemType } from '../problem.ts';
import type { Log } from '../telemetry/log.ts';

interface FailedRequest {
  readonly type: ProblemType;
  readonly requestId: string;
  readonly traceId: string;
}

/** Logs a request that the gateway could not answer: its cause goes here and not to the caller. */
export type LogFailure = (error: unknown, request: FailedRequest) => void;

/** Refusals that the gateway means: where in the program they were made says nothing, and a stack makes their line ten times as long. */
const meant: ReadonlySet<ProblemType> = new Set(['overloaded', 'model-not-ready', 'circuit-open']);

const reasonOf = (type: ProblemType, error: unknown): { readonly err: unknown } | { readonly detail: string } => {
  const reason = error instanceof ProblemError && error.cause !== undefined ? error.cause : error;
  return meant.has(type) && reason instanceof Error ? { detail: reason.message } : { err: reason };
};

/**
 * Every fault of the gateway itself is written. Of each other problem one line a second tells why, with the number of `others` since
 * the line before, since shedding must cost least when there is most of it; the others are for debugging.
 */
export const createLogFailure = ({ log, monotonicMs }: { readonly log: Log; readonly monotonicMs: () => number }): LogFailure => {
  const onceASecond = createOnceASecond(monotonicMs);
  return (error, { type, requestId, traceId }) => {
    const fields = { trace_id: traceId, request_id: requestId, problem: type, ...reasonOf(type, error) };
    if (type === 'internal') return log.error(fields, 'a request met a fault of the gateway itself');
    const message = 'a request got no answer';
    const others = onceASecond(type);
    if (others === null) log.debug(fields, message);
    else log.warn({ ...fields, others }, message);
  };
};
