/**
 * The messages between the gateway and a worker process, over Node's own IPC with structured clone.
 * gateway -> worker: one `load`, then any number of `run`. worker -> gateway: `alive`, then `loaded` or `failed` without an
 * id, then one `done` or `failed` for each `run`. A worker that loses its gateway ends itself.
 */
import type { Tensors } from '../contract/tensor.ts';
import type { ImageInput, RunResult } from './executor.ts';
import type { FailureReason, InvalidInput } from './inference-failure.ts';
import type { GraphSignature } from './onnx-session.ts';

export type ToWorker =
  | { readonly kind: 'load'; readonly model: Uint8Array; readonly image: ImageInput | null }
  | { readonly kind: 'run'; readonly id: number; readonly feeds: Tensors };

export type FromWorker =
  | { readonly kind: 'alive' }
  | { readonly kind: 'loaded'; readonly signature: GraphSignature }
  | { readonly kind: 'done'; readonly id: number; readonly result: RunResult }
  | { readonly kind: 'failed'; readonly id: number | null; readonly reason: FailureReason; readonly message: string; readonly invalid: InvalidInput | null };
