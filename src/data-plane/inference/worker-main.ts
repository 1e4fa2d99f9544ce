/** A worker process: holds one graph, runs what it is sent, and dies with its gateway even while a run never ends. */
import { writeFileSync } from 'node:fs';
import { setPriority } from 'node:os';
import { Worker } from 'node:worker_threads';
import { systemClock } from '../../clock.ts';
import type { Execute } from './executor.ts';
import { createExecutor } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import { openSession } from './onnx-session.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/**
 * A run blocks this process's loop, so a thread of its own watches for the gateway's end. The gateway says which process
 * it is: asking here could already give the process that inherits orphans.
 */
const watchParent = `
const { workerData } = require('node:worker_threads');
setInterval(() => { if (process.ppid !== workerData) process.kill(process.pid, 'SIGKILL'); }, 250);
`;

/** A gateway that has just gone reads no more; this process then ends too, and says nothing. */
const send = (message: FromWorker): void => {
  process.send?.(message, undefined, undefined, () => undefined);
};

/** Should memory run out, the kernel takes this process and not the gateway. Linux only; elsewhere there is no such file. */
const volunteerForOutOfMemory = (): void => {
  try {
    writeFileSync('/proc/self/oom_score_adj', '1000');
  } catch {
    // Not Linux, or not allowed: the gateway's own memory watch remains.
  }
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

/** On full cores the gateway's loop comes first: it answers for the baseline, and rescues. Windows and Unix alike; not allowed in some sandboxes. */
const yieldToGateway = (): void => {
  try {
    setPriority(niceness);
  } catch {
    // Then they share the cores as equals.
  }
};

volunteerForOutOfMemory();
yieldToGateway();
new Worker(watchParent, { eval: true, workerData: Number(process.argv[2]), env: {}, resourceLimits: { maxOldGenerationSizeMb: 8 } }).unref();
// Only the gateway decides when a worker ends: a Ctrl-C in the terminal reaches the whole process group.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
process.on('disconnect', () => process.exit(0));
serve();
send({ kind: 'alive' });
