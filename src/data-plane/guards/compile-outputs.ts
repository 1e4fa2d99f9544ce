import { type Field, type ModelContract, type TensorSpec, widthOf } from '../../bundle/contract.ts';
import type { Datatype } from '../../bundle/datatype.ts';
import type { Manifest, OutputStep } from '../../bundle/manifest.ts';
import type { Row } from '../contract/compile-contract.ts';
import type { Tensor, Tensors } from '../contract/tensor.ts';
import { type BrokenLimit, numberLimits, textLimits } from './output-limits.ts';

/** One row of an answer. */
export type OutputRow = Record<string, unknown>;

/** An answer's rows, or why the model's output is rejected. */
export type GuardedOutputs =
  | { readonly ok: true; readonly rows: readonly OutputRow[]; readonly abstained: number }
  | { readonly ok: false; readonly breach: string };

/** What the guard sees of one request: its rows, the output tensors of just these rows, and the images' mean luma (0-255), if any. */
export interface GuardInput {
  readonly rows: readonly Row[];
  readonly outputs: Tensors;
  readonly luma: Float32Array | null;
}

export type GuardOutputs = (input: GuardInput) => GuardedOutputs;

/** float32 holds 7.2 decimal digits; more would print noise such as 0.10000000149011612. */
const significantDigits = 7;
const roundFloat32 = (value: number): number => (Number.isInteger(value) ? value : Number(value.toPrecision(significantDigits)));
const rounding = (datatype: Datatype): Round => (datatype === 'FP32' ? roundFloat32 : (value) => value);
type Round = (value: number) => number;

interface RowContext {
  readonly values: readonly number[];
  readonly luma: number | null;
  readonly row: OutputRow;
}

type CompiledStep = (context: RowContext) => void;

type Transform = (values: number[]) => number[];

interface CompiledOutput {
  readonly spec: TensorSpec;
  /** Values a row, product of the dimensions after the first. */
  readonly width: number;
  readonly round: Round;
  readonly transforms: readonly Transform[];
  readonly fields: readonly Field[];
  /** Of each of the contract's fields; the only one of a list holds for all of its values. */
  readonly numbers: readonly BrokenLimit<number>[];
  readonly texts: readonly BrokenLimit<string>[];
  /** Whether no two values of a row may be alike. */
  readonly isUnique: boolean;
  readonly steps: readonly CompiledStep[];
}

// Not Math.max(...values): a tensor may be wider than a call has room for arguments.
const largestOf = (values: readonly number[]): number => values.reduce((largest, value) => Math.max(largest, value), Number.NEGATIVE_INFINITY);
const sigmoid = (values: number[]): number[] => values.map((value) => 1 / (1 + Math.exp(-value)));
const softmax = (values: number[]): number[] => {
  const largest = largestOf(values);
  const exponentials = values.map((value) => Math.exp(value - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
};

/** The indexes of the k largest values, largest first; of equal values the lower index first. */
const topIndexes = (values: readonly number[], k: number): readonly number[] => {
  const best: { readonly index: number; readonly value: number }[] = [];
  for (const [index, value] of values.entries()) {
    const last = best[k - 1];
    if (last !== undefined && value <= last.value) continue;
    const place = best.findIndex((other) => other.value < value);
    best.splice(place === -1 ? best.length : place, 0, { index, value });
    best.length = Math.min(best.length, k);
  }
  return best.map(({ index }) => index);
};

const compileStep = (step: OutputStep, { labels, round }: { readonly labels: readonly string[]; readonly round: Round }): CompiledStep | null => {
  if ('topK' in step) {
    const { k, output } = step.topK;
    return ({ values, row }) => {
      row[output] = topIndexes(values, k).map((index) => ({ label: labels[index] ?? String(index), confidence: round(values[index] ?? 0) }));
    };
  }
  if ('threshold' in step) {
    const { at, output } = step.threshold;
    // The reported value is compared, so that the caller can check the flag by eye.
    return ({ values, row }) => {
      row[output] = round(values[0] ?? Number.NaN) >= at;
    };
  }
  if ('abstain' in step) {
    const { below, brightnessBelow, output } = step.abstain;
    return ({ values, luma, row }) => {
      const dark = brightnessBelow !== undefined && luma !== null && luma < brightnessBelow;
      row[output] = dark || (below !== undefined && round(largestOf(values)) < below);
    };
  }
  return null;
};

const compileOutput = (spec: TensorSpec, steps: readonly OutputStep[], labels: readonly string[]): CompiledOutput => {
  const round = rounding(spec.datatype);
  return {
    spec,
    width: widthOf(spec),
    transforms: steps.flatMap((step) => ('sigmoid' in step ? [sigmoid] : 'softmax' in step ? [softmax] : [])),
    round,
    // A class vector that `topK` reads is not repeated in the answer.
    fields: steps.some((step) => 'topK' in step) ? [] : spec.fields,
    numbers: spec.fields.map((field) => numberLimits(field, spec.datatype)),
    texts: spec.fields.map(textLimits),
    isUnique: spec.fields.some((field) => field.uniqueItems === true),
    steps: steps.flatMap((step) => compileStep(step, { labels, round }) ?? []),
  };
};

/** A dimension that the contract leaves open may be of any size. */
const fits = (shape: readonly number[], expected: readonly number[]): boolean =>
  shape.length === expected.length && expected.every((size, place) => size === -1 || size === shape[place]);

const shapeBreach = ({ spec, width }: CompiledOutput, tensor: Tensor | undefined, rows: number): string | null => {
  if (tensor === undefined) return `output ${spec.name} is missing`;
  const expected = [rows, ...spec.shape.slice(1)];
  if (fits(tensor.shape, expected) && tensor.data.length === rows * width) return null;
  return `output ${spec.name}: got shape [${tensor.shape.join(', ')}], expected [${expected.join(', ')}]`;
};

/** Before the transforms: what overflowed in the graph would come out of them as a probability of 0 or 1. */
const finiteBreach = ({ spec, transforms }: CompiledOutput, values: readonly number[]): string | null => {
  if (transforms.length === 0) return null;
  const odd = values.findIndex((value) => !Number.isFinite(value));
  return odd === -1 ? null : `output ${nameAt(spec, odd)}: got ${values[odd]}, expected a finite number`;
};

const rangeBreach = ({ spec, numbers, isUnique }: CompiledOutput, values: readonly number[]): string | null => {
  for (let index = 0; index < values.length; index += 1) {
    const value = values[index] ?? Number.NaN;
    if (!Number.isFinite(value)) return `output ${nameAt(spec, index)}: got ${value}, expected a finite number`;
    const expected = (numbers[index] ?? numbers[0])?.(value) ?? null;
    if (expected !== null) return `output ${nameAt(spec, index)}: got ${value}, expected ${expected}`;
  }
  return isUnique ? twiceBreach(spec, values) : null;
};

const nameAt = ({ name, fields }: TensorSpec, index: number): string => (fields[index] ?? fields[0])?.name ?? name;

const twiceBreach = (spec: TensorSpec, values: readonly unknown[]): string | null =>
  new Set(values).size === values.length ? null : `output ${nameAt(spec, 0)}: got a value twice, expected no two alike`;

const putFields = ({ spec, fields, round }: CompiledOutput, values: readonly number[], row: OutputRow): void => {
  const [first] = fields;
  if (first?.kind === 'array') row[first.name] = values.map(round);
  else {
    fields.forEach((field, index) => {
      const value = values[index] ?? Number.NaN;
      row[field.name] = spec.datatype === 'BOOL' ? value === 1 : round(value);
    });
  }
};

const valuesOf = (tensor: Tensor, start: number, width: number): number[] => {
  const values: number[] = [];
  for (let index = start; index < start + width; index += 1) values.push(Number(tensor.data[index]));
  return values;
};

/**
 * Compiles the manifest's output steps and the contract's output ranges into one function: model output in, checked rows
 * out. The range is checked after `sigmoid`/`softmax`, on what the caller would get; finite is what comes before them too.
 *
 * @param labels class names by the path that `topK` names
 */
export const compileOutputs = (contract: ModelContract, manifest: Manifest, labels: ReadonlyMap<string, readonly string[]>): GuardOutputs => {
  const outputs = contract.outputs.flatMap((spec) => {
    const steps = manifest.interface.outputs.find((output) => output.tensor === spec.name)?.steps ?? [];
    const path = steps.flatMap((step) => ('topK' in step ? [step.topK.labels] : []))[0];
    return [compileOutput(spec, steps, path === undefined ? [] : (labels.get(path) ?? []))];
  });
  const { passThrough } = manifest.interface;
  const abstainFields = manifest.interface.outputs.flatMap(({ steps }) => steps.flatMap((step) => ('abstain' in step ? [step.abstain.output] : [])));
  return (input) => {
    const rows: OutputRow[] = input.rows.map((row) => Object.fromEntries(passThrough.map((name) => [name, row[name]])));
    for (const output of outputs) {
      const breach = fill(output, input, rows);
      if (breach !== null) return { ok: false, breach };
    }
    const abstained = abstainFields.length === 0 ? 0 : rows.filter((row) => abstainFields.some((name) => row[name] === true)).length;
    return { ok: true, rows, abstained };
  };
};

const fill = (output: CompiledOutput, { outputs, luma }: GuardInput, rows: readonly OutputRow[]): string | null => {
  const tensor = outputs[output.spec.name];
  const breach = shapeBreach(output, tensor, rows.length);
  if (breach !== null || tensor === undefined) return breach;
  if (Array.isArray(tensor.data)) return fillTexts(output, tensor.data, rows);
  for (const [index, row] of rows.entries()) {
    const raw = valuesOf(tensor, index * output.width, output.width);
    const values = output.transforms.reduce((result, transform) => transform(result), raw);
    const outOfRange = finiteBreach(output, raw) ?? rangeBreach(output, values);
    if (outOfRange !== null) return outOfRange;
    putFields(output, values, row);
    for (const step of output.steps) step({ values, luma: luma?.[index] ?? null, row });
  }
  return null;
};

/** A text output is a label: there is nothing to transform. */
const fillTexts = (output: CompiledOutput, texts: readonly string[], rows: readonly OutputRow[]): string | null => {
  const { width, fields } = output;
  const [first] = fields;
  for (const [index, row] of rows.entries()) {
    const values = texts.slice(index * width, (index + 1) * width);
    const breach = textBreach(output, values);
    if (breach !== null) return breach;
    if (first?.kind === 'array') row[first.name] = values;
    else for (const [column, field] of fields.entries()) row[field.name] = values[column];
  }
  return null;
};

const textBreach = ({ spec, texts, isUnique }: CompiledOutput, values: readonly string[]): string | null => {
  for (const [column, value] of values.entries()) {
    const expected = (texts[column] ?? texts[0])?.(value) ?? null;
    if (expected !== null) return `output ${nameAt(spec, column)}: got another text, expected ${expected}`;
  }
  return isUnique ? twiceBreach(spec, values) : null;
};
