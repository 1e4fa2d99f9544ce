/** Which tensors of a graph the gateway can serve; for the others, how the graph is exported so that it can. */
import type { SignatureTensor } from './check-graph.ts';
import { undraftable } from './draft-contract.ts';

export interface ServeableTensors {
  readonly inputs: readonly SignatureTensor[];
  readonly outputs: readonly SignatureTensor[];
  /** Outputs that are left out, and why. */
  readonly notes: readonly string[];
  /** Why the graph cannot be served; empty when it can. */
  readonly faults: readonly string[];
}

/** As the reader of a signature calls a sequence or a map. */
const isNoTensor = ({ datatype }: SignatureTensor): boolean => datatype === 'not a tensor';

const zipmapAdvice =
  "the runtime gives no sequences and maps: export without ZipMap, with skl2onnx `to_onnx(model, …, options={'zipmap': False})`, with onnxmltools `convert_lightgbm(model, …, zipmap=False)`";

const variableRows =
  'export with a variable number of rows: PyTorch `dynamic_axes={"input": {0: "rows"}}` (or `dynamic_shapes`), skl2onnx `FloatTensorType([None, columns])`, tf2onnx `TensorSpec([None, …])`';
const fixedSizes = 'export with fixed sizes after the rows, and with element types of the Open Inference Protocol';
/** Converters write some outputs with a size that is none: onnxmltools the label of a LightGBM classifier, for one. */
const openRows =
  "if it has a row for each row of the input, say so in the graph: `value.type.tensor_type.shape.dim[0].dim_param = 'N'`, of its value in `model.graph.output`";

const adviceFor = (tensor: SignatureTensor, side: 'input' | 'output'): string => {
  if (tensor.shape[0] === -1) return fixedSizes;
  return side === 'input' ? variableRows : openRows;
};

const faultsOf = (tensor: SignatureTensor, side: 'input' | 'output'): readonly string[] => {
  if (isNoTensor(tensor)) return [`${tensor.name}: got a sequence or a map, expected a tensor: ${zipmapAdvice}`];
  const fault = undraftable(tensor);
  return fault === null ? [] : [`${fault}: ${adviceFor(tensor, side)}`];
};

/** Inputs must all be served; an output that cannot be is left out, unless it keeps the runtime from answering at all. */
export const serveableTensors = ({ inputs, outputs }: Pick<ServeableTensors, 'inputs' | 'outputs'>): ServeableTensors => {
  const ofOutput = (tensor: SignatureTensor) => faultsOf(tensor, 'output');
  const served = outputs.filter((tensor) => ofOutput(tensor).length === 0);
  const refused = outputs.filter((tensor) => !served.includes(tensor));
  const blocking = served.length === 0 ? refused : refused.filter(isNoTensor);
  return {
    inputs,
    outputs: served,
    notes: refused.flatMap(ofOutput).map((fault) => `left out the output ${fault}`),
    faults: [
      ...(inputs.length === 0 ? ['got a graph without inputs, expected one'] : []),
      ...inputs.flatMap((tensor) => faultsOf(tensor, 'input')),
      ...blocking.flatMap(ofOutput),
    ],
  };
};
