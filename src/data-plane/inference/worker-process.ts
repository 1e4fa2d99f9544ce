import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Tensors } from '../contract/tensor.ts';
import type { ImageInput, RunResult } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { GraphSignature } from './onnx-session.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

const entry = fileURLToPath(new URL('./worker-main.ts', import.meta.url));

/** How often a busy worker's time and memory are looked at: a run may overstay by this much. */
const watchEveryMs = 25;
const pageBytes = 4_096;

export interface WorkerDeps {
  readonly model: Uint8Array;
  readonly image: ImageInput | null;
  /** A run may take this long from its own start; then the process is killed. */
  readonly maxRunMs: number;
  /** Loading may take this long. */
  readonly maxLoadMs: number;
  readonly maxMemoryMiB: number;
  readonly monotonicMs: () => number;
}

/** Why a worker process ended. */
export type WorkerEnd = 'closed' | 'hung' | 'memory' | 'died' | 'load-failed';

/** One live worker process with its model loaded. */
export interface WorkerProcess {
  readonly pid: number;
  readonly signature: GraphSignature;
  readonly run: (feeds: Tensors) => Promise<RunResult>;
  /** Resolves when the process is gone, with the reason. */
  readonly ended: Promise<WorkerEnd>;
  /** Ends the process at once. */
  readonly kill: () => void;
}

interface Running {
  readonly startedMs: number;
  readonly resolve: (result: RunResult) => void;
  readonly reject: (failure: InferenceFailure) => void;
}

const lost: Readonly<Record<WorkerEnd, string>> = {
  closed: 'the worker was closed',
  hung: 'the run took longer than its deadline and was stopped',
  memory: 'the run took more memory than its budget and was stopped',
  died: 'the worker process died',
  'load-failed': 'the model could not be loaded',
};

const residentMiB = async (pid: number): Promise<number> => {
  const statm = await readFile(`/proc/${pid}/statm`, 'utf8').catch(() => '0 0');
  return (Number(statm.split(' ')[1]) * pageBytes) / 2 ** 20;
};

/**
 * Starts a worker process and loads the model in it. Whatever the model does there - hang, eat memory, crash the
 * process - this promise and every `run` settle, and the process is gone.
 *
 * @throws InferenceFailure when the model does not load in time
 */
export const startWorker = (deps: WorkerDeps): Promise<WorkerProcess> =>
  new Promise((resolveStart, rejectStart) => {
    const child = fork(entry, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [] });
    const running = new Map<number, Running>();
    let nextId = 0;
    let end: WorkerEnd | null = null;

    const kill = (reason: WorkerEnd): void => {
      end ??= reason;
      child.kill('SIGKILL');
    };
    const loadTimer = setTimeout(() => kill('load-failed'), deps.maxLoadMs);
    const watch = setInterval(() => void watchRuns(deps, { child, running, kill }), watchEveryMs);
    watch.unref();

    const ended = new Promise<WorkerEnd>((resolve) => {
      child.once('exit', () => {
        const reason = end ?? 'died';
        clearTimeout(loadTimer);
        clearInterval(watch);
        const failure = new InferenceFailure(reason === 'hung' ? 'timeout' : 'lost-worker', lost[reason]);
        for (const run of running.values()) run.reject(failure);
        running.clear();
        rejectStart(failure);
        resolve(reason);
      });
    });
    // A worker that cannot even be spawned ends like one that died.
    child.once('error', () => child.emit('exit'));

    const run = (feeds: Tensors): Promise<RunResult> =>
      new Promise((resolve, reject) => {
        const id = nextId;
        nextId += 1;
        running.set(id, { startedMs: deps.monotonicMs(), resolve, reject });
        post(child, { kind: 'run', id, feeds });
      });

    child.on('message', (message: FromWorker) => {
      if (message.kind === 'alive') post(child, { kind: 'load', model: deps.model, image: deps.image });
      else if (message.kind === 'loaded') {
        clearTimeout(loadTimer);
        resolveStart({ pid: child.pid ?? 0, signature: message.signature, run, ended, kill: () => kill('closed') });
      } else if (message.kind === 'failed' && message.id === null) {
        rejectStart(new InferenceFailure('error', message.message));
        kill('load-failed');
      } else settleRun(running, message);
    });
  });

/** A send to a process that is just ending fails; its `exit` then settles the run. */
const post = (child: ChildProcess, message: ToWorker): void => {
  child.send(message, () => undefined);
};

const settleRun = (running: Map<number, Running>, message: FromWorker): void => {
  if (message.kind !== 'done' && message.kind !== 'failed') return;
  const run = running.get(message.id ?? -1);
  running.delete(message.id ?? -1);
  if (message.kind === 'done') run?.resolve(message.result);
  else run?.reject(new InferenceFailure(message.reason, message.message, message.invalid === null ? {} : { invalid: message.invalid }));
};

interface Watched {
  readonly child: ChildProcess;
  readonly running: ReadonlyMap<number, Running>;
  readonly kill: (reason: WorkerEnd) => void;
}

const watchRuns = async ({ maxRunMs, maxMemoryMiB, monotonicMs }: WorkerDeps, { child, running, kill }: Watched): Promise<void> => {
  const [oldest] = running.values();
  if (oldest === undefined || child.pid === undefined) return;
  if (monotonicMs() - oldest.startedMs > maxRunMs) kill('hung');
  else if ((await residentMiB(child.pid)) > maxMemoryMiB) kill('memory');
};
