/**
 * A first bundle for a model of which only the signature, and perhaps a sample of its rows, is known: it holds at once,
 * and says where its owners have to fill in what neither knows (ranges, units, teams, criteria).
 */
import { stringify } from 'yaml';
import { widthOf } from './contract.ts';
import type { Distribution } from './distribution.ts';
import { type ContractDraft, type DraftTensor, draftContract, fieldsOf, toBeFilledIn } from './draft-contract.ts';
import type { GoldenCase } from './golden-case.ts';
import type { RemotePlacement } from './manifest.ts';

/** What a sample of rows showed. */
export interface DraftSample {
  /** The file's name. */
  readonly file: string;
  readonly rows: number;
  readonly fields: Readonly<Record<string, Distribution>>;
  readonly outputs: Readonly<Record<string, Distribution>>;
}

export interface BundleDraft extends ContractDraft {
  /** The server that runs it; null for a `model.onnx` that the caller adds. */
  readonly remote: RemotePlacement | null;
  /** Rows that one request, and one run, may have. */
  readonly maxRows: number;
  readonly golden: readonly GoldenCase[];
  /** Null when the signature alone is known. */
  readonly sample: DraftSample | null;
}

/** Texts of the files that people read, by name; `{{word}}` stands for what is known of the model. */
export type DraftTemplates = Readonly<Record<string, string>>;

/** Files by their path inside the bundle's folder, and golden cases by their name; digests are to be written afterwards. */
export interface DraftFiles {
  readonly bundle: Readonly<Record<string, string>>;
  readonly golden: Readonly<Record<string, string>>;
}

const team = { team: toBeFilledIn, contact: toBeFilledIn };

const goldenName = (index: number): string => `${String(index + 1).padStart(2, '0')}-recorded.json`;

const latencyP95Ms = 250;

const inputOf = (tensor: DraftTensor) => {
  const fields = fieldsOf(tensor);
  const imputes = fields.some(({ imputeValue }) => imputeValue !== undefined);
  return { tensor: tensor.name, steps: [{ order: fields.map(({ name }) => name) }, ...(imputes ? [{ impute: 'contract' }] : [])] };
};

const manifestOf = ({ model, version, inputs, outputs, remote, maxRows, golden }: BundleDraft, files: readonly string[]) => ({
  apiVersion: 'handoff/v1',
  kind: 'Bundle',
  model,
  version,
  purpose: toBeFilledIn,
  license: toBeFilledIn,
  owners: { product: team, dataScience: team, engineering: team },
  ...(remote === null ? {} : { placement: 'remote', remote }),
  artifacts: files.map((path) => ({ path, sha256: '0'.repeat(64) })),
  golden: golden.map((_, index) => ({ file: goldenName(index), sha256: '0'.repeat(64) })),
  interface: { inputs: inputs.map(inputOf), outputs: outputs.map(({ name }) => ({ tensor: name, steps: [] })), passThrough: [] },
  budgets: { latencyP95Ms, deadlineMs: 2_000, maxRows, maxBatchRows: maxRows, maxQueueRows: 4_096, memoryMiB: 1_024 },
  signals: [],
  monitoring: { drift: [] },
  runbook: { file: 'RUNBOOK.md', onCall: toBeFilledIn, escalation: [toBeFilledIn] },
});

/** A test for each imputation: the checklist asks for one. */
const transformsOf = ({ inputs }: BundleDraft): Readonly<Record<string, string>> => {
  const cases = inputs.flatMap(fieldsOf).flatMap(({ name, imputeValue }) => {
    if (imputeValue === undefined) return [];
    // A tensor of 32-bit numbers has seven digits of it.
    return [{ name: `no ${name}`, row: { [name]: null }, expect: { [name]: imputeValue }, tolerance: Math.max(1e-6, Math.abs(imputeValue) * 1e-6) }];
  });
  if (cases.length === 0) return {};
  const document = { apiVersion: 'handoff/v1', kind: 'Transforms', source: 'The contract, by handoff init.', cases };
  return { 'transforms.yaml': stringify(document) };
};

const baselineOf = ({ sample }: BundleDraft): Readonly<Record<string, string>> => {
  if (sample === null) return {};
  const source = `${sample.file}, ${sample.rows} rows; ${toBeFilledIn}: whether the model was trained on them`;
  return { 'baseline.json': `${JSON.stringify({ source, rows: sample.rows, fields: sample.fields, outputs: sample.outputs }, null, 1)}\n` };
};

/** More columns than this are a list for the contract alone. */
const listedColumns = 40;

const columnsOf = ({ inputs }: BundleDraft): string => {
  const names = inputs.flatMap(fieldsOf).map(({ name }) => `\`${name}\``);
  const shown = names.slice(0, listedColumns).join(', ');
  return `A request row has ${shown}${names.length > listedColumns ? ` and ${names.length - listedColumns} more` : ''}.`;
};

const tensorText = ({ name, datatype, shape }: DraftTensor): string =>
  `\`${name}\` ${datatype} [${shape.map((size) => (size === -1 ? 'N' : String(size))).join(', ')}]`;

const wordsOf = (draft: BundleDraft): Readonly<Record<string, string>> => {
  const { model, version, inputs, outputs, remote, sample } = draft;
  return {
    model,
    version,
    sampled: sample === null ? '' : ` and the ${sample.rows} rows of \`${sample.file}\``,
    graph: remote === null ? 'the graph as it was exported' : 'none: the server that `handoff.yaml` names runs the model',
    contract: sample === null ? 'until it is filled in only shapes and types are checked' : 'types, ranges and nulls are those of the sample, with a margin',
    baseline: sample === null ? ', with their distributions in `baseline.json`' : ', out of those whose distributions `baseline.json` has',
    columns: columnsOf(draft),
    tensors: `Inputs ${inputs.map(tensorText).join(', ')}; outputs ${outputs.map(tensorText).join(', ')}.`,
    latencyMs: String(latencyP95Ms),
    latencySeconds: String(latencyP95Ms / 1_000),
  };
};

const filled = (template: string, words: Readonly<Record<string, string>>): string => template.replaceAll(/\{\{(\w+)\}\}/g, (_, word) => words[word] ?? '');

/** Rows wider than this are written without a line for each value. */
const wideRow = 64;

const goldenText = (golden: GoldenCase, { inputs }: BundleDraft): string =>
  `${JSON.stringify(golden, null, inputs.some((tensor) => widthOf(tensor) > wideRow) ? 0 : 2)}\n`;

/** The files of a first bundle; its digests are still zeros. Every tensor must be one that `undraftable` lets through. */
export const draftBundle = (draft: BundleDraft, templates: DraftTemplates): DraftFiles => {
  const words = wordsOf(draft);
  const files = {
    ...Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, filled(template, words)])),
    ...baselineOf(draft),
    ...transformsOf(draft),
    'contract.odcs.yaml': stringify(draftContract(draft), { lineWidth: 0 }),
  };
  const manifest = stringify(manifestOf(draft, Object.keys(files)), { lineWidth: 0, aliasDuplicateObjects: false });
  return {
    bundle: { ...files, 'handoff.yaml': manifest },
    golden: Object.fromEntries(draft.golden.map((golden, index) => [goldenName(index), goldenText(golden, draft)])),
  };
};
