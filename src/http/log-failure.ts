import { ProblemError } from '../problem.ts';
import type { Log } from '../telemetry/log.ts';

/** Logs a request that the gateway could not answer: its cause goes here and not to the caller. */
export const logFailure = (
  log: Log,
  error: unknown,
  { type, requestId, traceId }: { readonly type: string; readonly requestId: string; readonly traceId: string },
): void => {
  const fields = {
    trace_id: traceId,
    request_id: requestId,
    problem: type,
    err: error instanceof ProblemError && error.cause !== undefined ? error.cause : error,
  };
  if (type === 'internal') log.error(fields, 'a request met a fault of the gateway itself');
  else log.warn(fields, 'a request got no answer');
};
