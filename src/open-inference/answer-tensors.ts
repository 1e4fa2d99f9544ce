/** From a checked answer to tensors: the graph's own outputs as the graph gave them, then what the bundle derives, then the ids that were passed through. */
import type { Field, ModelContract } from '../bundle/contract.ts';
import { allocate, type Tensor, type Tensors } from '../data-plane/contract/tensor.ts';
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

/** What an answer of a contract can have, made once for each: the graph's outputs, then its other fields. */
interface AnswerPlan {
  readonly names: readonly string[];
  readonly graph: ReadonlySet<string>;
  readonly extra: readonly Field[];
}

const plans = new WeakMap<ModelContract, AnswerPlan>();

const planOf = (contract: ModelContract): AnswerPlan => {
  const kept = plans.get(contract);
  if (kept !== undefined) return kept;
  const graph = new Set(contract.outputs.map(({ name }) => name));
  const extra = [...contract.derived, ...contract.passThrough].filter(({ name }) => !graph.has(name));
  const made = { names: [...graph, ...extra.map(({ name }) => name)], graph, extra };
  plans.set(contract, made);
  return made;
};

/** The fields of an answer that are no tensor of the graph. */
export const extraFields = (contract: ModelContract): readonly Field[] => planOf(contract).extra;

const fieldTensor = (field: Field, rows: AnswerParts['outputs']): Tensor | null => {
  const values = rows.map((row) => row[field.name]);
  // An id that the request did not carry is not in its answer.
  if (values.some((value) => value === undefined || value === null)) return null;
  const datatype = fieldDatatype(field);
  const data = allocate(datatype, values.length);
  for (let index = 0; index < values.length; index += 1) data[index] = itemOf(datatype, values[index]) as never;
  return { datatype, shape: [values.length], data };
};

const itemOf = (datatype: ReturnType<typeof fieldDatatype>, value: unknown): number | bigint | string => {
  if (datatype === 'BYTES') return typeof value === 'string' ? value : JSON.stringify(value);
  return datatype === 'INT64' ? BigInt(Number(value)) : Number(value);
};

/**
 * Refuses outputs that the model does not have, or has in no form that was asked for, before anything is computed.
 * @throws ProblemError malformed-request
 */
export const checkRequestedOutputs = (contract: ModelContract, { outputs, binaryOutput }: Form): void => {
  const { names, graph } = planOf(contract);
  for (const [index, { name }] of (outputs ?? []).entries()) {
    if (!names.includes(name)) throw malformed(`#/outputs/${index}/name`, { got: JSON.stringify(name.slice(0, 60)), expected: names.join(', ') });
  }
  const halves = contract.outputs.filter(({ datatype }) => datatype === 'FP16');
  if (halves.length === 0) return;
  const asked = outputs ?? [...graph].map((name) => ({ name, binary: binaryOutput }));
  for (const [index, { name, binary }] of asked.entries()) {
    if (!binary && halves.some((spec) => spec.name === name))
      throw malformed(`#/outputs/${index}`, { got: `${name} as JSON`, expected: 'binary_data: the protocol has no JSON form of FP16' });
  }
};

/** The tensors of an answer that were asked for, in the order in which they were. */
export const answerTensors = ({ contract, tensors, outputs: rows }: AnswerParts, { outputs, binaryOutput }: Form): readonly OutgoingTensor[] => {
  const { names, graph, extra } = planOf(contract);
  const tensorOf = (name: string): Tensor | null => {
    const ofGraph = graph.has(name) ? tensors[name] : undefined;
    if (ofGraph !== undefined) return ofGraph;
    const field = extra.find((one) => one.name === name);
    return field === undefined ? null : fieldTensor(field, rows);
  };
  if (outputs === null) {
    return names.flatMap((name) => {
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
