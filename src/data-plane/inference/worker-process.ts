import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Tensors } from '../contract/tensor.ts';
import type { ImageInput, RunResult } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { GraphSignature } from './onnx-session.ts';
import { residentMiB } from './resident-memory.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** The gateway's cache of compiled code, if it has one. */
const compileCache = (): readonly string[] => [getCompileCacheDir()].flatMap((folder) => folder ?? []);

const entry = fileURLToPath(new URL('./worker-start.ts', import.meta.url));

/** How often a busy worker's time and memory are looked at: a run or a load may overstay by this much. */
const watchEveryMs = 25;
/** How often the memory of a worker with short runs is looked at. */
const weighEveryMs = 1_000;

export interface WorkerDeps {
  readonly model: Uint8Array;
  readonly image: ImageInput | null;
  /** A run may take this long from its own start; then the process is killed. Asked anew at every look. */
  readonly maxRunMs: () => number;
  /** Starting the process and loading the model may take this long together. */
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
  readonly resolve: (result: RunResult) => void;
  readonly reject: (failure: InferenceFailure) => void;
}

const lost: Readonly<Record<WorkerEnd, string>> = {
  closed: 'the worker was closed',
  hung: 'the run took longer than its limit and was stopped',
  memory: 'the model took more memory than its budget and was stopped',
  died: 'the worker process died',
  'load-failed': 'the model could not be loaded',
};

/** What a worker process does at the moment, and how it ended. */
interface Work {
  readonly child: ChildProcess;
  readonly running: Map<number, Running>;
  loading: boolean;
  /** When the oldest run, or the load, began: runs queue up in the process, so a run begins when the one before it ends. */
  begunMs: number;
  /** When its memory was looked at last. */
  weighedMs: number;
  end: WorkerEnd | null;
  /** Why the model was refused by the runtime. */
  refused: InferenceFailure | null;
}

/**
 * Starts a worker process and loads the model in it. Whatever the model does there - hang, eat memory, crash the
 * process - this promise and every `run` settle, and the process is gone.
 *
 * @throws InferenceFailure when the model does not load in time; the process has ended by then
 */
export const startWorker = (deps: WorkerDeps): Promise<WorkerProcess> =>
  new Promise((resolveStart, rejectStart) => {
    const child = fork(entry, [String(process.pid), ...compileCache()], {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    const work: Work = { child, running: new Map(), loading: true, begunMs: deps.monotonicMs(), weighedMs: deps.monotonicMs(), end: null, refused: null };
    const watch = setInterval(() => void watchWork(deps, work), watchEveryMs).unref();
    const ended = new Promise<WorkerEnd>((resolve) => {
      const onEnd = (): void => {
        clearInterval(watch);
        rejectStart(work.refused ?? abandon(work));
        resolve(work.end ?? 'died');
      };
      child.once('exit', onEnd);
      // A process that cannot even be spawned has no exit.
      child.on('error', () => {
        if (child.pid === undefined) onEnd();
      });
    });
    child.on('message', (message: FromWorker) => {
      if (message.kind === 'alive') post(child, { kind: 'load', model: deps.model, image: deps.image });
      else if (message.kind === 'loaded') {
        work.loading = false;
        resolveStart({ pid: child.pid ?? 0, signature: message.signature, run: createRun(deps, work), ended, kill: () => kill(work, 'closed') });
      } else receive(deps, work, message);
    });
  });

const receive = ({ monotonicMs }: WorkerDeps, work: Work, message: Extract<FromWorker, { kind: 'done' | 'failed' }>): void => {
  if (message.kind === 'failed' && message.id === null) {
    work.refused = new InferenceFailure(message.reason, message.message);
    kill(work, 'load-failed');
    return;
  }
  work.begunMs = monotonicMs();
  const id = message.id ?? -1;
  const run = work.running.get(id);
  work.running.delete(id);
  if (message.kind === 'done') run?.resolve(message.result);
  else run?.reject(new InferenceFailure(message.reason, message.message, message.invalid === null ? {} : { invalid: message.invalid }));
};

const kill = (work: Work, reason: WorkerEnd): void => {
  work.end ??= reason;
  work.child.kill('SIGKILL');
};

/** Fails what was under way when the process ended, and says why. */
const abandon = (work: Work): InferenceFailure => {
  work.end ??= 'died';
  const failure = failureOf(work.end);
  for (const run of work.running.values()) run.reject(failure);
  work.running.clear();
  return failure;
};

const failureOf = (end: WorkerEnd): InferenceFailure => new InferenceFailure(end === 'hung' ? 'timeout' : 'lost-worker', lost[end]);

const createRun = ({ monotonicMs }: WorkerDeps, work: Work): WorkerProcess['run'] => {
  let nextId = 0;
  return (feeds) =>
    new Promise((resolve, reject) => {
      if (work.child.exitCode !== null || work.child.signalCode !== null) {
        reject(failureOf(work.end ?? 'died'));
        return;
      }
      const id = nextId;
      nextId += 1;
      if (work.running.size === 0) work.begunMs = monotonicMs();
      work.running.set(id, { resolve, reject });
      post(work.child, { kind: 'run', id, feeds });
    });
};

/** A send to a process that is just ending fails; its `exit` then settles the run. */
const post = (child: ChildProcess, message: ToWorker): void => {
  child.send(message, () => undefined);
};

const watchWork = async (deps: WorkerDeps, work: Work): Promise<void> => {
  const { loading, running, begunMs, child } = work;
  if ((!loading && running.size === 0) || child.pid === undefined) return;
  const nowMs = deps.monotonicMs();
  if (nowMs - begunMs > (loading ? deps.maxLoadMs : deps.maxRunMs())) kill(work, loading ? 'load-failed' : 'hung');
  else await weigh(deps, work, nowMs);
};

/** Most runs end before the first look. A short one cannot eat much by itself, so they are looked at together, rarely. */
const weigh = async ({ maxMemoryMiB }: WorkerDeps, work: Work, nowMs: number): Promise<void> => {
  if (nowMs - work.begunMs <= watchEveryMs && nowMs - work.weighedMs <= weighEveryMs) return;
  work.weighedMs = nowMs;
  if ((await residentMiB(work.child.pid ?? 0)) > maxMemoryMiB) kill(work, 'memory');
};
