import type { Tensors } from '../contract/tensor.ts';
import type { RunResult } from './executor.ts';
import type { GraphSignature } from './onnx-session.ts';

/** Where a version runs: in the gateway's process, or in a worker process that can be killed. */
export interface Placement {
  readonly kind: 'inline' | 'worker';
  readonly signature: GraphSignature;
  /** How many runs may be under way at once. */
  readonly maxInFlight: number;
  /** The worker's process id; null while there is no such process, and inline. */
  readonly pid: () => number | null;
  /** Runs encoded rows. @throws InferenceFailure */
  readonly run: (feeds: Tensors) => Promise<RunResult>;
  /** Waits for runs under way, then frees everything. Idempotent. */
  readonly close: () => Promise<void>;
}
