/** From a checked answer to tensors: the graph's own outputs as the graph gave them, then what the bundle derives, then the ids that were passed through. */
import type { Field, ModelContract } from '../bundle/contract.ts';
import { allocate, type Tensor, type Tensors } from '../data-plane/contract/tensor.ts';
import { ProblemError } from '../problem.ts';
import type { InferenceRequest } from './inference-request.ts';
import { halfHasNoJson } from './json-data.ts';
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
  /** By name: the field that it is made of, or null for an output of the graph. */
  readonly parts: ReadonlyMap<string, Field | null>;
  readonly extra: readonly Field[];
  /** Outputs of the graph that only bytes can say. */
  readonly halves: ReadonlySet<string>;
}

const plans = new WeakMap<ModelContract, AnswerPlan>();

const planOf = (contract: ModelContract): AnswerPlan => {
  const kept = plans.get(contract);
  if (kept !== undefined) return kept;
  const graph = contract.outputs.map(({ name }) => name);
  const extra = [...contract.derived, ...contract.passThrough].filter(({ name }) => !graph.includes(name));
  const parts = new Map([...graph.map((name) => [name, null] as const), ...extra.map((field) => [field.name, field] as const)]);
  const halves = new Set(contract.outputs.flatMap(({ name, datatype }) => (datatype === 'FP16' ? [name] : [])));
  const made = { parts, extra, halves };
  plans.set(contract, made);
  return made;
};

/** The fields of an answer that are no tensor of the graph. */
export const extraFields = (contract: ModelContract): readonly Field[] => planOf(contract).extra;

const fieldTensor = (field: Field, rows: AnswerParts['outputs']): Tensor | null => {
  const datatype = fieldDatatype(field);
  const data = allocate(datatype, rows.length);
  for (let index = 0; index < rows.length; index += 1) {
    const value = rows[index]?.[field.name];
    // An id that the request did not carry is not in its answer.
    if (value === undefined || value === null) return null;
    data[index] = itemOf(datatype, value) as never;
  }
  return { datatype, shape: [rows.length], data };
};

const itemOf = (datatype: ReturnType<typeof fieldDatatype>, value: unknown): number | bigint | string => {
  if (datatype === 'BYTES') return typeof value === 'string' ? value : JSON.stringify(value);
  if (typeof value === 'bigint') return value;
  return datatype === 'INT64' ? BigInt(Number(value)) : Number(value);
};

/** Whether an id that the answer is to repeat is missing in the request. */
const lacksId = ({ passThrough }: ModelContract, inputs: InferenceRequest['inputs'], name: string): boolean =>
  passThrough.some((field) => field.name === name) && !('raw' in inputs ? [] : inputs).some((input) => input.name === name);

type Asked = Form & Pick<InferenceRequest, 'inputs'>;

/**
 * Refuses outputs that the model does not have, has in no form that was asked for, or would repeat from a request that lacks them, before
 * anything is computed.
 * @throws ProblemError malformed-request
 */
export const checkRequestedOutputs = (contract: ModelContract, asked: Asked): void => {
  const { parts, halves } = planOf(contract);
  for (const [index, { name }] of (asked.outputs ?? []).entries()) {
    const refuse = (expected: string) => malformed(`#/outputs/${index}/name`, { got: JSON.stringify(name.slice(0, 60)), expected });
    if (!parts.has(name)) throw refuse([...parts.keys()].join(', '));
    if (lacksId(contract, asked.inputs, name)) throw refuse('an output of the model, or an id that the request carries');
  }
  if (halves.size > 0) refuseHalves(halves, asked);
};

const refuseHalves = (halves: ReadonlySet<string>, { outputs, binaryOutput }: Form): void => {
  const asked = outputs ?? [...halves].map((name) => ({ name, binary: binaryOutput }));
  for (const [index, { name, binary }] of asked.entries()) {
    if (!binary && halves.has(name))
      throw malformed(`#/outputs/${index}`, { got: `${name} as JSON`, expected: 'binary_data: the protocol has no JSON form of FP16' });
  }
};

const tensorOf = ({ tensors, outputs: rows }: AnswerParts, name: string, field: Field | null | undefined): Tensor | null => {
  if (field === null) return tensors[name] ?? null;
  return field === undefined ? null : fieldTensor(field, rows);
};

const noOutput = (name: string): string => `The version that answered has no output ${name}.`;

const isMissing = ({ tensors, outputs: rows }: AnswerParts, name: string, field: Field | null | undefined): boolean => {
  if (field === null) return tensors[name] === undefined;
  return field === undefined || rows.some((row) => row[field.name] === undefined || row[field.name] === null);
};

/** Why an answer cannot be given in the form that was asked for; null when it can. What no answer of the baseline can say is refused before, by `checkRequestedOutputs`. */
export const unwritable = (answer: AnswerParts, { outputs, binaryOutput }: Form): string | null => {
  const { parts, halves } = planOf(answer.contract);
  if (outputs === null) {
    const [half] = halves;
    return half === undefined || binaryOutput ? null : halfHasNoJson(half);
  }
  for (const { name, binary } of outputs) {
    if (isMissing(answer, name, parts.get(name))) return noOutput(name);
    if (!binary && halves.has(name)) return halfHasNoJson(name);
  }
  return null;
};

/** The tensors of an answer that were asked for, in the order in which they were. */
export const answerTensors = (answer: AnswerParts, { outputs, binaryOutput }: Form): readonly OutgoingTensor[] => {
  const { parts } = planOf(answer.contract);
  const written: OutgoingTensor[] = [];
  if (outputs === null) {
    for (const [name, field] of parts) {
      const tensor = tensorOf(answer, name, field);
      if (tensor !== null) written.push({ name, tensor, binary: binaryOutput });
    }
    return written;
  }
  for (const { name, binary } of outputs) {
    const tensor = tensorOf(answer, name, parts.get(name));
    if (tensor === null) throw new ProblemError('output-rejected', noOutput(name));
    written.push({ name, tensor, binary });
  }
  return written;
};
