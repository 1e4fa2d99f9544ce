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

/** Names of tensors as JSON text: a gateway has few, and writes them with every answer. */
const quotedNames = new Map<string, string>();
const mostQuotedNames = 1_024;

const quoted = (name: string): string => {
  const known = quotedNames.get(name);
  if (known !== undefined) return known;
  if (quotedNames.size === mostQuotedNames) quotedNames.clear();
  const text = JSON.stringify(name);
  quotedNames.set(name, text);
  return text;
};

/** Writes the list of a message. @throws ProblemError for values that JSON cannot say */
export const writeTensors = (tensors: readonly OutgoingTensor[]): WrittenTensors => {
  const binary: Uint8Array[] = [];
  const texts = tensors.map(({ name, tensor, binary: asBinary }) => {
    const head = `{"name":${quoted(name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
    if (!asBinary) return `${head},"data":${jsonData(tensor, name)}}`;
    const bytes = tensorBytes(tensor);
    binary.push(bytes);
    return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
  });
  return { json: `[${texts.join(',')}]`, binary };
};

/** A whole message: its bytes, or its text when no binary data follows, and the value of the length header when it does. */
export type WrittenMessage =
  | { readonly body: string; readonly bodyBytes: number; readonly jsonLength: null }
  | { readonly body: Buffer; readonly bodyBytes: number; readonly jsonLength: number };

/** Joins the JSON of a message with the bytes that follow it. */
export const joinMessage = (json: string, binary: readonly Uint8Array[]): WrittenMessage => {
  const jsonLength = Buffer.byteLength(json);
  if (binary.length === 0) return { body: json, bodyBytes: jsonLength, jsonLength: null };
  const bodyBytes = binary.reduce((sum, bytes) => sum + bytes.length, jsonLength);
  const body = Buffer.allocUnsafe(bodyBytes);
  body.write(json);
  let offset = jsonLength;
  for (const bytes of binary) {
    body.set(bytes, offset);
    offset += bytes.length;
  }
  return { body, bodyBytes, jsonLength };
};
