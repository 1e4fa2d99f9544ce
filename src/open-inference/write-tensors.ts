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
  readonly binary: readonly Buffer[];
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
  const binary: Buffer[] = [];
  let json = '[';
  for (const { name, tensor, binary: asBinary } of tensors) {
    const head = `{"name":${quoted(name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}]`;
    json += json === '[' ? head : `,${head}`;
    if (asBinary) {
      const bytes = tensorBytes(tensor);
      binary.push(bytes);
      json += `,"parameters":{"binary_data_size":${bytes.length}}}`;
    } else json += `,"data":${jsonData(tensor, name)}}`;
  }
  return { json: `${json}]`, binary };
};

/** A whole message: its JSON, and the bytes that follow it. */
export interface WrittenMessage {
  readonly json: string;
  readonly binary: readonly Buffer[];
  /** Of the JSON alone: what the length header says, when bytes follow. */
  readonly jsonBytes: number;
  readonly totalBytes: number;
}

/** The JSON of a message with the bytes that follow it. */
export const messageOf = (json: string, binary: readonly Buffer[]): WrittenMessage => {
  const jsonBytes = Buffer.byteLength(json);
  let totalBytes = jsonBytes;
  for (const bytes of binary) totalBytes += bytes.length;
  return { json, binary, jsonBytes, totalBytes };
};

/** A message as the bytes that are sent. */
export const messageBytes = ({ json, binary }: WrittenMessage): Buffer => Buffer.concat([Buffer.from(json), ...binary]);

/** Whether its JSON is ASCII, so that its characters are its bytes. */
export const isAscii = ({ json, jsonBytes }: WrittenMessage): boolean => json.length === jsonBytes;

/** A message whose JSON is ASCII as a text of one byte a character. For a small one that is cheaper than joining bytes. */
export const messageText = ({ json, binary }: WrittenMessage): string => {
  let text = json;
  for (const bytes of binary) text += bytes.toString('latin1');
  return text;
};
