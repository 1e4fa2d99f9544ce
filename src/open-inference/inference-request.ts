import { ProblemError } from '../problem.ts';
import { malformed } from './malformed.ts';
import { type Fields, isFields, readParameters, readTensorHeads, type TensorHead, takeTensors, type WireTensor } from './read-tensors.ts';

/** An output that is asked for, and in which form. */
export interface RequestedOutput {
  readonly name: string;
  readonly binary: boolean;
}

/** What the JSON of a request says; the data of its tensors is not read yet. */
export interface RequestHead {
  /** Echoed; null when there is none. */
  readonly id: string | null;
  readonly inputs: readonly TensorHead[];
  /** Null for all. */
  readonly outputs: readonly RequestedOutput[] | null;
  /** The form of outputs that are not named. */
  readonly binaryOutput: boolean;
  readonly routingKey: string | null;
  /** What the caller allows, milliseconds; null when it says nothing. */
  readonly timeoutMs: number | null;
}

/** A request of the protocol, its tensors read; what they mean is the contract's. */
export interface InferenceRequest extends Omit<RequestHead, 'inputs'> {
  /** The tensors; or the whole body as the only one, a batch of one. */
  readonly inputs: readonly WireTensor[] | { readonly raw: Buffer };
}

const flag = (parameters: Fields, name: string, { otherwise, pointer }: { readonly otherwise: boolean; readonly pointer: string }): boolean => {
  const value = parameters[name];
  if (value === undefined) return otherwise;
  if (typeof value !== 'boolean') throw malformed(`${pointer}/${name}`, { got: typeof value, expected: 'true or false' });
  return value;
};

/** Parameters that change what is computed: to pass over them would be another answer than the one that was asked for. */
const rejectUnsupported = (parameters: Fields): void => {
  for (const name of ['sequence_id', 'sequence_start', 'sequence_end']) {
    const value = parameters[name];
    if (value !== undefined && value !== 0 && value !== false && value !== '')
      throw new ProblemError('unsupported', `Parameter ${name}: sequences are not supported.`);
  }
};

const readOutput = (entry: unknown, index: number, otherwise: boolean): RequestedOutput => {
  const pointer = `#/outputs/${index}`;
  if (!isFields(entry) || typeof entry.name !== 'string') throw malformed(pointer, { got: typeof entry, expected: 'an output with a name' });
  const parameters = readParameters(entry.parameters, `${pointer}/parameters`);
  for (const name of ['classification', 'shared_memory_region']) {
    if (parameters[name] !== undefined && parameters[name] !== 0) throw new ProblemError('unsupported', `Output ${entry.name}: ${name} is not supported.`);
  }
  return { name: entry.name, binary: flag(parameters, 'binary_data', { otherwise, pointer: `${pointer}/parameters` }) };
};

const routingKeyOf = ({ routing_key: key }: Fields): string | null => {
  if (key === undefined) return null;
  if (typeof key === 'string' || typeof key === 'number') return String(key);
  throw malformed('#/parameters/routing_key', { got: typeof key, expected: 'text or a number' });
};

/** `timeout` is in microseconds; 0 says nothing. @see https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_schedule_policy.md */
const timeoutMsOf = ({ timeout }: Fields): number | null => {
  if (timeout === undefined || timeout === 0) return null;
  if (typeof timeout === 'number' && timeout > 0) return timeout / 1_000;
  throw malformed('#/parameters/timeout', { got: typeof timeout === 'number' ? String(timeout) : typeof timeout, expected: 'a positive number', unit: 'us' });
};

const outputsOf = (outputs: unknown, otherwise: boolean): readonly RequestedOutput[] | null => {
  if (outputs === undefined || outputs === null) return null;
  if (!Array.isArray(outputs)) throw malformed('#/outputs', { got: typeof outputs, expected: 'a list of outputs' });
  if (outputs.length === 0) return null;
  const names = new Set<string>();
  return outputs.map((entry, index) => {
    const output = readOutput(entry, index, otherwise);
    // Each would be written: a short request could ask for an answer of any size.
    if (names.has(output.name)) throw malformed(`#/outputs/${index}/name`, { got: JSON.stringify(output.name.slice(0, 60)), expected: 'each output once' });
    names.add(output.name);
    return output;
  });
};

/** Reads the JSON of an inference call. @throws ProblemError malformed-request, unsupported */
export const readRequestHead = (json: unknown): RequestHead => {
  if (!isFields(json)) throw malformed('#', { got: json === null ? 'nothing' : typeof json, expected: 'an object with inputs' });
  const { id = null } = json;
  if (id !== null && typeof id !== 'string') throw malformed('#/id', { got: typeof id, expected: 'text' });
  const parameters = readParameters(json.parameters, '#/parameters');
  rejectUnsupported(parameters);
  const binaryOutput = flag(parameters, 'binary_data_output', { otherwise: false, pointer: '#/parameters' });
  return {
    id,
    inputs: readTensorHeads(json.inputs, '#/inputs'),
    outputs: outputsOf(json.outputs, binaryOutput),
    binaryOutput,
    routingKey: routingKeyOf(parameters),
    timeoutMs: timeoutMsOf(parameters),
  };
};

/**
 * The request that a head and the rest of its body make.
 *
 * @param start of the bytes that follow the JSON
 * @throws ProblemError malformed-request
 */
export const withTensors = (head: RequestHead, body: Buffer, start: number): InferenceRequest => {
  const { id, outputs, binaryOutput, routingKey, timeoutMs } = head;
  return { id, inputs: takeTensors(head.inputs, body, start), outputs, binaryOutput, routingKey, timeoutMs };
};

/** A body without JSON. @throws ProblemError malformed-request for an empty one */
export const rawRequest = (raw: Buffer): InferenceRequest => {
  if (raw.length === 0) throw malformed('#', { got: 'nothing', expected: 'an object with inputs' });
  return { id: null, inputs: { raw }, outputs: null, binaryOutput: true, routingKey: null, timeoutMs: null };
};
