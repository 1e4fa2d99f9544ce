/** Which fields of a model an input names that is no tensor of its graph, and whether it can be one of them. */
import { widthOf } from '../bundle/contract.ts';
import type { ContractPair } from '../data-plane/contract/check-inputs.ts';
import type { RequestField } from '../data-plane/contract/compile-contract.ts';
import { mismatch, shapeText } from './mismatch.ts';
import type { WireTensor } from './read-tensors.ts';

/** The fields that an input of this name fills: by their own, or by what clients of an older version call them. The baseline's come first. */
export const fieldsNamed = (name: string, { baseline, candidate }: ContractPair): readonly RequestField[] => {
  const isNamed = ({ name: own, migration }: RequestField): boolean => own === name || migration?.from === name;
  const fields = baseline.fields.filter(isNamed);
  return fields.length > 0 || candidate === null ? fields : candidate.fields.filter(isNamed);
};

/** @throws ProblemError contract-violation for a name that no version in force or loaded has */
export const rejectUnknown = (name: string, pointer: string, { baseline, known }: ContractPair): void => {
  if (known.has(name)) return;
  const names = [...baseline.tensors.map(({ spec }) => spec.name), ...baseline.fields.map((field) => field.name)];
  throw mismatch(`${pointer}/name`, JSON.stringify(name.slice(0, 60)), `an input of the model: ${[...new Set(names)].join(', ')}`);
};

/** Values of one row in a list of the field, as the graph's tensor has them. */
const listWidth = (field: RequestField, { baseline, candidate }: ContractPair): number => {
  const tensors = [...baseline.tensors, ...(candidate?.tensors ?? [])];
  const spec = tensors.find(({ columns }) => columns.includes(field))?.spec;
  return spec === undefined ? 1 : widthOf(spec);
};

/**
 * Numbers of any count are a view, and the contract says what is wrong with them; texts are made one by one, so their count comes first.
 * @throws ProblemError contract-violation
 */
export const rejectWidth = (
  field: RequestField | undefined,
  input: WireTensor,
  { pointer, contracts }: { readonly pointer: string; readonly contracts: ContractPair },
): void => {
  const isList = field?.field.kind === 'array';
  const width = isList ? listWidth(field, contracts) : 1;
  if (widthOf(input) === width || (isList && input.datatype !== 'BYTES')) return;
  const expected = isList ? `[-1, ${width}]: ${input.name} is a list of that many texts a row` : `[-1] or [-1, 1]: ${input.name} is one value a row`;
  throw mismatch(`${pointer}/shape`, shapeText(input.shape), expected);
};
