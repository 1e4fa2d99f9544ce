import { describe, expect, it } from 'vitest';
import { checkGraph, type SignatureTensor } from '../../src/bundle/check-graph.ts';
import { readBundle } from '../../src/bundle/read-bundle.ts';
import { placeOf } from '../support/bundle-copy.ts';
import { contractWith, fieldWith, tensorOf } from '../support/contract-fields.ts';

const file = 'model.onnx';
const features: SignatureTensor = { name: 'features', datatype: 'FP32', shape: [-1, 1] };
const score: SignatureTensor = { name: 'score', datatype: 'FP32', shape: [-1, 1] };

describe('checkGraph', () => {
  it('holds for the graph that the contract describes', () => {
    expect(checkGraph(contractWith(), { inputs: [features], outputs: [score] })).toEqual([]);
  });

  it('passes over an output that the contract leaves out, since nobody reads it', () => {
    expect(checkGraph(contractWith(), { inputs: [features], outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }, score] })).toEqual([]);
  });

  it.each<[string, SignatureTensor[], SignatureTensor[], string, string, string]>([
    ['another input', [{ ...features, name: 'x' }], [score], 'inputs.features', 'x', 'features, as in the contract'],
    ['another output', [features], [{ ...score, name: 'y' }], 'outputs.score', 'y', 'score, as in the contract'],
    ['another input type', [{ ...features, datatype: 'FP64' }], [score], 'inputs.features.datatype', 'FP64', 'FP32, as in the contract'],
    ['another output type', [features], [{ ...score, datatype: 'INT64' }], 'outputs.score.datatype', 'INT64', 'FP32, as in the contract'],
    ['another width', [{ ...features, shape: [-1, 17] }], [score], 'inputs.features.shape', '[-1, 17]', '[-1, 1], as in the contract'],
    ['another rank', [features], [{ ...score, shape: [-1] }], 'outputs.score.shape', '[-1]', '[-1, 1], as in the contract'],
    ['a fixed batch', [{ ...features, shape: [1, 1] }], [score], 'inputs.features.shape', '[1, 1]', '[-1, 1], as in the contract'],
    [
      'an input that nobody feeds',
      [features, { name: 'mask', datatype: 'BOOL', shape: [-1] }],
      [score],
      'inputs.mask',
      'an input that the contract does not declare',
      'a tensor in the contract',
    ],
  ])('finds %s', (_, ...[inputs, outputs, field, got, expected]) => {
    expect(checkGraph(contractWith(), { inputs, outputs })).toContainEqual({ file, field, got, expected });
  });

  it('finds everything at once', () => {
    const faults = checkGraph(contractWith(), { inputs: [{ name: 'features', datatype: 'INT64', shape: [-1, 3] }, score], outputs: [] });
    expect(faults.map(({ field }) => field)).toEqual(['inputs.features.datatype', 'inputs.features.shape', 'inputs.score', 'outputs.score']);
  });

  it('wants rows in the first dimension, even if contract and graph agree on another', () => {
    const contract = contractWith({ inputs: [{ ...tensorOf([fieldWith()]), shape: [1, 1] }] });
    expect(checkGraph(contract, { inputs: [{ ...features, shape: [1, 1] }], outputs: [score] })).toEqual([
      { file, field: 'inputs.features.shape[0]', got: '1', expected: '-1: the first dimension is the row' },
    ]);
  });

  it('finds that two versions of a model have swapped graphs', async () => {
    const [{ bundle: old }, { bundle: young }] = await Promise.all([
      readBundle(placeOf('card-fraud', '1.4.0')),
      readBundle(placeOf('photo-classifier', '1.0.0')),
    ]);
    const signature = { inputs: young?.contract.inputs ?? [], outputs: young?.contract.outputs ?? [] };
    expect(old === null ? [] : checkGraph(old.contract, signature).map(({ field }) => field)).toEqual([
      'inputs.features',
      'inputs.images',
      'outputs.fraud_probability',
    ]);
  });
});
