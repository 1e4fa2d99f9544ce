import type { Tensors } from '../contract/tensor.ts';
import type { LaunchedProcess, Launcher } from '../processes/launcher.ts';
import { onAbort } from '../processes/on-abort.ts';
import type { ImageInput, RunResult } from './executor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { GraphSignature } from './onnx-session.ts';
import { residentMiB } from './resident-memory.ts';
import { workerEntry } from './worker-entry.ts';
import type { WorkerFailure } from './worker-protocol.ts';
import { decodeDone, encodeLoad, encodeRun, fromJson, fromWorker, toWorker } from './worker-protocol.ts';

/** How often a busy worker's time and memory are looked at: a run or a load may overstay by this much. */
const watchEveryMs = 25;
/** How often the memory of a worker with short runs is looked at. */
const weighEveryMs = 1_000;

/** Half of the way down: still served, but after whoever waits at the gateway's own priority. */
const niceBy = 10;

export interface WorkerDeps {
  readonly launcher: Launcher;
  /** It comes after the gateway on full cores from its very start, and not only once its model is loaded. */
  readonly yieldsAtOnce?: boolean;
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
  readonly process: LaunchedProcess;
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
 * @param signal calls the start off: the process ends at once. Nothing to it once the model is loaded
 * @throws InferenceFailure when the model does not load in time; the process has ended by then
 */
export const startWorker = (deps: WorkerDeps, signal?: AbortSignal): Promise<WorkerProcess> =>
  new Promise((resolveStart, rejectStart) => {
    const process = deps.launcher.start(workerEntry);
    const work: Work = { process, running: new Map(), loading: true, begunMs: deps.monotonicMs(), weighedMs: deps.monotonicMs(), end: null, refused: null };
    const watch = setInterval(() => watchWork(deps, work), watchEveryMs).unref();
    const isUp = onAbort(signal, () => kill(work, 'closed'));
    const ended = process.ended.then((): WorkerEnd => {
      clearInterval(watch);
      isUp();
      rejectStart(work.refused ?? abandon(work));
      return work.end ?? 'died';
    });
    process.receive((kind, payload) => {
      try {
        const message = decode(kind, payload);
        if (message.kind !== 'loaded') return receive(deps, work, message);
        work.loading = false;
        isUp();
        process.yieldToGateway(niceBy);
        resolveStart({ pid: process.pid() ?? 0, signature: message.signature, run: createRun(deps, work), ended, kill: () => kill(work, 'closed') });
      } catch {
        // Bytes that are no message: a graph has written over the process's memory.
        kill(work, 'died');
      }
    });
    if (deps.yieldsAtOnce === true) process.yieldToGateway(niceBy);
    process.send(toWorker.load, ...encodeLoad(deps));
  });

type Message =
  | { readonly kind: 'loaded'; readonly signature: GraphSignature }
  | { readonly kind: 'done'; readonly id: number; readonly result: RunResult }
  | ({ readonly kind: 'failed' } & WorkerFailure);

const decode = (kind: number, payload: Buffer): Message => {
  if (kind === fromWorker.done) return { kind: 'done', ...decodeDone(payload) };
  if (kind === fromWorker.loaded) return { kind: 'loaded', signature: fromJson(payload) };
  return { kind: 'failed', ...fromJson<WorkerFailure>(payload) };
};

const receive = ({ monotonicMs }: WorkerDeps, work: Work, message: Exclude<Message, { kind: 'loaded' }>): void => {
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
  work.process.kill();
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
      if (work.process.isOver()) {
        reject(failureOf(work.end ?? 'died'));
        return;
      }
      const id = nextId;
      nextId = (nextId + 1) >>> 0;
      if (work.running.size === 0) work.begunMs = monotonicMs();
      work.running.set(id, { resolve, reject });
      work.process.send(toWorker.run, encodeRun(id, feeds));
    });
};

const watchWork = (deps: WorkerDeps, work: Work): void => {
  const { loading, running, begunMs } = work;
  if (!loading && running.size === 0) return;
  const nowMs = deps.monotonicMs();
  if (nowMs - begunMs > (loading ? deps.maxLoadMs : deps.maxRunMs())) kill(work, loading ? 'load-failed' : 'hung');
  else weigh(deps, work, nowMs);
};

/** Most runs end before the first look. A short one cannot eat much by itself, so they are looked at together, rarely. */
const weigh = ({ maxMemoryMiB }: WorkerDeps, work: Work, nowMs: number): void => {
  if (nowMs - work.begunMs <= watchEveryMs && nowMs - work.weighedMs <= weighEveryMs) return;
  work.weighedMs = nowMs;
  const pid = work.process.pid();
  if (pid !== null && residentMiB(pid) > maxMemoryMiB) kill(work, 'memory');
};
