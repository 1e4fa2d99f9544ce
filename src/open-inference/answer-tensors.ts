/** From a checked answer to tensors: the graph's own outputs as the graph gave them, then what the bundle derives, then the ids that were passed through. */
import type { Field, ModelContract } from '../bundle/contract.ts';
import type { Tensor, Tensors } from '../data-plane/contract/tensor.ts';
import { ProblemError } from '../problem.ts';
import type { InferenceRequest } from './inference-request.ts';
import { malformed } from './malformed.ts';
import type { OutgoingTensor } from './write-tensors.ts';

/** What an answer is made of. */
export interface AnswerParts {
  readonly contract: ModelContract;
  /** Of just this request's rows. */
  readonly tensors: Tensors;
  readonly outputs: readonly Readonly<Record<string, unknown>>[];
}

type Form = Pick<InferenceRequest, 'outputs' | 'binaryOutput'>;

/** The datatype of a field that is no tensor of the graph. What is neither a number nor text is JSON text. */
export const fieldDatatype = ({ kind }: Field): 'BOOL' | 'INT64' | 'FP64' | 'BYTES' => {
  if (kind === 'boolean') return 'BOOL';
  if (kind === 'integer') return 'INT64';
  return kind === 'number' ? 'FP64' : 'BYTES';
};

/** The fields of an answer that are no tensor of the graph. */
export const extraFields = ({ derived, passThrough, outputs }: ModelContract): readonly Field[] =>
  [...derived, ...passThrough].filter(({ name }) => !outputs.some((spec) => spec.name === name));

const fieldTensor = (field: Field, rows: AnswerParts['outputs']): Tensor | null => {
  const values = rows.map((row) => row[field.name]);
  // An id that the request did not carry is not in its answer.
  if (values.some((value) => value === undefined || value === null)) return null;
  const datatype = fieldDatatype(field);
  const shape = [values.length];
  if (datatype === 'BOOL') return { datatype, shape, data: Uint8Array.from(values, Number) };
  if (datatype === 'INT64') return { datatype, shape, data: BigInt64Array.from(values, (value) => BigInt(Number(value))) };
  if (datatype === 'FP64') return { datatype, shape, data: Float64Array.from(values, Number) };
  return { datatype, shape, data: values.map((value) => (typeof value === 'string' ? value : JSON.stringify(value))) };
};

const outputNames = (contract: ModelContract): readonly string[] => [...contract.outputs, ...extraFields(contract)].map(({ name }) => name);

/**
 * Refuses outputs that the model does not have, or has in no form that was asked for, before anything is computed.
 * @throws ProblemError malformed-request
 */
export const checkRequestedOutputs = (contract: ModelContract, { outputs, binaryOutput }: Form): void => {
  const names = outputNames(contract);
  for (const [index, { name }] of (outputs ?? []).entries()) {
    if (!names.includes(name)) throw malformed(`#/outputs/${index}/name`, { got: JSON.stringify(name.slice(0, 60)), expected: names.join(', ') });
  }
  const asked = outputs ?? contract.outputs.map(({ name }) => ({ name, binary: binaryOutput }));
  for (const [index, { name, binary }] of asked.entries()) {
    if (!binary && contract.outputs.some((spec) => spec.name === name && spec.datatype === 'FP16'))
      throw malformed(`#/outputs/${index}`, { got: `${name} as JSON`, expected: 'binary_data: the protocol has no JSON form of FP16' });
  }
};

/** The tensors of an answer that were asked for, in the order in which they were. */
export const answerTensors = ({ contract, tensors, outputs: rows }: AnswerParts, { outputs, binaryOutput }: Form): readonly OutgoingTensor[] => {
  const tensorOf = (name: string): Tensor | null => {
    const ofGraph = contract.outputs.some((spec) => spec.name === name) ? tensors[name] : undefined;
    if (ofGraph !== undefined) return ofGraph;
    const field = extraFields(contract).find((extra) => extra.name === name);
    return field === undefined ? null : fieldTensor(field, rows);
  };
  if (outputs === null) {
    return outputNames(contract).flatMap((name) => {
      const tensor = tensorOf(name);
      return tensor === null ? [] : [{ name, tensor, binary: binaryOutput }];
    });
  }
  return outputs.map(({ name, binary }) => {
    const tensor = tensorOf(name);
    if (tensor === null) throw new ProblemError('output-rejected', `The version that answered has no output ${name}.`);
    return { name, tensor, binary };
  });
};
