/** What the answers to a sample say of the outputs: whether they are probabilities, and how they lie. */

import { widthOf } from '../bundle/contract.ts';
import { type Distribution, distributionOf } from '../bundle/distribution.ts';
import type { BundleDraft } from '../bundle/draft-bundle.ts';
import { type DraftTensor, fieldsOf } from '../bundle/draft-contract.ts';
import type { Row } from '../data-plane/contract/compile-contract.ts';
import type { Tensors } from '../data-plane/contract/tensor.ts';
import type { Trial } from './trial.ts';

/** Enough for deciles; a large model needs a while for each. */
const mostScored = 5_000;
/** Classes of one output whose distributions are kept. */
const mostClasses = 32;
const roundingOfSum = 1e-3;

const rowsOf = (values: readonly number[], width: number): readonly (readonly number[])[] =>
  Array.from({ length: values.length / width }, (_, row) => values.slice(row * width, (row + 1) * width));

/** Shares that sum to one, or a value in [0, 1] that is called a probability. Anything else may be a score without bounds. */
const isProbability = ({ name, datatype, shape }: DraftTensor, values: readonly number[]): boolean => {
  if (!datatype.startsWith('FP') || values.some((value) => !(value >= 0 && value <= 1))) return false;
  const width = widthOf({ shape });
  if (width === 1) return /prob/i.test(name);
  return rowsOf(values, width).every((row) => Math.abs(row.reduce((sum, value) => sum + value, 0) - 1) <= roundingOfSum);
};

const numbersOf = (outputs: Tensors, name: string): readonly number[] => Array.from(outputs[name]?.data ?? [], Number);

/** The outputs, those that are probabilities with their bounds. Others get none: a bound that is too narrow would reject right answers. */
export const outputRanges = (drafts: readonly DraftTensor[], outputs: Tensors): readonly DraftTensor[] =>
  drafts.map((tensor) => {
    if (!isProbability(tensor, numbersOf(outputs, tensor.name))) return tensor;
    const known = 'Within 0 and 1 in all answers that were tried.';
    return { ...tensor, fields: fieldsOf(tensor).map((field) => ({ ...field, minimum: 0, maximum: 1, known })) };
  });

type Distributions = Readonly<Record<string, Distribution>>;

const isNumeric = (tensor: DraftTensor): boolean => tensor.datatype !== 'BYTES';

const outputColumns = (tensor: DraftTensor, values: readonly number[]): readonly (readonly [string, readonly number[]])[] => {
  const width = widthOf(tensor);
  if (width === 1) return [[tensor.name, values]];
  const rows = rowsOf(values, width);
  return Array.from({ length: Math.min(width, mostClasses) }, (_, place) => [`${tensor.name}[${place}]`, rows.map((row) => row[place] ?? 0)]);
};

const described = (columns: readonly (readonly [string, readonly (number | null)[]])[]): Distributions =>
  Object.fromEntries(
    columns.flatMap(([name, values]) => {
      const distribution = distributionOf(values);
      return distribution === null ? [] : [[name, distribution]];
    }),
  );

const cellNumber = (value: unknown): number | null => (value === null || value === undefined ? null : Number(value));

/** Columns of single numbers; text and lists have no deciles. */
const inputColumns = ({ inputs }: BundleDraft, rows: readonly Row[]) =>
  inputs.filter(isNumeric).flatMap((tensor) =>
    fieldsOf(tensor)
      .filter(({ width }) => width === 1)
      .map(({ name }) => [name, rows.map((row) => cellNumber(row[name]))] as const),
  );

/** Outputs of many rows, joined from runs that the graph takes. */
const answers = async (trial: Trial, rows: readonly Row[], maxRows: number): Promise<ReadonlyMap<string, number[]>> => {
  const joined = new Map<string, number[]>();
  for (let start = 0; start < rows.length; start += maxRows) {
    const { outputs } = await trial.answer(rows.slice(start, start + maxRows));
    for (const name of Object.keys(outputs)) {
      const values = joined.get(name) ?? [];
      for (const value of numbersOf(outputs, name)) values.push(value);
      joined.set(name, values);
    }
  }
  return joined;
};

/** Runs the sample, or rows that are evenly taken from a long one. @throws Refusal for an answer that cannot be guarded */
export const scoreSample = async (
  trial: Trial,
  rows: readonly Row[],
  { draft, maxRows }: { readonly draft: BundleDraft; readonly maxRows: number },
): Promise<{ readonly outputs: readonly DraftTensor[]; readonly distributions: { readonly fields: Distributions; readonly outputs: Distributions } }> => {
  const every = Math.ceil(rows.length / mostScored);
  const values = await answers(
    trial,
    rows.filter((_, index) => index % every === 0),
    maxRows,
  );
  const tensors: Tensors = Object.fromEntries(
    [...values].map(([name, data]) => [name, { datatype: 'FP64', shape: [data.length], data: Float64Array.from(data) }]),
  );
  return {
    outputs: outputRanges(draft.outputs, tensors),
    distributions: {
      fields: described(inputColumns(draft, rows)),
      outputs: described(draft.outputs.filter(isNumeric).flatMap((tensor) => outputColumns(tensor, values.get(tensor.name) ?? []))),
    },
  };
};
