import type { Tensor } from '../data-plane/contract/tensor.ts';
import { jsonData } from './json-data.ts';
import { tensorBytes } from './tensor-bytes.ts';

/** A tensor on its way out, and in which form. */
export interface OutgoingTensor {
  readonly name: string;
  readonly tensor: Tensor;
  readonly binary: boolean;
}

/** A list of tensors as JSON text, and the bytes that follow the JSON of the message. */
export interface WrittenTensors {
  readonly json: string;
  readonly binary: readonly Uint8Array[];
}

/** Writes the list of a message. @throws ProblemError for values that JSON cannot say */
export const writeTensors = (tensors: readonly OutgoingTensor[]): WrittenTensors => {
  const binary: Uint8Array[] = [];
  const texts = tensors.map(({ name, tensor, binary: asBinary }) => {
    const head = `{"name":${JSON.stringify(name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
    if (!asBinary) return `${head},"data":${jsonData(tensor, name)}}`;
    const bytes = tensorBytes(tensor);
    binary.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  return { json: `[${texts.join(',')}]`, binary };
};

/** A whole message: its bytes, and the value of the length header when binary data follows the JSON. */
export interface WrittenMessage {
  readonly body: Buffer;
  readonly jsonLength: number | null;
}

/** Joins the JSON of a message with the bytes that follow it. */
export const joinMessage = (json: string, binary: readonly Uint8Array[]): WrittenMessage => {
  const text = Buffer.from(json);
  return binary.length === 0 ? { body: text, jsonLength: null } : { body: Buffer.concat([text, ...binary]), jsonLength: text.length };
};
