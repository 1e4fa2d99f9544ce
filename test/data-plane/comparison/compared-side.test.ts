import { expect, test } from 'vitest';
import type { ModelContract } from '../../../src/bundle/contract.ts';
import { openSide } from '../../../src/data-plane/comparison/compared-side.ts';
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
  const { result, outputs } = await (await openSide(version, () => performance.now())).run(inputs);
  expect(result).toBe('ok');
  expect(outputs?.[0]?.fraud_probability).toBeCloseTo(Number(first.golden.expected.outputs[0]?.fraud_probability), 5);
});
