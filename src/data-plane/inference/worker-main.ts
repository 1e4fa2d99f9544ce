/** A worker process: holds one graph, runs what it is sent, and dies with its gateway even while a run never ends. */
import { systemClock } from '../../clock.ts';
import { beChildOfGateway } from './child-of-gateway.ts';
import type { Execute } from './executor.ts';
import { createExecutor } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import { openSession } from './onnx-session.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** A gateway that has just gone reads no more; this process then ends too, and says nothing. */
const send = (message: FromWorker): void => {
  process.send?.(message, undefined, undefined, () => undefined);
};

/** Half of the way down: still served, but after whoever waits at 0. */
const niceness = 10;

const fail = (id: number | null, error: unknown): void => {
  const failure = InferenceFailure.from(error);
  send({ kind: 'failed', id, reason: failure.reason, message: failure.message, invalid: failure.invalid });
};

const serve = (): void => {
  let execute: Execute | null = null;
  const load = async ({ model, image }: Extract<ToWorker, { kind: 'load' }>): Promise<void> => {
    const session = await openSession(model);
    execute = createExecutor(session, image, systemClock.monotonicMs);
    send({ kind: 'loaded', signature: session.signature });
  };
  const run = async ({ id, feeds }: Extract<ToWorker, { kind: 'run' }>): Promise<void> => {
    if (execute === null) throw new Error('no model is loaded');
    send({ kind: 'done', id, result: await execute(feeds) });
  };
  process.on('message', (message: ToWorker) => {
    if (message.kind === 'load') load(message).catch((error: unknown) => fail(null, error));
    else run(message).catch((error: unknown) => fail(message.id, error));
  });
};

beChildOfGateway({ gatewayPid: Number(process.argv[2]), niceness });
serve();
send({ kind: 'alive' });
