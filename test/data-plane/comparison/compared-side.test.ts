import { expect, test } from 'vitest';
import type { ModelContract } from '../../../src/bundle/contract.ts';
import { openSide } from '../../../src/data-plane/comparison/compared-side.ts';
import { fieldWith, tensorOf } from '../../support/contract-fields.ts';
import { onnxModel } from '../../support/onnx-graph.ts';
import { realBundle } from '../../support/real-bundles.ts';

test('a version is compared on what its migrations make of a request', async () => {
  const { contract, manifest, modelBytes: model, labels, golden } = await realBundle('card-fraud', '2.0.0');
  const [first] = golden;
  if (first === undefined) throw new Error('the example has golden cases');
  const { inputs } = first.golden.request;
  const renamed: ModelContract = {
    ...contract,
    inputs: contract.inputs.map((tensor) => ({
      ...tensor,
      fields: tensor.fields.map((field) => (field.name === 'amount' ? { ...field, name: 'amount_eur' } : field)),
    })),
  };
  const version = {
    model,
    image: null,
    labels,
    warmUp: inputs,
    contract: renamed,
    manifest: { ...manifest, migration: [{ field: 'amount_eur', from: 'amount' }] },
  };
  const { result, outputs } = await (await openSide(version, () => performance.now())).run({ rows: inputs, form: 'rows' });
  expect(result).toBe('ok');
  expect(outputs?.[0]?.fraud_probability).toBeCloseTo(Number(first.golden.expected.outputs[0]?.fraud_probability), 5);
});

test('a whole number that JSON does not hold is a breach of what a caller gets as rows, and as tensors an answer', async () => {
  const { contract, manifest, labels, golden } = await realBundle('card-fraud', '2.0.0');
  const model = onnxModel({
    inputs: [{ name: 'features', shape: ['N', 17] }],
    outputs: [{ name: 'y', shape: ['N', 1], type: 'int64' }],
    constants: [
      { name: 'column', type: 'int64', shape: [1], values: [0] },
      { name: 'scale', type: 'int64', shape: [1], values: [2 ** 43] },
    ],
    nodes: [
      { op: 'Gather', inputs: ['features', 'column'], outputs: ['amount'], attributes: { axis: 1 } },
      { op: 'Cast', inputs: ['amount'], outputs: ['whole'], attributes: { to: 7 } },
      { op: 'Mul', inputs: ['whole', 'scale'], outputs: ['y'] },
    ],
  });
  const version = {
    model,
    image: null,
    labels,
    warmUp: [],
    contract: { ...contract, outputs: [tensorOf([fieldWith({ name: 'y', kind: 'integer' })], 'INT64', 'y')], derived: [] },
    manifest: { ...manifest, interface: { ...manifest.interface, outputs: [] } },
  };
  const { run } = await openSide(version, () => performance.now());
  const rowsWith = (amount: number) => golden[0]?.golden.request.inputs.map((row) => ({ ...row, amount })) ?? [];
  expect(await run({ rows: rowsWith(1_023), form: 'rows' })).toMatchObject({ result: 'ok', outputs: [{ y: 1_023 * 2 ** 43 }] });
  expect(await run({ rows: rowsWith(1_024), form: 'rows' })).toMatchObject({ result: 'breach', why: expect.stringContaining(String(2 ** 53)), outputs: null });
  expect(await run({ rows: rowsWith(1_024), form: 'tensors' })).toMatchObject({ result: 'ok', outputs: [{ y: 2 ** 53 }] });
});
