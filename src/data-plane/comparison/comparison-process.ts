/**
 * The gateway's side of one comparison process. States: loading (a limit on its time), idle, in a pair (each run has the
 * deadline from its own start, and its memory is watched), ended. Whatever a version does there, every promise settles.
 */
import { residentMiB } from '../inference/resident-memory.ts';
import type { LaunchedProcess, Launcher } from '../processes/launcher.ts';
import { onAbort } from '../processes/on-abort.ts';
import type { ComparedOutputs, ComparedVersion, FromComparison, PairWork, Ran, Side, ToComparison } from './comparison-protocol.ts';
import { decodeMessage, encodeMessage, messageFrame } from './comparison-protocol.ts';

const entry = new URL('./comparison-worker-main.ts', import.meta.url).href;
/** Last in line: comparing runs in spare capacity only. */
const niceBy = 19;

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

/** Starts a comparison process. Rejects, with the process gone, when a graph does not load in time, or the signal calls it off. */
export type StartComparisonProcess = (deps: ComparisonProcessDeps, signal?: AbortSignal) => Promise<ComparisonProcess>;

interface Underway {
  readonly id: number;
  readonly work: PairWork;
  readonly ran: Ran[];
  readonly settle: (runs: PairRuns) => void;
}

interface State {
  readonly process: LaunchedProcess;
  loading: boolean;
  pair: Underway | null;
  /** When the load or the present run began. */
  begunMs: number;
  end: ComparisonEnd | null;
  refusal: string | null;
}

/** How comparison processes are started by this launcher. */
export const comparisonProcessesBy =
  (launcher: Launcher): StartComparisonProcess =>
  (deps, signal) =>
    new Promise((resolveStart, rejectStart) => {
      const process = launcher.start(entry);
      const state: State = { process, loading: true, pair: null, begunMs: deps.monotonicMs(), end: null, refusal: null };
      const watch = setInterval(() => look(deps, state), watchEveryMs).unref();
      const isUp = onAbort(signal, () => kill(state, 'closed'));
      const ended = process.ended.then((): ComparisonEnd => {
        clearInterval(watch);
        isUp();
        const end = state.end ?? 'died';
        rejectStart(new Error(state.refusal ?? `the comparison process ended while it loaded: ${end}`));
        losePair(deps, state, end);
        return end;
      });
      const onLoaded = (startCpuMs: number): void => {
        state.loading = false;
        isUp();
        resolveStart({ pid: process.pid() ?? 0, startCpuMs, runPair: createRunPair(deps, state), ended, kill: () => kill(state, 'closed') });
      };
      const take = (message: FromComparison): void => {
        if (message.kind === 'loaded') onLoaded(message.cpuMs);
        else if (message.kind === 'ran') receive(deps, state, message);
        else {
          state.refusal = message.message;
          kill(state, 'refused');
        }
      };
      process.receive((_, payload) => {
        try {
          take(decodeMessage(payload));
        } catch {
          // Bytes that are no message: a graph has written over the process's memory.
          kill(state, 'died');
        }
      });
      process.yieldToGateway(niceBy);
      post(process, { kind: 'load', versions: deps.versions });
    });

const post = (process: LaunchedProcess, message: ToComparison): void => process.send(messageFrame, encodeMessage(message));

const kill = (state: State, reason: ComparisonEnd): void => {
  state.end ??= reason;
  state.process.kill();
};

const createRunPair = ({ monotonicMs }: ComparisonProcessDeps, state: State): ComparisonProcess['runPair'] => {
  let nextId = 0;
  return (work) =>
    new Promise((resolve) => {
      if (state.process.isOver()) {
        resolve({ ran: [], compared: null, lost: state.end ?? 'died', lostAfterMs: 0 });
        return;
      }
      nextId += 1;
      state.begunMs = monotonicMs();
      state.pair = { id: nextId, work, ran: [], settle: resolve };
      post(state.process, { kind: 'pair', id: nextId, work });
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

const look = ({ deadlineMs, maxMemoryMiB, monotonicMs }: ComparisonProcessDeps, state: State): void => {
  const { loading, pair, process } = state;
  if (!loading && pair === null) return;
  const pid = process.pid();
  if (monotonicMs() - state.begunMs > (loading ? maxLoadMs : deadlineMs)) kill(state, 'hung');
  else if (pid !== null && residentMiB(pid) > maxMemoryMiB) kill(state, 'memory');
};
