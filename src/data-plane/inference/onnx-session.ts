import './disable-runtime-telemetry.ts';
import ort from 'onnxruntime-node';
import { type Datatype, datatypes } from '../../bundle/datatype.ts';
import type { Tensor, TensorData, Tensors } from '../contract/tensor.ts';

/** A graph's own view of one input or output; -1 stands for a variable dimension. `datatype` is the runtime's word when it is none of ours. */
export interface GraphTensor {
  readonly name: string;
  readonly datatype: Datatype | string;
  readonly shape: readonly number[];
}

/** The signature of a graph as the runtime reads it. */
export interface GraphSignature {
  /** What runs it, when that is another server, in the Open Inference Protocol's words. */
  readonly platform?: string;
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
}

/** One loaded graph. `run` blocks the thread while it computes. */
export interface OnnxSession {
  readonly signature: GraphSignature;
  /** Runs the graph; the caller owns the result. Rejects with the runtime's error. */
  readonly run: (feeds: Tensors) => Promise<Tensors>;
  /** Frees the graph. No run may be under way. */
  readonly release: () => Promise<void>;
}

const ortTypeOf = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, string>;
const datatypeOf: Readonly<Record<string, Datatype>> = Object.fromEntries(datatypes.map((datatype) => [ortTypeOf[datatype], datatype]));

const graphTensor = (meta: ort.InferenceSession.ValueMetadata): GraphTensor =>
  meta.isTensor
    ? { name: meta.name, datatype: datatypeOf[meta.type] ?? meta.type, shape: meta.shape.map((size) => (typeof size === 'number' ? size : -1)) }
    : { name: meta.name, datatype: 'not a tensor', shape: [] };

/**
 * The runtime's native part reads no Float16Array, and its TypeScript part makes one of every float16 tensor: so halves go
 * in as the 16-bit integers that they are, under their own type.
 */
const halfTensor = (data: Float16Array, shape: readonly number[]): ort.Tensor => {
  const tensor = new ort.Tensor('uint16', new Uint16Array(data.buffer, data.byteOffset, data.length), shape as number[]);
  return Object.defineProperty(tensor, 'type', { value: ortTypeOf.FP16 });
};

const toOrt = ({ datatype, data, shape }: Tensor): ort.Tensor =>
  data instanceof Float16Array ? halfTensor(data, shape) : new ort.Tensor(ortTypeOf[datatype], data as never, shape as number[]);

const halves = (data: unknown): unknown => (data instanceof Uint16Array ? new Float16Array(data.buffer as ArrayBuffer, data.byteOffset, data.length) : data);

const fromOrt = (tensor: ort.Tensor): Tensor => {
  const datatype = datatypeOf[tensor.type];
  if (datatype === undefined) throw new Error(`an output has the element type ${tensor.type}, which cannot be read`);
  const data = datatype === 'FP16' ? halves(tensor.data) : tensor.data;
  return { datatype, shape: tensor.dims, data: data as TensorData };
};

/** Without a folder of its own for them, the runtime reads a graph's external data from the working folder. In this one there can be no file. */
const noFolder = '/dev/null';

const sessionOptions: ort.InferenceSession.SessionOptions = {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 4,
  extra: { session: { model_external_initializers_file_folder_path: noFolder } },
};

const createSession = async (model: Uint8Array): Promise<ort.InferenceSession> => {
  try {
    return await ort.InferenceSession.create(model, sessionOptions);
  } catch (error) {
    if (!String(error).includes('External data path')) throw error;
    throw new Error('the graph has weights in another file, which no digest covers: export it as one file', { cause: error });
  }
};

/**
 * Opens a graph from its verified bytes, never from a path, so that what was checked is what runs.
 * One thread a session: on shared cores the runtime's spinning threads make it slower. Its own log is off: what goes wrong
 * is thrown, and logged once, by us.
 *
 * @throws Error the runtime's for bytes that are no graph it can run; ours for a graph with weights outside of these bytes
 */
export const openSession = async (model: Uint8Array): Promise<OnnxSession> => {
  const session = await createSession(model);
  return {
    signature: { inputs: session.inputMetadata.map(graphTensor), outputs: session.outputMetadata.map(graphTensor) },
    run: async (feeds) => {
      const inputs: Record<string, ort.Tensor> = {};
      for (const name in feeds) {
        const feed = feeds[name];
        if (feed !== undefined) inputs[name] = toOrt(feed);
      }
      const results = await session.run(inputs);
      const outputs: Record<string, Tensor> = {};
      for (const name in results) {
        const result = results[name];
        if (result !== undefined) outputs[name] = fromOrt(result);
      }
      return outputs;
    },
    release: () => session.release(),
  };
};
