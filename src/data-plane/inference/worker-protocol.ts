/**
 * The frames between the gateway and a worker process. gateway -> worker: one `load`, then any number of `run`.
 * worker -> gateway: `loaded` or `failed` without an id, then one `done` or `failed` for each `run`. What comes once is JSON.
 */
import type { Tensors } from '../contract/tensor.ts';
import type { ImageInput, RunResult } from './executor.ts';
import type { FailureReason, InvalidInput } from './inference-failure.ts';
import { tensorsFromBytes, tensorsToBytes } from './tensor-bytes.ts';

export const toWorker = { load: 1, run: 2 } as const;
export const fromWorker = { loaded: 1, done: 2, failed: 3 } as const;

/** A run or a load that failed in the worker. */
export interface WorkerFailure {
  /** Of the run; null for the load. */
  readonly id: number | null;
  readonly reason: FailureReason;
  readonly message: string;
  readonly invalid: InvalidInput | null;
}

/** What comes once, or rarely. */
export const toJson = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
export const fromJson = <Value>(payload: Buffer): Value => JSON.parse(payload.toString()) as Value;

const lengthBytes = 4;

/** The two parts of a `load`: a header with the image pipeline, then the model as it is. */
export const encodeLoad = ({ model, image }: { readonly model: Uint8Array; readonly image: ImageInput | null }): readonly [Buffer, Uint8Array] => {
  const text = toJson(image);
  const header = Buffer.alloc(lengthBytes + text.length);
  header.writeUInt32LE(text.length, 0);
  header.set(text, lengthBytes);
  return [header, model];
};

/** The model is a copy of its own. */
export const decodeLoad = (payload: Buffer): { readonly model: Uint8Array; readonly image: ImageInput | null } => {
  const end = lengthBytes + payload.readUInt32LE(0);
  return { image: fromJson(payload.subarray(lengthBytes, end)), model: Uint8Array.from(payload.subarray(end)) };
};

const idBytes = 4;

/** A `run`: its id, u32, and the feeds. */
export const encodeRun = (id: number, feeds: Tensors): Buffer => {
  const bytes = tensorsToBytes(feeds, idBytes);
  bytes.writeUInt32LE(id, 0);
  return bytes;
};

export const decodeRun = (payload: Buffer): { readonly id: number; readonly feeds: Tensors } => ({
  id: payload.readUInt32LE(0),
  feeds: tensorsFromBytes(payload, idBytes),
});

/** Head of a `done`: id u32, computeMs f64. The luma, if there is one, goes as a tensor whose name no graph can have. */
const doneHeadBytes = 12;
const lumaName = '';

/** A `done`: id and time, then the outputs. */
export const encodeDone = (id: number, { outputs, luma, computeMs }: RunResult): Buffer => {
  const tensors = luma === null ? outputs : { ...outputs, [lumaName]: { datatype: 'FP32' as const, shape: [luma.length], data: luma } };
  const bytes = tensorsToBytes(tensors, doneHeadBytes);
  bytes.writeUInt32LE(id, 0);
  bytes.writeDoubleLE(computeMs, 4);
  return bytes;
};

export const decodeDone = (payload: Buffer): { readonly id: number; readonly result: RunResult } => {
  const { [lumaName]: luma, ...outputs } = tensorsFromBytes(payload, doneHeadBytes);
  return {
    id: payload.readUInt32LE(0),
    result: { outputs, luma: luma?.data instanceof Float32Array ? luma.data : null, computeMs: payload.readDoubleLE(4) },
  };
};
