/**
 * Keeps one comparison process for a rollout. States: coming up, running, waiting for its next start (after a death; the
 * pause grows while it keeps dying), closed.
 */
import type { ComparisonEnd, ComparisonProcess } from './comparison-process.ts';

type State =
  | { readonly kind: 'starting' }
  | { readonly kind: 'running'; readonly process: ComparisonProcess; readonly sinceMs: number }
  | { readonly kind: 'down'; readonly why: string }
  | { readonly kind: 'closed' };

/** The process of one rollout, whichever it is at the moment. */
export interface KeptProcess {
  /** Null while there is none. */
  readonly current: () => ComparisonProcess | null;
  /** Why there is none, in words; null while there is one. */
  readonly lacks: () => string | null;
  /** Starts no more; ends the present one, also while it comes up. Resolves when it is gone. */
  readonly close: () => Promise<void>;
}

export interface KeptProcessDeps {
  /** The signal calls it off. */
  readonly start: (signal: AbortSignal) => Promise<ComparisonProcess>;
  readonly monotonicMs: () => number;
  readonly onRunning: (process: ComparisonProcess) => void;
  readonly onEnd: (end: ComparisonEnd) => void;
}

const firstPauseMs = 50;
const pauseGrowth = 3;
/** A start takes a tenth of a second of CPU, so a version that kills the process again and again must not take that often; the CPU budget has its say too. */
const longestPauseMs = 5_000;
/** A process that lived this long has the deaths before it forgotten. */
const steadyMs = 30_000;

const endWords: Readonly<Record<ComparisonEnd, string>> = {
  closed: 'the comparison process was closed',
  hung: 'a run passed its deadline; the comparison process was stopped and is being replaced',
  memory: 'the comparison process took more memory than both budgets together; it was stopped and is being replaced',
  died: 'the comparison process died and is being replaced',
  refused: 'a version cannot be loaded in the comparison process',
};

export const keepProcess = ({ start, monotonicMs, onRunning, onEnd }: KeptProcessDeps): KeptProcess => {
  let state: State = { kind: 'starting' };
  let pauseMs = firstPauseMs;
  let timer: NodeJS.Timeout | undefined;
  let starting: Promise<void> = Promise.resolve();
  let coming = new AbortController();

  const begin = (): void => {
    coming = new AbortController();
    starting = start(coming.signal).then(adopt, (error: unknown) => fail(error instanceof Error ? error.message : String(error)));
  };
  const adopt = async (process: ComparisonProcess): Promise<void> => {
    if (state.kind === 'closed') {
      process.kill();
      await process.ended;
      return;
    }
    state = { kind: 'running', process, sinceMs: monotonicMs() };
    void process.ended.then((end) => replace(process, end));
    onRunning(process);
  };
  const replace = (process: ComparisonProcess, end: ComparisonEnd): void => {
    if (state.kind !== 'running' || state.process !== process) return;
    if (monotonicMs() - state.sinceMs > steadyMs) pauseMs = firstPauseMs;
    onEnd(end);
    fail(endWords[end]);
  };
  const fail = (why: string): void => {
    if (state.kind === 'closed') return;
    state = { kind: 'down', why };
    timer = setTimeout(begin, pauseMs).unref();
    pauseMs = Math.min(pauseMs * pauseGrowth, longestPauseMs);
  };

  begin();
  return {
    current: () => (state.kind === 'running' ? state.process : null),
    lacks: () => {
      switch (state.kind) {
        case 'running':
          return null;
        case 'starting':
          return 'the comparison process is starting';
        case 'down':
          return state.why;
        case 'closed':
          return endWords.closed;
      }
    },
    close: async () => {
      const last = state;
      state = { kind: 'closed' };
      clearTimeout(timer);
      coming.abort();
      await starting;
      if (last.kind !== 'running') return;
      last.process.kill();
      await last.process.ended;
    },
  };
};
