/** A worker process: holds one graph, and runs what it is sent. */
import { systemClock } from '../../clock.ts';
import { joinGateway } from '../processes/join-gateway.ts';
import type { Execute } from './executor.ts';
import { createExecutor } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import { openSession } from './onnx-session.ts';
import type { WorkerFailure } from './worker-protocol.ts';
import { decodeLoad, decodeRun, encodeDone, fromWorker, toJson, toWorker } from './worker-protocol.ts';

let execute: Execute | null = null;

const load = async (payload: Buffer): Promise<void> => {
  const { model, image } = decodeLoad(payload);
  const session = await openSession(model);
  execute = createExecutor(session, image, systemClock.monotonicMs);
  gateway.send(fromWorker.loaded, toJson(session.signature));
};

const run = async (payload: Buffer): Promise<void> => {
  const { id, feeds } = decodeRun(payload);
  try {
    if (execute === null) throw new Error('no model is loaded');
    gateway.send(fromWorker.done, encodeDone(id, await execute(feeds)));
  } catch (error) {
    fail(id, error);
  }
};

const fail = (id: number | null, error: unknown): void => {
  const { reason, message, invalid } = InferenceFailure.from(error);
  const failure: WorkerFailure = { id, reason, message, invalid };
  gateway.send(fromWorker.failed, toJson(failure));
};

const gateway = joinGateway((kind, payload) => {
  if (kind === toWorker.load) load(payload).catch((error: unknown) => fail(null, error));
  else run(payload).catch((error: unknown) => fail(null, error));
});
