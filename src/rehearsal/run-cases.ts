import { checkInputs } from '../data-plane/contract/check-inputs.ts';
import type { CompiledContract, Row } from '../data-plane/contract/compile-contract.ts';
import { InferenceFailure } from '../data-plane/inference/inference-failure.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import type { UnitAnswer } from '../data-plane/observe/count-unit.ts';
import type { AttemptFailure } from '../data-plane/rescue.ts';
import type { Tampering } from './inject-fault.ts';
import type { EvaluationCase } from './read-cases.ts';

/** What one version made of one case: an answer, or the way in which it failed; and how long the run took. */
export type CaseRun =
  | { readonly answer: UnitAnswer; readonly failure: null; readonly runMs: number }
  | { readonly answer: null; readonly failure: AttemptFailure; readonly runMs: number };

/** A case that holds against the baseline's contract. */
export interface CheckedCase {
  readonly evaluation: EvaluationCase;
  readonly rows: readonly Row[];
  /** It holds against the candidate's too. */
  readonly isEligible: boolean;
}

/** The cases that a gateway would answer: the others are refused, and evidence for neither version. */
export const checkCases = (
  cases: readonly EvaluationCase[],
  { baseline, candidate }: { readonly baseline: CompiledContract; readonly candidate: CompiledContract },
): readonly CheckedCase[] => {
  const known = new Set([...baseline.names, ...candidate.names]);
  return cases.flatMap((evaluation) => {
    const check = checkInputs(evaluation.inputs, { baseline, candidate, known });
    return check.ok ? [{ evaluation, rows: check.rows, isEligible: check.eligible }] : [];
  });
};

export interface RunDeps {
  readonly monotonicMs: () => number;
}

const failed = (error: unknown, runMs: number): CaseRun => {
  const { reason } = InferenceFailure.from(error);
  return { answer: null, failure: reason === 'invalid-input' ? 'error' : reason, runMs };
};

const runCase = async (
  version: ServingVersion,
  rows: readonly Row[],
  { tampering, monotonicMs }: RunDeps & { readonly tampering: Tampering | null },
): Promise<CaseRun> => {
  const { deadlineMs } = version.bundle.manifest.budgets;
  const given = tampering === null ? rows : tampering.rows(rows);
  const startedMs = monotonicMs();
  try {
    const { outputs, luma, computeMs } = await version.predict({ rows: given, deadlineMs: startedMs + deadlineMs, span: null });
    const guarded = version.guard({ rows, outputs: tampering === null ? outputs : tampering.outputs(outputs), luma });
    if (!guarded.ok) return { answer: null, failure: 'breach', runMs: computeMs };
    return { answer: { rows: guarded.rows, abstained: guarded.abstained }, failure: null, runMs: computeMs };
  } catch (error) {
    return failed(error, monotonicMs() - startedMs);
  }
};

/** Runs every case once on a version, each alone: through its contract, its graph and its guard. */
export const runCases = async (
  version: ServingVersion,
  cases: readonly CheckedCase[],
  deps: RunDeps & { readonly tampering: Tampering | null },
): Promise<readonly CaseRun[]> => {
  const runs: CaseRun[] = [];
  for (const { rows } of cases) runs.push(await runCase(version, rows, deps));
  return runs;
};

/** The first runs of a graph are slow: so many cases are run once before any counts. */
const warmUpCases = 20;

/** Odd, so that a case's typical time is one of its runs. */
const rounds = 3;

/** What both versions made of the cases, each with its typical time, and what single runs took beyond that. */
export interface MeasuredRuns {
  readonly baseline: readonly CaseRun[];
  readonly candidate: readonly CaseRun[];
  /** Milliseconds by which a run was slower (or faster) than its version's typical time on its case, of all runs of both versions. */
  readonly noiseMs: readonly number[];
}

const median = (values: readonly number[]): number => [...values].sort((left, right) => left - right)[Math.floor(values.length / 2)] ?? 0;

/** Runs every case some times on each of two versions, in turn: what slows the machine meanwhile slows both alike. */
export const runBoth = async (
  [baseline, candidate]: readonly [ServingVersion, ServingVersion],
  cases: readonly CheckedCase[],
  { monotonicMs }: RunDeps,
): Promise<MeasuredRuns> => {
  const deps = { monotonicMs, tampering: null };
  for (const version of [baseline, candidate]) await runCases(version, cases.slice(0, warmUpCases), deps);
  const measured: { readonly baseline: CaseRun[]; readonly candidate: CaseRun[]; readonly noiseMs: number[] } = { baseline: [], candidate: [], noiseMs: [] };
  const take = (runs: readonly CaseRun[]): CaseRun[] => {
    const typicalMs = median(runs.map(({ runMs }) => runMs));
    measured.noiseMs.push(...runs.map(({ runMs }) => runMs - typicalMs));
    return runs.slice(0, 1).map((run) => ({ ...run, runMs: typicalMs }));
  };
  for (const { rows } of cases) {
    const runs: { readonly baseline: CaseRun[]; readonly candidate: CaseRun[] } = { baseline: [], candidate: [] };
    for (let round = 0; round < rounds; round += 1) {
      runs.baseline.push(await runCase(baseline, rows, deps));
      runs.candidate.push(await runCase(candidate, rows, deps));
    }
    measured.baseline.push(...take(runs.baseline));
    measured.candidate.push(...take(runs.candidate));
  }
  return measured;
};
