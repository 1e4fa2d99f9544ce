import type { RequestSpan } from '../../telemetry/request-span.ts';
import type { Tensors } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';
import type { GraphSignature } from './onnx-session.ts';

/** What surrounds a run: until when somebody waits for it, on the monotonic clock in milliseconds, and who. */
export interface RunCall {
  readonly deadlineMs: number;
  readonly spans: readonly RequestSpan[];
}

/** Where a version runs: in the gateway's process, in a worker process that can be killed, or on another server. */
export interface Placement {
  readonly kind: 'inline' | 'worker' | 'remote';
  readonly signature: GraphSignature;
  /** How many runs may be under way at once. */
  readonly maxInFlight: number;
  /** The worker's process id; null while there is no such process, inline and remote. */
  readonly pid: () => number | null;
  /** Runs encoded rows; what nobody waits for, such as a golden case, has no call. @throws InferenceFailure */
  readonly run: (feeds: Tensors, call?: RunCall) => Promise<RunResult>;
  /** Waits for runs under way, then frees everything. Idempotent. */
  readonly close: () => Promise<void>;
}
