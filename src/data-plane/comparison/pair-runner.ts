/**
 * Runs pairs and counts them. States: idle, or holding one interrupted pair, whose process died before its second run: it
 * goes on in the next process before anything else begins. From its beginning a pair counts, whatever happens.
 */
import { selfPairThreshold } from '../../pair-sampling.ts';
import type { ComparisonRule } from '../../store/traffic-assignment.ts';
import type { Row } from '../contract/compile-contract.ts';
import type { Evidence } from '../observe/evidence.ts';
import type { KeyHash } from '../observe/key-hash.ts';
import { tellPairBegun, tellPairEnded } from '../observe/raw-events.ts';
import type { ComparisonProcess, PairRuns } from './comparison-process.ts';
import type { ComparedOutputs, DifferingRow, PairWork, Side } from './comparison-protocol.ts';
import type { PendingPair } from './pair-counters.ts';
import { type MadeRun, type MadeRuns, pairOutcome } from './pair-outcome.ts';

/** A request that was drawn, after its answer was sent. */
export interface DrawnRequest {
  readonly rows: readonly Row[];
  readonly form: PairWork['form'];
  readonly key: KeyHash | null;
  readonly requestId: string;
  readonly rule: ComparisonRule;
}

/** What a pair showed on one request. */
export interface ShownExample {
  readonly kind: 'error' | 'breach' | 'difference';
  readonly arm: Side | null;
  readonly requestId: string;
  /** A run's own message; null for a difference. */
  readonly why: string | null;
  /** Both outputs and the input of the first row that differs, redacted; null for anything else. */
  readonly row: DifferingRow | null;
}

export interface PairRunnerDeps {
  readonly rollout: string;
  readonly deadlineMs: number;
  readonly evidence: Pick<Evidence, 'beginPair' | 'beginSelfPair' | 'keepExample'>;
  /** A fresh unsigned 32-bit draw: the coins of the order, and of which pairs are of the baseline with itself. */
  readonly randomU32: () => number;
  readonly monotonicMs: () => number;
  /** What a process has used up to now, and what one that was stopped must have used, milliseconds of CPU. */
  readonly usage: { readonly upTo: (cpuMs: number) => void; readonly add: (cpuMs: number) => void };
  readonly onPair: (kind: 'versions' | 'self') => void;
  /** At most one a second. */
  readonly onExample: (example: ShownExample) => void;
}

export interface PairRunner {
  readonly begin: (process: ComparisonProcess, request: DrawnRequest) => Promise<void>;
  readonly isInterrupted: () => boolean;
  /** Goes on with the interrupted pair. */
  readonly resume: (process: ComparisonProcess) => Promise<void>;
}

const u32Range = 2 ** 32;
const exampleEveryMs = 1_000;

interface BegunPair {
  readonly request: DrawnRequest;
  readonly pending: PendingPair;
  readonly order: readonly Side[];
  readonly made: MadeRuns;
}

type Made = Readonly<Record<Side, MadeRun>>;

export const createPairRunner = (deps: PairRunnerDeps): PairRunner => {
  let interrupted: BegunPair | null = null;
  const examples = createExampleTeller(deps);

  const run = async (process: ComparisonProcess, { rows, form, rule }: DrawnRequest, runs: readonly Side[]): Promise<PairRuns> => {
    const result = await process.runPair({ runs, rows, form, differences: rule.differences, wantsExample: examples.isDue() });
    const last = result.ran.at(-1);
    if (last !== undefined) deps.usage.upTo(last.cpuMs);
    // A process that was stopped cannot say what it used; a run that hangs uses all that it gets.
    deps.usage.add(result.lostAfterMs);
    return result;
  };

  const goOn = async (process: ComparisonProcess, pair: BegunPair): Promise<void> => {
    const left = pair.order.filter((side) => pair.made[side] === undefined);
    const runs = await run(process, pair.request, left);
    if (runs.lost === 'closed') return;
    const made = madeRuns(pair.made, left, runs);
    if (made.baseline === undefined || made.candidate === undefined) interrupted = { ...pair, made };
    else end(pair, { baseline: made.baseline, candidate: made.candidate }, runs.compared);
  };

  const end = ({ request, pending, order }: BegunPair, made: Made, compared: ComparedOutputs | null): void => {
    tellPairEnded({ rollout: deps.rollout, requestId: request.requestId, order }, made, compared?.differ ?? null);
    const outcome = pairOutcome(made, { compared, deadlineMs: deps.deadlineMs });
    if (outcome === null) pending.withdraw();
    else {
      pending.end(outcome);
      examples.tell(exampleOf(request, made, compared));
    }
    deps.onPair('versions');
  };

  const runSelf = async (process: ComparisonProcess, request: DrawnRequest): Promise<void> => {
    const pending = deps.evidence.beginSelfPair(askedFor(deps, request));
    const told = { rollout: deps.rollout, requestId: request.requestId, order: ['baseline', 'baseline'] as const };
    tellPairBegun(told, pending);
    const { ran, lost, compared } = await run(process, request, told.order);
    if (lost === 'closed') return;
    const made: Made = { baseline: ran[0] ?? 'lost', candidate: ran[1] ?? 'lost' };
    tellPairEnded(told, made, compared?.differ ?? null);
    // As a pair of both versions is judged: the two must differ in nothing but the second run's version.
    const outcome = pairOutcome(made, { compared, deadlineMs: deps.deadlineMs });
    if (outcome === null) pending.withdraw();
    else pending.end(outcome.differ);
    deps.onPair('self');
  };

  return {
    begin: (process, request) => {
      if (request.rule.differences.length > 0 && deps.randomU32() < selfPairThreshold) return runSelf(process, request);
      const order: readonly Side[] = deps.randomU32() < u32Range / 2 ? ['baseline', 'candidate'] : ['candidate', 'baseline'];
      const pending = deps.evidence.beginPair(askedFor(deps, request));
      tellPairBegun({ rollout: deps.rollout, requestId: request.requestId, order }, pending);
      return goOn(process, { request, pending, order, made: {} });
    },
    isInterrupted: () => interrupted !== null,
    resume: async (process) => {
      const pair = interrupted;
      interrupted = null;
      if (pair !== null) await goOn(process, pair);
    },
  };
};

const askedFor = ({ rollout }: PairRunnerDeps, { key, rule }: DrawnRequest) => ({ rollout, key, differences: rule.differences.length });

/** The runs that are known now. One that was under way when the process ended is lost. */
const madeRuns = (before: MadeRuns, left: readonly Side[], { ran, lost }: PairRuns): MadeRuns => {
  const made: Partial<Record<Side, MadeRun>> = { ...before };
  for (const [index, side] of left.entries()) {
    const one = ran[index];
    if (one !== undefined) made[side] = one;
    else if (lost !== null && index === ran.length) made[side] = 'lost';
  }
  return made;
};

const faultOf = (run: MadeRun): { readonly kind: 'error' | 'breach'; readonly why: string | null } | null => {
  if (run === 'lost') return { kind: 'error', why: 'the run passed its deadline, or its process died' };
  if (run.result === 'ok') return null;
  return { kind: run.result === 'breach' ? 'breach' : 'error', why: run.why };
};

/** What a pair shows against one version, the candidate's faults first, or a difference; null for nothing. */
const exampleOf = ({ requestId }: DrawnRequest, made: Made, compared: ComparedOutputs | null): ShownExample | null => {
  for (const arm of ['candidate', 'baseline'] as const) {
    const fault = faultOf(made[arm]);
    if (fault !== null) return { ...fault, arm, requestId, row: null };
  }
  return compared?.differ.includes(true) === true ? { kind: 'difference', arm: null, requestId, why: null, row: compared.example } : null;
};

/** Request ids are kept of all examples; messages and rows are told once a second. */
const createExampleTeller = ({ rollout, evidence, monotonicMs, onExample }: PairRunnerDeps) => {
  let lastMs = Number.NEGATIVE_INFINITY;
  const isDue = (): boolean => monotonicMs() - lastMs >= exampleEveryMs;
  return {
    isDue,
    tell: (example: ShownExample | null): void => {
      if (example === null) return;
      const { kind, arm, requestId } = example;
      evidence.keepExample(rollout, { kind, arm, requestId });
      if (!isDue()) return;
      lastMs = monotonicMs();
      onExample(example);
    },
  };
};
