import { z } from 'zod';
import type { Field, TensorSpec } from '../bundle/contract.ts';
import { checkDocument } from '../bundle/fault.ts';
import { parsedYaml } from '../bundle/yaml.ts';
import { type CompiledContract, type Row, valueIn } from '../data-plane/contract/compile-contract.ts';
import { decodeImage } from '../data-plane/inference/decode-image.ts';
import { imagePipelineOf } from '../data-plane/inference/image-pipeline.ts';
import { InferenceFailure } from '../data-plane/inference/inference-failure.ts';
import { ownRows } from './evaluation/cases.ts';
import type { Report } from './finding.ts';
import type { RuleGroup, Subject } from './subject.ts';

const file = 'transforms.yaml';
const defaultTolerance = 1e-6;

/** A row, given as its difference to the first golden case's first row, and the numbers that must enter the tensor for some of its fields. */
const rowCase = z.strictObject({
  name: z.string().min(1),
  row: z.record(z.string(), z.unknown()),
  expect: z.record(z.string(), z.number()),
  tolerance: z.number().min(0).default(defaultTolerance),
});

/** The image of a golden case, and the mean of each channel of the tensor that must come of it. */
const imageCase = z.strictObject({
  name: z.string().min(1),
  golden: z.string().min(1),
  channelMeans: z.array(z.number()).length(3),
  tolerance: z.number().min(0),
});

const transformsSchema = z.strictObject({
  apiVersion: z.literal('handoff/v1'),
  kind: z.literal('Transforms'),
  /** By what the expected numbers were computed. */
  source: z.string().min(1),
  cases: z.array(z.union([rowCase, imageCase])).min(1),
});

type RowCase = z.infer<typeof rowCase>;
type ImageCase = z.infer<typeof imageCase>;

const isRowCase = (one: RowCase | ImageCase): one is RowCase => 'row' in one;

/** What enters the tensor for a field, in the first row. */
const encoded = (specs: readonly TensorSpec[], contract: CompiledContract, row: Row): ReadonlyMap<string, number> => {
  const tensors = contract.encode([row]);
  return new Map(specs.flatMap(({ name, fields }) => fields.map((field, column) => [field.name, Number(tensors[name]?.data[column])] as const)));
};

const checkRowCase = ({ bundle, version }: Subject, one: RowCase, report: Report): void => {
  const base = bundle.golden[0]?.golden.request.inputs[0] ?? {};
  const row = { ...ownRows(version, [base])[0], ...one.row };
  const refused = version.contract.fields.filter((field) => !field.holds(valueIn(row, field)));
  for (const field of refused)
    report('transforms-hold', { file, field: `${one.name}: ${field.name}`, got: JSON.stringify(row[field.name]) ?? 'nothing', expected: field.expected });
  if (refused.length > 0) return;
  const values = encoded(bundle.contract.inputs, version.contract, row);
  for (const [field, expected] of Object.entries(one.expect)) {
    const got = values.get(field) ?? Number.NaN;
    if (!(Math.abs(got - expected) <= one.tolerance))
      report('transforms-hold', { file, field: `${one.name}: ${field}`, got: String(got), expected: String(expected) });
  }
};

const pipelineOf = ({ bundle }: Subject) => {
  for (const { steps } of bundle.manifest.interface.inputs) {
    const pipeline = imagePipelineOf(steps.flatMap((step) => ('decode' in step || 'crop' in step || 'resize' in step || 'normalise' in step ? [step] : [])));
    if (pipeline !== null) return pipeline;
  }
  return null;
};

const channelMeans = (pixels: Float32Array): readonly number[] => {
  const plane = pixels.length / 3;
  return [0, 1, 2].map((channel) => pixels.subarray(channel * plane, (channel + 1) * plane).reduce((sum, value) => sum + value, 0) / plane);
};

const checkImageCase = async (subject: Subject, one: ImageCase, report: Report): Promise<void> => {
  const pipeline = pipelineOf(subject);
  const golden = subject.bundle.golden.find((entry) => entry.file === one.golden)?.golden;
  const image = golden?.request.inputs[0]?.[pipeline?.field ?? ''];
  if (pipeline === null || typeof image !== 'string') {
    report('transforms-hold', { file, field: `${one.name}: golden`, got: one.golden, expected: 'a golden case with an image' });
    return;
  }
  const found = await decodeImage(image, pipeline).then(
    ({ pixels }) => channelMeans(pixels),
    (error: unknown) => InferenceFailure.from(error).message,
  );
  const holds =
    typeof found !== 'string' && one.channelMeans.every((expected, channel) => Math.abs((found[channel] ?? Number.NaN) - expected) <= one.tolerance);
  if (!holds)
    report('transforms-hold', { file, field: one.name, got: typeof found === 'string' ? found : found.join(', '), expected: one.channelMeans.join(', ') });
};

interface Tested {
  readonly rows: readonly RowCase[];
  readonly images: number;
}

const tests = ({ rows }: Tested, field: Field, sends: (value: unknown) => boolean): boolean =>
  rows.some(({ row, expect }) => sends(row[field.name]) && field.name in expect);

const hasUnit = (value: unknown, unit: string): boolean => typeof value === 'object' && value !== null && 'unit' in value && value.unit === unit;

/** The transforms that the contract and the manifest declare for a field, each with whether a case tries it. */
const untested = (field: Field, tested: Tested): readonly string[] => [
  ...(field.imputeValue !== undefined && !tests(tested, field, (value) => value === null) ? ['null becomes imputeValue'] : []),
  ...Object.keys(field.acceptedUnits).flatMap((unit) =>
    tests(tested, field, (value) => hasUnit(value, unit)) ? [] : [`${unit} becomes ${field.unit ?? 'the unit'}`],
  ),
  ...(field.timePart !== undefined && !tests(tested, field, (value) => typeof value === 'string') ? [`a time becomes ${field.timePart}`] : []),
  ...(field.kind === 'string' && !tests(tested, field, (value) => typeof value === 'string') ? ['text becomes its index'] : []),
];

const untestedOf = ({ datatype }: TensorSpec, field: Field, tested: Tested): readonly string[] => {
  if (field.kind === 'image') return tested.images === 0 ? ['an image becomes a tensor'] : [];
  return datatype === 'BYTES' ? [] : untested(field, tested);
};

const checkCoverage = ({ bundle }: Subject, tested: Tested, report: Report): void => {
  const missing = bundle.contract.inputs.flatMap((spec) =>
    spec.fields.flatMap((field) => untestedOf(spec, field, tested).map((transform) => ({ field, transform }))),
  );
  for (const { field, transform } of missing)
    report('transforms-tested', { file, field: field.name, got: `no case in which ${transform}`, expected: 'a case' });
};

/** Runs the bundle's own tests of how its requests become tensors, and sees to it that no transform is without one. */
export const checkTransforms: RuleGroup = async (subject, report) => {
  const source = await subject.text(file);
  if (source === null) return checkCoverage(subject, { rows: [], images: 0 }, report);
  const yaml = parsedYaml(source);
  if ('fault' in yaml) return report('transforms-hold', { file, field: '(whole file)', got: yaml.fault, expected: 'YAML' });
  const { value, faults } = checkDocument(transformsSchema, file, yaml.document);
  for (const fault of faults) report('transforms-hold', fault);
  if (value === null) return;
  const { cases } = value;
  for (const one of cases) {
    if (isRowCase(one)) checkRowCase(subject, one, report);
    else await checkImageCase(subject, one, report);
  }
  const rows = cases.filter(isRowCase);
  checkCoverage(subject, { rows, images: cases.length - rows.length }, report);
};
