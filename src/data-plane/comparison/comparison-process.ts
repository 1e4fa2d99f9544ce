/**
 * The gateway's side of one comparison process. States: loading (a limit on its time), idle, in a pair (each run has the
 * deadline from its own start, and its memory is watched), ended. Whatever a version does there, every promise settles.
 */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { getCompileCacheDir } from 'node:module';
import { fileURLToPath } from 'node:url';
import { residentMiB } from '../inference/resident-memory.ts';
import type { ComparedOutputs, ComparedVersion, FromComparison, PairWork, Ran, Side, ToComparison } from './comparison-protocol.ts';

const entry = fileURLToPath(new URL('./comparison-worker-start.ts', import.meta.url));

/** How often a busy process is looked at: a run may overstay by this much, and is over its deadline all the same. */
const watchEveryMs = 25;
/** Starting the process and loading both graphs. */
const maxLoadMs = 60_000;

/** Why a comparison process ended. */
export type ComparisonEnd = 'closed' | 'hung' | 'memory' | 'died' | 'refused';

export interface ComparisonProcessDeps {
  readonly versions: Readonly<Record<Side, ComparedVersion>>;
  /** A run may take this long from its own start. */
  readonly deadlineMs: number;
  /** For both versions together. */
  readonly maxMemoryMiB: number;
  readonly monotonicMs: () => number;
}

/** What became of a pair. The runs that were made, in order; `lost` says why there are not more. */
export interface PairRuns {
  readonly ran: readonly Ran[];
  readonly compared: ComparedOutputs | null;
  readonly lost: ComparisonEnd | null;
  /** How long the run that did not end had been under way, milliseconds; 0 when none was lost. */
  readonly lostAfterMs: number;
}

/** One live comparison process with both versions loaded. */
export interface ComparisonProcess {
  readonly pid: number;
  /** CPU time that its start took, milliseconds. */
  readonly startCpuMs: number;
  /** Runs a pair; one at a time. Never rejects. */
  readonly runPair: (work: PairWork) => Promise<PairRuns>;
  readonly ended: Promise<ComparisonEnd>;
  readonly kill: () => void;
}

/** Starts a comparison process. Rejects, with the process gone, when a graph does not load in time. */
export type StartComparisonProcess = (deps: ComparisonProcessDeps) => Promise<ComparisonProcess>;

interface Underway {
  readonly id: number;
  readonly work: PairWork;
  readonly ran: Ran[];
  readonly settle: (runs: PairRuns) => void;
}

interface State {
  readonly child: ChildProcess;
  loading: boolean;
  pair: Underway | null;
  /** When the load or the present run began. */
  begunMs: number;
  end: ComparisonEnd | null;
  refusal: string | null;
}

export const startComparisonProcess: StartComparisonProcess = (deps) =>
  new Promise((resolveStart, rejectStart) => {
    const child = spawnComparison();
    const state: State = { child, loading: true, pair: null, begunMs: deps.monotonicMs(), end: null, refusal: null };
    const watch = setInterval(() => void look(deps, state), watchEveryMs).unref();
    const ended = new Promise<ComparisonEnd>((resolve) => {
      const onEnd = (): void => {
        clearInterval(watch);
        const end = state.end ?? 'died';
        rejectStart(new Error(state.refusal ?? `the comparison process ended while it loaded: ${end}`));
        losePair(deps, state, end);
        resolve(end);
      };
      child.once('exit', onEnd);
      // A process that cannot even be spawned has no exit.
      child.on('error', () => {
        if (child.pid === undefined) onEnd();
      });
    });
    const onLoaded = (startCpuMs: number): void => {
      state.loading = false;
      resolveStart({ pid: child.pid ?? 0, startCpuMs, runPair: createRunPair(deps, state), ended, kill: () => kill(state, 'closed') });
    };
    child.on('message', (message: FromComparison) => {
      switch (message.kind) {
        case 'alive':
          return post(child, { kind: 'load', versions: deps.versions });
        case 'loaded':
          return onLoaded(message.cpuMs);
        case 'refused':
          state.refusal = message.message;
          return kill(state, 'refused');
        case 'ran':
          return receive(deps, state, message);
      }
    });
  });

/** The one place where such a process begins. */
const spawnComparison = (): ChildProcess =>
  fork(entry, [String(process.pid), ...[getCompileCacheDir()].flatMap((folder) => folder ?? [])], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });

/** A send to a process that is just ending fails; its `exit` then settles the pair. */
const post = (child: ChildProcess, message: ToComparison): void => {
  child.send(message, () => undefined);
};

const kill = (state: State, reason: ComparisonEnd): void => {
  state.end ??= reason;
  state.child.kill('SIGKILL');
};

const createRunPair = ({ monotonicMs }: ComparisonProcessDeps, state: State): ComparisonProcess['runPair'] => {
  let nextId = 0;
  return (work) =>
    new Promise((resolve) => {
      if (state.child.exitCode !== null || state.child.signalCode !== null) {
        resolve({ ran: [], compared: null, lost: state.end ?? 'died', lostAfterMs: 0 });
        return;
      }
      nextId += 1;
      state.begunMs = monotonicMs();
      state.pair = { id: nextId, work, ran: [], settle: resolve };
      post(state.child, { kind: 'pair', id: nextId, work });
    });
};

const receive = ({ monotonicMs }: ComparisonProcessDeps, state: State, { id, ran, compared }: Extract<FromComparison, { kind: 'ran' }>): void => {
  const { pair } = state;
  if (pair?.id !== id) return;
  pair.ran.push(ran);
  state.begunMs = monotonicMs();
  if (pair.ran.length < pair.work.runs.length) return;
  state.pair = null;
  pair.settle({ ran: pair.ran, compared, lost: null, lostAfterMs: 0 });
};

const losePair = ({ monotonicMs }: ComparisonProcessDeps, state: State, lost: ComparisonEnd): void => {
  const { pair } = state;
  state.pair = null;
  pair?.settle({ ran: pair.ran, compared: null, lost, lostAfterMs: monotonicMs() - state.begunMs });
};

const look = async ({ deadlineMs, maxMemoryMiB, monotonicMs }: ComparisonProcessDeps, state: State): Promise<void> => {
  const { loading, pair, child } = state;
  if ((!loading && pair === null) || child.pid === undefined) return;
  if (monotonicMs() - state.begunMs > (loading ? maxLoadMs : deadlineMs)) kill(state, 'hung');
  else if ((await residentMiB(child.pid)) > maxMemoryMiB) kill(state, 'memory');
};
