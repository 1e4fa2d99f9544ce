/** What the servers that the gateway is compared with have in common: the baseline's graph, opened as the gateway opens it, and the order of its fields. */
import '../src/data-plane/inference/disable-runtime-telemetry.ts';
import { readFile } from 'node:fs/promises';
import ort from 'onnxruntime-node';
import { parse } from 'yaml';
import { baseline, model } from './requests.ts';

export type Row = Readonly<Record<string, number>>;

/** An answer row as the bundle's contract has it. */
export interface Scored {
  readonly fraud_probability: number;
  readonly flagged: boolean;
}

const folder = new URL(`../models/${model}/${baseline}/`, import.meta.url);
const manifest = parse(await readFile(new URL('handoff.yaml', folder), 'utf8')) as {
  readonly interface: {
    readonly inputs: readonly { readonly steps: readonly { readonly order?: readonly string[] }[] }[];
    readonly outputs: readonly { readonly steps: readonly { readonly threshold?: { readonly at: number } }[] }[];
  };
};
const order = manifest.interface.inputs[0]?.steps.find((step) => step.order !== undefined)?.order ?? [];
const threshold = manifest.interface.outputs[0]?.steps.find((step) => step.threshold !== undefined)?.threshold?.at ?? Number.NaN;
const session = await ort.InferenceSession.create(await readFile(new URL('model.onnx', folder)), {
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  logSeverityLevel: 4,
});

/** One run of the graph for all rows. */
export const score = async (rows: readonly Row[]): Promise<readonly Scored[]> => {
  const data = new Float32Array(rows.length * order.length);
  let index = 0;
  for (const row of rows) {
    for (const name of order) {
      data[index] = row[name] ?? Number.NaN;
      index += 1;
    }
  }
  const results = await session.run({ features: new ort.Tensor('float32', data, [rows.length, order.length]) });
  const probabilities = (results.fraud_probability?.data ?? []) as Float32Array;
  return Array.from(probabilities, (probability) => ({ fraud_probability: probability, flagged: probability >= threshold }));
};
