/** Writes a bundle for a graph on disk: its signature says what the tensors are, a sample of rows what their values are, and the runtime's own answers become the golden cases. */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { compareVersions } from '../bundle/compare-versions.ts';
import type { BundleDraft } from '../bundle/draft-bundle.ts';
import type { DraftTensor } from '../bundle/draft-contract.ts';
import type { GoldenCase } from '../bundle/golden-case.ts';
import { modelName, semver } from '../bundle/manifest.ts';
import { serveableTensors } from '../bundle/serveable-tensors.ts';
import type { Row } from '../data-plane/contract/compile-contract.ts';
import { type OnnxSession, openSession } from '../data-plane/inference/onnx-session.ts';
import { bundleModelName, bundleVersion } from '../open-inference/protocol-names.ts';
import type { InitResult } from './init-result.ts';
import { readSample } from './read-sample.ts';
import { readTemplates } from './read-templates.ts';
import { Refusal } from './refusal.ts';
import { namedInputs, sampledInputs } from './sample-columns.ts';
import { sampleRows } from './sample-rows.ts';
import { outputRanges, scoreSample } from './score-sample.ts';
import { createTrial, type RunFeeds, type Trial } from './trial.ts';
import { existingVersions, writeBundle, writePlan } from './write-bundle.ts';

export interface GraphInitOptions {
  readonly graph: string;
  readonly model: string;
  readonly version?: string;
  /** File with rows. */
  readonly sample?: string;
  /** Columns of the sample that are no input. */
  readonly ignore?: readonly string[];
  readonly out: string;
}

const loadAdvice =
  'export it as one file (PyTorch: `external_data=False`), with an IR version and opset that the runtime knows: `model.ir_version = 8` and opset 17 always do';

const open = async (graph: string, bytes: Uint8Array): Promise<OnnxSession> => {
  try {
    return await openSession(bytes);
  } catch (error) {
    throw new Refusal(`${graph}: the runtime does not load it (${error instanceof Error ? error.message : String(error)}): ${loadAdvice}`, { cause: error });
  }
};

const runOn =
  (session: OnnxSession): RunFeeds =>
  async (feeds) => {
    try {
      return { outputs: await session.run(feeds), luma: null };
    } catch (error) {
      throw new Refusal(`the runtime cannot run the graph on such rows: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  };

/** Golden cases of one row each, evenly taken from the sample, and one of the first three together. */
const singleCases = 6;
const togetherRows = 3;

const evenly = (rows: number, wanted: number): readonly number[] => {
  const count = Math.min(rows, wanted);
  return [...new Set(Array.from({ length: count }, (_, index) => Math.floor((index * rows) / count)))];
};

const sampleCases = (file: string, rows: readonly Row[]): readonly { readonly at: readonly number[]; readonly source: string }[] => {
  const singles = evenly(rows.length, singleCases).map((index) => [index]);
  const withNull = rows.findIndex((row) => Object.values(row).includes(null));
  const hasNull = singles.some(([index = 0]) => Object.values(rows[index] ?? {}).includes(null));
  const together = evenly(rows.length, togetherRows);
  return [...singles, ...(withNull === -1 || hasNull ? [] : [[withNull]]), ...(together.length > 1 ? [together] : [])].map((at) => ({
    at,
    source: `the runtime itself, when the bundle was written; ${at.length === 1 ? 'row' : 'rows'} ${at.map((index) => index + 1).join(', ')} of ${file}`,
  }));
};

/** Answers of made-up rows: a graph need not like all of them. */
const neutralGolden = async (trial: Trial, inputs: readonly DraftTensor[]): Promise<readonly GoldenCase[]> => {
  const golden: GoldenCase[] = [];
  let refused: unknown = null;
  for (const rows of sampleRows(inputs)) {
    try {
      golden.push(await trial.golden(rows, 'the runtime itself, when the bundle was written; made-up values'));
    } catch (error) {
      refused = error;
    }
  }
  if (golden.length === 0) throw new Refusal(`${refused instanceof Error ? refused.message : String(refused)}: give --sample FILE with rows that it answers`);
  return golden;
};

interface Drafted {
  readonly draft: BundleDraft;
  readonly notes: readonly string[];
}

/** A draft that knows the signature alone. */
const draftBare = async (bare: BundleDraft, run: RunFeeds): Promise<Drafted> => {
  const trial = createTrial(bare, run);
  const golden = await neutralGolden(trial, bare.inputs);
  const rows = golden.flatMap(({ request }) => request.inputs);
  const { outputs } = await trial.answer(rows);
  return { draft: { ...bare, golden, outputs: outputRanges(bare.outputs, outputs), maxRows: await trial.largestBatch(rows[0] ?? {}) }, notes: [] };
};

/** A draft with what the sample shows. */
const draftSampled = async (bare: BundleDraft, run: RunFeeds, { file, rows }: { readonly file: string; readonly rows: readonly Row[] }): Promise<Drafted> => {
  const trial = createTrial(bare, run);
  const held = rows.filter((row) => trial.contract.holds(row));
  if (held.length === 0) throw new Refusal(`${file}: no row is complete: a text or list may not be null`);
  const golden: GoldenCase[] = [];
  for (const { at, source } of sampleCases(file, held))
    golden.push(
      await trial.golden(
        at.map((index) => held[index] ?? {}),
        source,
      ),
    );
  const maxRows = await trial.largestBatch(held[0] ?? {});
  const scored = await scoreSample(trial, held, { draft: bare, maxRows });
  return {
    draft: { ...bare, golden, outputs: scored.outputs, maxRows, sample: { file, rows: held.length, ...scored.distributions } },
    notes: held.length === rows.length ? [] : [`${rows.length - held.length} of ${rows.length} rows are not used: a text or list is null in them`],
  };
};

const draftOf = async (session: OnnxSession, name: { readonly model: string; readonly version: string }, options: GraphInitOptions): Promise<Drafted> => {
  const { inputs, outputs, notes, faults } = serveableTensors(session.signature);
  if (faults.length > 0) throw new Refusal(faults.join('\n'));
  const bare = { ...name, outputs, remote: null, maxRows: 1, golden: [], sample: null, contractId: randomUUID() };
  const run = runOn(session);
  if (options.sample === undefined) {
    const drafted = await draftBare({ ...bare, inputs: namedInputs(inputs) }, run);
    return { ...drafted, notes: [...notes, 'without --sample the contract has no ranges, and the golden cases are made-up values'] };
  }
  const sampled = sampledInputs(inputs, { sample: await readSample(options.sample), ignored: options.ignore ?? [] });
  const drafted = await draftSampled({ ...bare, inputs: sampled.inputs }, run, { file: basename(options.sample), rows: sampled.rows });
  return { ...drafted, notes: [...notes, ...drafted.notes] };
};

/** Longer requests are no command for a terminal. */
const longestCommand = 1_000;

const nextSteps = ({ model, version, golden }: BundleDraft, plan: string | null, out: string): readonly string[] => {
  const folders = `--models-dir ${out}/models --golden-dir ${out}/golden --rollout-dir ${out}/rollout`;
  const body = JSON.stringify({ model, inputs: golden[0]?.request.inputs });
  const isShort = body.length <= longestCommand && !body.includes("'");
  return [
    `Serve it:       npm start -- ${folders}`,
    ...(isShort ? [`Ask it:         curl -s http://127.0.0.1:8080/infer -H 'content-type: application/json' -d '${body}'`] : []),
    `What is left:   npm exec -- handoff check ${model}/${version} ${folders}`,
    ...(plan === null ? [] : [`Start a canary: npm exec -- handoff rollout start ${model} --reason "…"`]),
  ];
};

const nameOf = async ({ model: asked, version: wanted = '1.0.0', out }: GraphInitOptions) => {
  const [model, version] = [bundleModelName(asked), bundleVersion(wanted)];
  if (!modelName.safeParse(model).success) throw new Refusal(`--model: got ${asked}, expected a name with letters or digits`);
  if (!semver.safeParse(version).success) throw new Refusal(`--version: got ${wanted}, expected a semantic version like 1.4.0`);
  const there = await existingVersions(out, model);
  if (there.includes(version)) throw new Refusal(`${out}/models/${model}/${version} is there already: give another --version`);
  return { model, version, there };
};

const readGraph = async (graph: string): Promise<Uint8Array> => {
  try {
    return await readFile(graph);
  } catch (error) {
    throw new Refusal(`${graph}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
};

const writeAll = async (options: GraphInitOptions): Promise<InitResult> => {
  const { model, version, there } = await nameOf(options);
  const bytes = await readGraph(options.graph);
  const session = await open(options.graph, bytes);
  try {
    const { draft, notes } = await draftOf(session, { model, version }, options);
    const { files } = await writeBundle(options.out, draft, { templates: await readTemplates(), graph: bytes });
    const plan = await writePlan(options.out, model, [...there, version].sort(compareVersions));
    return {
      ok: true,
      bundles: [{ model, version }],
      plan,
      files: [...files, ...(plan === null ? [] : [plan])],
      notes,
      next: nextSteps(draft, plan, options.out),
    };
  } finally {
    await session.release();
  }
};

/** Never rejects for what a graph or a sample can contain. */
export const initGraph = async (options: GraphInitOptions): Promise<InitResult> => {
  try {
    return await writeAll(options);
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, reason: 'refused', detail: error.message };
    throw error;
  }
};
