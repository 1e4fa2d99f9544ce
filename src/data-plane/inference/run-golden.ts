import type { Difference, GoldenCase } from '../../bundle/golden-case.ts';
import { differencesFrom } from '../../bundle/golden-case.ts';
import type { Bundle } from '../../bundle/read-bundle.ts';
import { checkInputs } from '../contract/check-inputs.ts';
import type { CompiledContract } from '../contract/compile-contract.ts';
import type { GuardOutputs } from '../guards/compile-outputs.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { AnsweredRequest } from './mixed-run.ts';
import type { Placement } from './placement.ts';

/** How one golden case came out on this machine's runtime. */
export interface GoldenResult {
  readonly file: string;
  readonly ok: boolean;
  readonly differences: readonly Difference[];
  readonly computeMs: number;
}

export interface GoldenDeps {
  readonly contract: CompiledContract;
  readonly guard: GuardOutputs;
  readonly placement: Placement;
}

/** Fields that only another version of the model declares are passed over, as they are while a rollout is on. */
const ownFields = (rows: readonly Readonly<Record<string, unknown>>[], names: ReadonlySet<string>) =>
  rows.map((row) => Object.fromEntries(Object.entries(row).filter(([name]) => names.has(name))));

interface CaseRun extends Pick<GoldenResult, 'differences' | 'computeMs'> {
  /** Null without an answer that the guard lets through. */
  readonly answered: Pick<AnsweredRequest, 'rows' | 'outputs'> | null;
}

const runCase = async (golden: GoldenCase, { contract, guard, placement }: GoldenDeps): Promise<CaseRun> => {
  const asked = ownFields(golden.request.inputs, contract.names);
  const check = checkInputs(asked, { baseline: contract, candidate: null, known: contract.names });
  if (!check.ok) return { differences: check.violations.map(({ pointer, got, expected }) => ({ pointer, got, expected })), computeMs: 0, answered: null };
  const { rows } = check;
  const { outputs, luma, computeMs } = await placement.run(contract.encode(rows));
  const guarded = guard({ rows, outputs, luma });
  if (!guarded.ok) return { differences: [{ pointer: '#/outputs', got: guarded.breach, expected: 'accepted outputs' }], computeMs, answered: null };
  return { differences: differencesFrom(golden, guarded.rows), computeMs, answered: { rows, outputs: guarded.rows } };
};

/** How all golden cases came out, and what was answered. */
export interface GoldenRuns {
  readonly golden: readonly GoldenResult[];
  readonly answered: readonly AnsweredRequest[];
}

/** Runs every golden case of a bundle, each alone; a case whose run fails is a difference, not an exception. */
export const runGolden = async (bundle: Bundle, deps: GoldenDeps): Promise<GoldenRuns> => {
  const results: GoldenResult[] = [];
  const requests: AnsweredRequest[] = [];
  for (const { file, golden } of bundle.golden) {
    const { answered, ...result } = await runCase(golden, deps).catch((error: unknown) => ({
      differences: [{ pointer: '#', got: InferenceFailure.from(error).message, expected: 'an answer' }],
      computeMs: 0,
      answered: null,
    }));
    results.push({ file, ok: result.differences.length === 0, ...result });
    if (answered !== null) requests.push({ file, ...answered, tolerance: golden.tolerance });
  }
  return { golden: results, answered: requests };
};
