import { createExecutor } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { Placement } from './placement.ts';

/**
 * Runs a model in the gateway's own process: for proven, cheap, tabular models only, since a run blocks the event loop
 * and cannot be stopped.
 */
export const createInlinePlacement = async (model: Uint8Array, monotonicMs: () => number): Promise<Placement> => {
  // Loaded on first use: a start answers from worker processes first, and 30 ms sooner without the runtime in this one.
  const { openSession } = await import('./onnx-session.ts');
  const session = await openSession(model);
  const execute = createExecutor(session, null, monotonicMs);
  const underWay = new Set<Promise<unknown>>();
  let closed: Promise<void> | null = null;
  return {
    kind: 'inline',
    signature: session.signature,
    maxInFlight: 1,
    pid: () => null,
    run: async (feeds) => {
      const run = execute(feeds);
      underWay.add(run);
      try {
        return await run;
      } catch (error) {
        throw InferenceFailure.from(error);
      } finally {
        underWay.delete(run);
      }
    },
    close: () => {
      closed ??= Promise.allSettled(underWay).then(() => session.release());
      return closed;
    },
  };
};
