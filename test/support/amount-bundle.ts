/** `card-fraud` bundles with small graphs that read nothing but the amount, and golden cases that hold for them. */
import type { Bundle } from '../../src/bundle/read-bundle.ts';
import { type GraphNode, onnxModel } from './onnx-graph.ts';
import { realBundle } from './real-bundles.ts';

/** In place of a probability it answers what the nodes make of `amount` [N, 1]. */
const amountModel = (nodes: readonly GraphNode[]): Uint8Array =>
  onnxModel({
    inputs: [{ name: 'features', shape: ['N', 17] }],
    outputs: [{ name: 'fraud_probability', shape: ['N', 1] }],
    constants: [
      { name: 'column', type: 'int64', shape: [1], values: [0] },
      { name: 'flat', type: 'int64', shape: [1], values: [-1] },
      { name: 'thousand', type: 'float', shape: [1], values: [1_000] },
    ],
    nodes: [{ op: 'Gather', inputs: ['features', 'column'], outputs: ['amount'], attributes: { axis: 1 } }, ...nodes],
  });

/** Each row's share of the largest amount of the run: what a ranker of whole lists does. */
export const shareOfLargest = amountModel([
  { op: 'ReduceMax', inputs: ['amount'], outputs: ['largest'], attributes: { keepdims: 1 } },
  { op: 'Div', inputs: ['amount', 'largest'], outputs: ['fraud_probability'] },
]);
/** Each row's share of the sum over the run. */
export const shareOfSum = amountModel([
  { op: 'ReduceSum', inputs: ['amount'], outputs: ['sum'], attributes: { keepdims: 1 } },
  { op: 'Div', inputs: ['amount', 'sum'], outputs: ['fraud_probability'] },
]);
/** Answers only the largest rows of the run. */
export const onlyLargest = amountModel([
  { op: 'ReduceMax', inputs: ['amount'], outputs: ['largest'], attributes: { keepdims: 1 } },
  { op: 'Equal', inputs: ['amount', 'largest'], outputs: ['is_largest'] },
  { op: 'Reshape', inputs: ['is_largest', 'flat'], outputs: ['kept'] },
  { op: 'Compress', inputs: ['amount', 'kept'], outputs: ['left'], attributes: { axis: 0 } },
  { op: 'Div', inputs: ['left', 'thousand'], outputs: ['fraud_probability'] },
]);
/** The amount in 255 steps of the run's largest: what dynamic quantisation does to each of its tensors. */
export const quantised = amountModel([
  { op: 'DynamicQuantizeLinear', inputs: ['amount'], outputs: ['steps', 'scale', 'zero'] },
  { op: 'DequantizeLinear', inputs: ['steps', 'scale', 'zero'], outputs: ['rounded'] },
  { op: 'Div', inputs: ['rounded', 'thousand'], outputs: ['fraud_probability'] },
]);
export const eachByItself = amountModel([{ op: 'Div', inputs: ['amount', 'thousand'], outputs: ['fraud_probability'] }]);

const threshold = 0.7857;
type Answer = (amounts: readonly number[]) => readonly number[];

interface Options {
  /** Amounts of the rows of each golden request. */
  readonly requests: readonly (readonly number[])[];
  readonly answer: Answer;
  readonly maxBatchRows?: number;
}

/** `card-fraud` with another graph, and golden cases that hold for it. */
export const amountBundle = async (modelBytes: Uint8Array, { requests, answer, maxBatchRows = 256 }: Options): Promise<Bundle> => {
  const bundle = await realBundle('card-fraud', '2.0.0');
  const [first] = bundle.golden;
  const row = first?.golden.request.inputs[0] ?? {};
  return {
    ...bundle,
    modelBytes,
    manifest: { ...bundle.manifest, budgets: { ...bundle.manifest.budgets, maxBatchRows } },
    golden: requests.map((amounts, index) => ({
      file: `0${index + 1}-case.json`,
      golden: {
        request: { inputs: amounts.map((amount) => ({ ...row, amount })) },
        expected: { outputs: answer(amounts).map((value) => ({ fraud_probability: value, flagged: value >= threshold })) },
        tolerance: { absolute: 1e-5 },
        source: 'Arithmetic.',
      },
    })),
  };
};

/** What the graphs answer to the amounts of one request. */
export const ofLargest: Answer = (amounts) => amounts.map((amount) => amount / Math.max(...amounts));
export const ofSum: Answer = (amounts) => amounts.map((amount) => amount / amounts.reduce((sum, each) => sum + each, 0));
export const byItself: Answer = (amounts) => amounts.map((amount) => amount / 1_000);
