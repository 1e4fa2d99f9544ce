/** A draft run as the gateway would run it: its contract encodes, its guard judges. What it answers becomes the golden cases. */

import type { ModelContract } from '../bundle/contract.ts';
import { type BundleDraft, draftBundle } from '../bundle/draft-bundle.ts';
import type { GoldenCase } from '../bundle/golden-case.ts';
import { type Manifest, manifestSchema } from '../bundle/manifest.ts';
import { readContract } from '../bundle/read-contract.ts';
import { parseYaml } from '../bundle/yaml.ts';
import { type CompiledContract, compileContract, type Row } from '../data-plane/contract/compile-contract.ts';
import type { Tensors } from '../data-plane/contract/tensor.ts';
import { compileOutputs, type OutputRow } from '../data-plane/guards/compile-outputs.ts';
import { Refusal } from './refusal.ts';

/** Runs encoded rows. */
export type RunFeeds = (feeds: Tensors) => Promise<{ readonly outputs: Tensors; readonly luma: Float32Array | null }>;

/** Answered rows: as a caller gets them, and as the graph gave them. */
export interface TrialAnswer {
  readonly rows: readonly OutputRow[];
  readonly outputs: Tensors;
}

export interface Trial {
  readonly contract: CompiledContract;
  /** @throws Refusal when the rows do not fit or the answer is none that can be guarded; the runner's error */
  readonly answer: (rows: readonly Row[]) => Promise<TrialAnswer>;
  /** The rows with their answer, as a golden case. @throws as `answer` */
  readonly golden: (rows: readonly Row[], source: string) => Promise<GoldenCase>;
  /** The most rows of one run. @throws Refusal when not even one row is answered in its own shape */
  readonly largestBatch: (row: Row) => Promise<number>;
}

/** Rows of one run that are tried, largest first: less may be taken than the signature says. */
const batchSizes = [64, 16, 4, 1];

/** Each number by its own size: beside an output in millions a probability must still be told from another one. */
const tolerance = { absolute: 1e-5, relative: 1e-5 };

const placeholderCase: GoldenCase = { request: { inputs: [{}] }, expected: { outputs: [{}] }, tolerance: { absolute: 0 }, source: 'none' };

/** The contract of a draft, as it will be read. @throws Refusal */
export const contractOf = (draft: BundleDraft): ModelContract => {
  const { contract, faults } = readContract('contract.odcs.yaml', parseYaml(draftBundle(draft, {}).bundle['contract.odcs.yaml'] ?? ''));
  if (contract === undefined) throw new Refusal(faults.map(({ field, got, expected }) => `${field}: got ${got}, expected ${expected}`).join('\n'));
  return contract;
};

const manifestOf = (draft: BundleDraft): Manifest =>
  manifestSchema.parse(parseYaml(draftBundle({ ...draft, golden: [placeholderCase] }, {}).bundle['handoff.yaml'] ?? ''));

/** Views of tensors as plain lists. */
const asJson = (value: unknown): unknown =>
  ArrayBuffer.isView(value) ? Array.from(value as unknown as ArrayLike<number | bigint>, (item) => (typeof item === 'bigint' ? Number(item) : item)) : value;

const asRequest = (rows: readonly Row[]) => rows.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, asJson(value)])));

/** Makes a draft ready to be tried with whatever runs its model. */
export const createTrial = (draft: BundleDraft, run: RunFeeds): Trial => {
  const [modelContract, manifest] = [contractOf(draft), manifestOf(draft)];
  const contract = compileContract(modelContract, manifest);
  const guard = compileOutputs(modelContract, manifest, new Map());
  const answer = async (rows: readonly Row[]): Promise<TrialAnswer> => {
    if (!rows.every((row) => contract.holds(row))) throw new Refusal("the sample does not fit the model's tensors");
    const { outputs, luma } = await run(contract.encode(rows));
    const guarded = guard({ rows, outputs, luma });
    if (!guarded.ok) throw new Refusal(`the answer is none that can be guarded: ${guarded.breach}`);
    return { rows: guarded.rows, outputs };
  };
  return {
    contract,
    answer,
    golden: async (rows, source) => {
      const outputs = [...(await answer(rows)).rows];
      return {
        request: { inputs: asRequest(rows) },
        expected: { outputs },
        tolerance,
        source,
      };
    },
    largestBatch: async (row) => {
      for (const size of batchSizes) {
        const rows = Array.from({ length: size }, () => row);
        const result = await run(contract.encode(rows)).catch(() => null);
        if (result !== null && modelContract.outputs.every(({ name }) => result.outputs[name]?.shape[0] === size)) return size;
      }
      throw new Refusal('a single row is answered in no shape that has one row');
    },
  };
};
