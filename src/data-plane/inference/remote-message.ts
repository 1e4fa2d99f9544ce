/** The two messages of a run on another server: what it is asked, and what its answer gives. */
import type { ModelContract, TensorSpec } from '../../bundle/contract.ts';
import { jsonBytesOf, lengthHeader, parseHead } from '../../open-inference/framing.ts';
import { isFields, readTensorHeads, takeTensors, type WireTensor } from '../../open-inference/read-tensors.ts';
import { readTexts } from '../../open-inference/tensor-bytes.ts';
import { messageBytes, messageOf, writeTensors } from '../../open-inference/write-tensors.ts';
import type { Tensor, TensorData, Tensors } from '../contract/tensor.ts';
import { InferenceFailure } from './inference-failure.ts';
import type { RemoteAnswer, RemoteContent } from './remote-http.ts';

/** By it an answer to another run is told from one that the server names itself, as many models of KServe do. */
const idPrefix = 'handoff-';

/** The id of one run on another server. */
export const remoteRunId = (newId: () => string): string => `${idPrefix}${newId()}`;

/** How a run is asked for. */
export interface RunMessage {
  readonly id: string;
  readonly contract: Pick<ModelContract, 'inputs' | 'outputs'>;
  /** Whether tensors go as bytes. */
  readonly isBinary: boolean;
}

/** What a run is asked with, given the milliseconds that are left for it. Its tensors are written once. @throws ProblemError for values that JSON cannot say */
export const writeRun = (feeds: Tensors, { id, contract, isBinary }: RunMessage): ((leftMs: number) => RemoteContent) => {
  const inputs = contract.inputs.flatMap(({ name }) => {
    const tensor = feeds[name];
    return tensor === undefined ? [] : [{ name, tensor, binary: isBinary }];
  });
  const { json, binary } = writeTensors(inputs);
  const outputs = JSON.stringify(contract.outputs.map(({ name }) => ({ name, ...(isBinary ? { parameters: { binary_data: true } } : {}) })));
  return (leftMs) => {
    // Microseconds, as the protocol's schedule policy counts them.
    const parameters = JSON.stringify({ timeout: Math.ceil(leftMs * 1_000) });
    const message = messageOf(`{"id":${JSON.stringify(id)},"parameters":${parameters},"inputs":${json},"outputs":${outputs}}`, binary);
    const timeout = { 'x-request-timeout-ms': String(Math.ceil(leftMs)) };
    if (binary.length === 0) return { headers: { 'content-type': 'application/json', ...timeout }, body: message.json };
    const headers = { 'content-type': 'application/octet-stream', [lengthHeader]: String(message.jsonBytes), ...timeout };
    return { headers, body: messageBytes(message) };
  };
};

/** What an answer to a run gives. */
export interface RunAnswer {
  /** It answers another run than the one with this id. */
  readonly isForeign: (id: string) => boolean;
  /** The outputs that the contract has. @throws ProblemError malformed-request, InferenceFailure breach */
  readonly outputs: (specs: readonly TensorSpec[]) => Tensors;
}

/** Reads the JSON of an answer. @throws ProblemError malformed-request */
export const readRun = ({ body, header }: RemoteAnswer): RunAnswer => {
  const jsonBytes = jsonBytesOf(body, header(lengthHeader));
  const parsed = parseHead(body.subarray(0, jsonBytes));
  const { id: given, outputs } = isFields(parsed) ? parsed : {};
  return {
    isForeign: (id) => typeof given === 'string' && given !== id && given.startsWith(idPrefix),
    outputs: (specs) => {
      const names = new Set<unknown>(specs.map(({ name }) => name));
      const list = Array.isArray(outputs)
        ? outputs.map((entry, index) => (isFields(entry) && !names.has(entry.name) ? unasked(entry, index) : entry))
        : outputs;
      const tensors = takeTensors(readTensorHeads(list, '#/outputs'), body, jsonBytes);
      return Object.fromEntries(
        specs.flatMap((spec) => {
          const index = tensors.findIndex(({ name }) => name === spec.name);
          const tensor = tensors[index];
          return tensor === undefined ? [] : [[spec.name, outputTensor(tensor, spec, index)]];
        }),
      );
    },
  };
};

/** An output that nobody asked for, as the bytes that are to be passed over. It is named by its place, since its own name may be none or there twice. */
const unasked = ({ parameters }: Readonly<Record<string, unknown>>, index: number) => {
  const size = (isFields(parameters) ? parameters.binary_data_size : null) ?? null;
  const data = size === null ? { data: [] } : { parameters: { binary_data_size: size } };
  return { name: `#/outputs/${index}`, datatype: 'UINT8', shape: [size ?? 0], ...data };
};

const isElements = (data: WireTensor['data']): data is readonly Uint8Array[] => Array.isArray(data) && data[0] instanceof Uint8Array;

const outputTensor = ({ datatype, shape, data }: WireTensor, spec: TensorSpec, index: number): Tensor => {
  if (datatype !== spec.datatype) throw new InferenceFailure('breach', `output ${spec.name}: got datatype ${datatype}, expected ${spec.datatype}`);
  return { datatype, shape, data: (isElements(data) ? readTexts(data, { pointer: `#/outputs/${index}` }) : data) as TensorData };
};
