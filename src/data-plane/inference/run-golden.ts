import type { Difference, GoldenCase } from '../../bundle/golden-case.ts';
import { differencesFrom } from '../../bundle/golden-case.ts';
import type { Bundle } from '../../bundle/read-bundle.ts';
import { checkInputs } from '../contract/check-inputs.ts';
import type { CompiledContract } from '../contract/compile-contract.ts';
import type { GuardOutputs } from '../guards/compile-outputs.ts';
import { InferenceFailure } from './inference-failure.ts';
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

const runCase = async (
  golden: GoldenCase,
  { contract, guard, placement }: GoldenDeps,
): Promise<{ readonly differences: readonly Difference[]; readonly computeMs: number }> => {
  const rows = ownFields(golden.request.inputs, contract.names);
  const check = checkInputs(rows, { baseline: contract, candidate: null, known: contract.names });
  if (!check.ok) return { differences: check.violations.map(({ pointer, got, expected }) => ({ pointer, got, expected })), computeMs: 0 };
  const { outputs, luma, computeMs } = await placement.run(contract.encode(check.rows));
  const guarded = guard({ rows: check.rows, outputs, luma });
  return {
    differences: guarded.ok ? differencesFrom(golden, guarded.rows) : [{ pointer: '#/outputs', got: guarded.breach, expected: 'accepted outputs' }],
    computeMs,
  };
};

/** Runs every golden case of a bundle, each alone; a case whose run fails is a difference, not an exception. */
export const runGolden = async (bundle: Bundle, deps: GoldenDeps): Promise<readonly GoldenResult[]> => {
  const results: GoldenResult[] = [];
  for (const { file, golden } of bundle.golden) {
    const { differences, computeMs } = await runCase(golden, deps).catch((error: unknown) => ({
      differences: [{ pointer: '#', got: InferenceFailure.from(error).message, expected: 'an answer' }],
      computeMs: 0,
    }));
    results.push({ file, ok: differences.length === 0, differences, computeMs });
  }
  return results;
};
