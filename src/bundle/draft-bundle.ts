/**
 * A first bundle for a model of which only the signature is known: it holds at once, and says where its owners have to
 * fill in what no signature knows (ranges, units, teams, criteria).
 */
import { stringify } from 'yaml';
import { type Datatype, datatypes, isWhole } from './contract.ts';
import type { GoldenCase } from './golden-case.ts';
import type { RemotePlacement } from './manifest.ts';

/** An input or output of the model; -1 stands for a variable dimension. */
export interface DraftTensor {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

export interface BundleDraft {
  readonly model: string;
  readonly version: string;
  readonly inputs: readonly DraftTensor[];
  readonly outputs: readonly DraftTensor[];
  /** The server that runs it; null for a `model.onnx` that the caller adds. */
  readonly remote: RemotePlacement | null;
  /** Rows that one request, and one run, may have. */
  readonly maxRows: number;
  readonly golden: readonly GoldenCase[];
  /** Identifier of the contract. */
  readonly contractId: string;
}

/** Files by their path inside the bundle's folder, and golden cases by their name; digests are to be written afterwards. */
export interface DraftFiles {
  readonly bundle: Readonly<Record<string, string>>;
  readonly golden: Readonly<Record<string, string>>;
}

/** Why a tensor cannot be described, or null when it can. */
export const undraftable = ({ name, datatype, shape }: DraftTensor): string | null => {
  if (!(datatypes as readonly string[]).includes(datatype)) return `${name}: got datatype ${datatype}, expected one of ${datatypes.join(', ')}`;
  if (shape[0] !== -1) return `${name}: got shape [${shape.join(', ')}], expected -1 as the first dimension, the rows`;
  return shape.slice(1).some((size) => size < 1) ? `${name}: got shape [${shape.join(', ')}], expected known sizes after the rows` : null;
};

/** What a first bundle says where its owners must decide; the checklist finds it. */
export const placeholder = 'to be filled in';

const widthOf = ({ shape }: DraftTensor): number => shape.slice(1).reduce((product, size) => product * size, 1);

const logicalType = (datatype: Datatype): string => {
  if (datatype === 'BYTES') return 'string';
  if (datatype === 'BOOL') return 'boolean';
  return isWhole(datatype) ? 'integer' : 'number';
};

/** One value a row is a field; more are one field, a list. */
const propertyOf = (tensor: DraftTensor) => {
  const width = widthOf(tensor);
  const type = logicalType(tensor.datatype as Datatype);
  const described = { description: `${placeholder}: meaning, unit and range.`, classification: 'internal' };
  if (width === 1) return { name: tensor.name, logicalType: type, required: true, ...described };
  const list = { logicalType: 'array', required: true, logicalTypeOptions: { minItems: width, maxItems: width }, items: { logicalType: type } };
  return { name: tensor.name, ...list, ...described };
};

const schemaOf = (tensor: DraftTensor, direction: 'input' | 'output') => ({
  name: `${direction}_${tensor.name}`,
  logicalType: 'object',
  physicalType: 'tensor',
  physicalName: tensor.name,
  customProperties: [
    { property: 'direction', value: direction },
    { property: 'oipDatatype', value: tensor.datatype },
    { property: 'oipShape', value: [...tensor.shape] },
  ],
  properties: [propertyOf(tensor)],
});

const contractOf = ({ model, version, inputs, outputs, contractId }: BundleDraft) => ({
  apiVersion: 'v3.1.0',
  kind: 'DataContract',
  id: contractId,
  name: model.replaceAll('-', '_'),
  version,
  status: 'draft',
  description: { purpose: placeholder, limitations: placeholder, usage: placeholder },
  schema: [...inputs.map((tensor) => schemaOf(tensor, 'input')), ...outputs.map((tensor) => schemaOf(tensor, 'output'))],
});

const team = { team: placeholder, contact: placeholder };

const goldenName = (index: number): string => `${String(index + 1).padStart(2, '0')}-recorded.json`;

const manifestOf = ({ model, version, inputs, outputs, remote, maxRows, golden }: BundleDraft, files: readonly string[]) => ({
  apiVersion: 'handoff/v1',
  kind: 'Bundle',
  model,
  version,
  purpose: placeholder,
  license: placeholder,
  owners: { product: team, dataScience: team, engineering: team },
  ...(remote === null ? {} : { placement: 'remote', remote }),
  artifacts: files.map((path) => ({ path, sha256: '0'.repeat(64) })),
  golden: golden.map((_, index) => ({ file: goldenName(index), sha256: '0'.repeat(64) })),
  interface: {
    inputs: inputs.map(({ name }) => ({ tensor: name, steps: [{ order: [name] }] })),
    outputs: outputs.map(({ name }) => ({ tensor: name, steps: [] })),
    passThrough: [],
  },
  budgets: { latencyP95Ms: 250, deadlineMs: 2_000, maxRows, maxBatchRows: maxRows, maxQueueRows: 4_096, memoryMiB: 1_024 },
  signals: [],
  monitoring: { drift: [] },
  runbook: { file: 'RUNBOOK.md', onCall: placeholder, escalation: [placeholder] },
});

/** What can be promised of any model: the candidate fails and breaks its contract no more often than the baseline, and is not much slower. */
const acceptance = {
  apiVersion: 'handoff/v1',
  kind: 'Acceptance',
  criteria: [
    { name: 'errors', metric: { kind: 'errorRate' }, compareTo: 'baseline', margin: { absolute: 0.002 }, appliesTo: ['live'] },
    {
      name: 'latency',
      metric: { kind: 'latency', quantiles: [0.5, 0.95] },
      compareTo: 'baseline',
      margin: { relative: 0.25, atLeastMs: 5 },
      appliesTo: ['live'],
    },
    { name: 'bad-outputs', metric: { kind: 'breachRate' }, compareTo: 'baseline', margin: { absolute: 0.001 }, appliesTo: ['live'] },
  ],
};

const readmeOf = ({ model, version }: BundleDraft): string => `# ${model} ${version}

A first bundle, written from the model's own signature. It serves; these are still to be filled in:

* \`contract.odcs.yaml\`: meaning, unit and range of each value. Until then only shapes and types are checked.
* \`acceptance.yaml\`: what else a candidate must hold. Until then errors, latency and rejected outputs are watched.
* \`handoff.yaml\`: purpose, licence, owners, budgets.

\`npm exec -- handoff check ${model}/${version}\` lists what a complete handoff still lacks; with \`--write-digests\` it takes changed files in. A version that serves already needs a new name for them.
`;

const runbookOf = ({ model }: BundleDraft): string => `# Runbook of ${model}

| symptom | diagnosis | action |
| --- | --- | --- |
| the candidate fails or is slow | \`npm exec -- handoff rollout get ${model}\` | \`npm exec -- handoff rollout rollback ${model} --reason "…"\` |
`;

/** The files of a first bundle; its digests are still zeros. Every tensor must be one that \`undraftable\` lets through. */
export const draftBundle = (draft: BundleDraft): DraftFiles => {
  const files = {
    'README.md': readmeOf(draft),
    'RUNBOOK.md': runbookOf(draft),
    'acceptance.yaml': stringify(acceptance),
    'contract.odcs.yaml': stringify(contractOf(draft)),
  };
  const manifest = stringify(manifestOf(draft, Object.keys(files)), { lineWidth: 0, aliasDuplicateObjects: false });
  return {
    bundle: { ...files, 'handoff.yaml': manifest },
    golden: Object.fromEntries(draft.golden.map((golden, index) => [goldenName(index), `${JSON.stringify(golden, null, 2)}\n`])),
  };
};
