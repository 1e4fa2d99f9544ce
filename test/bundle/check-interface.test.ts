import { describe, expect, it } from 'vitest';
import { checkInterface } from '../../src/bundle/check-interface.ts';
import type { Field, ModelContract } from '../../src/bundle/contract.ts';
import type { Manifest } from '../../src/bundle/manifest.ts';
import { readBundle } from '../../src/bundle/read-bundle.ts';
import { exampleBundles, placeOf } from '../support/bundle-copy.ts';
import { contractWith, fieldWith, tensorOf } from '../support/contract-fields.ts';

const bundleOf = async (model: string, version: string) => {
  const { bundle } = await readBundle(placeOf(model, version));
  if (bundle === null) throw new Error('the example is whole');
  return bundle;
};

/** A manifest of card-fraud with another interface. */
const manifestWith = async (changes: Partial<Manifest['interface']>): Promise<Manifest> => {
  const { manifest } = await bundleOf('card-fraud', '2.0.0');
  const outputs = [{ tensor: 'score', steps: [] }];
  return { ...manifest, interface: { inputs: [{ tensor: 'features', steps: [{ order: ['amount'] }] }], outputs, passThrough: [], ...changes } };
};

const image: Field = fieldWith({ name: 'image', kind: 'image' });
const imageContract = (fields: readonly Field[] = [image]): ModelContract =>
  contractWith({ inputs: [{ name: 'features', datatype: 'FP32', shape: [-1, 3, 224, 224], fields }] });
const decode = { decode: { field: 'image', formats: ['jpeg' as const], maxPixels: 100 } };
const crop = { crop: { size: 224, padding: 32 } };
const resize = { resize: { size: 224, kernel: 'cubic' as const } };
const normalise = { normalise: { mean: 0, scale: 1 } };
const imageInput = (steps: Manifest['interface']['inputs'][number]['steps']): Partial<Manifest['interface']> => ({ inputs: [{ tensor: 'features', steps }] });

const text = fieldWith({ name: 'kind', kind: 'string', validValues: ['a', 'b'] });
const textContract = contractWith({ inputs: [tensorOf([text])] });
const derived = (...names: string[]) => contractWith({ derived: names.map((name) => fieldWith({ name, kind: 'boolean' })) });
const output = (...steps: Manifest['interface']['outputs'][number]['steps']) => ({ outputs: [{ tensor: 'score', steps }] });

describe('checkInterface', () => {
  it.each(exampleBundles)('holds for %s %s', async (model, version) => {
    const { manifest, contract } = await bundleOf(model, version);
    expect(checkInterface(manifest, contract)).toEqual([]);
  });

  it.each<[string, Partial<Manifest['interface']>, ModelContract]>([
    ['categories in another order than the domain', imageInput([{ order: ['kind'] }, { encode: { kind: ['b', 'a'] } }]), textContract],
    [
      'nulls that are imputed',
      imageInput([{ order: ['amount'] }, { impute: 'contract' }]),
      contractWith({ inputs: [tensorOf([fieldWith({ required: false, imputeValue: 0 })])] }),
    ],
    ['all four image steps', imageInput([decode, crop, resize, normalise]), imageContract()],
    ['pass-through fields in another order', { passThrough: ['b', 'a'] }, contractWith({ passThrough: [fieldWith({ name: 'a' }), fieldWith({ name: 'b' })] })],
    ['a flag by threshold', output({ threshold: { at: 0.5, output: 'flagged' } }), derived('flagged')],
  ])('holds for %s', async (_, changes, contract) => {
    expect(checkInterface(await manifestWith(changes), contract)).toEqual([]);
  });

  it.each<[string, Partial<Manifest['interface']>, ModelContract, string, string, string]>([
    [
      'an input of another name',
      { inputs: [{ tensor: 'x', steps: [{ order: ['amount'] }] }] },
      contractWith(),
      'interface.inputs',
      'x',
      "features, the contract's tensors",
    ],
    ['an output of another name', { outputs: [{ tensor: 'y', steps: [] }] }, contractWith(), 'interface.outputs', 'y', "score, the contract's tensors"],
    [
      'an input that stands twice',
      { inputs: ['features', 'features'].map((tensor) => ({ tensor, steps: [{ order: ['amount'] }] })) },
      contractWith(),
      'interface.inputs',
      'features, features',
      "features, the contract's tensors",
    ],
    [
      'columns in another order',
      imageInput([{ order: ['b', 'a'] }]),
      contractWith({ inputs: [tensorOf([fieldWith({ name: 'a' }), fieldWith({ name: 'b' })])] }),
      'interface.inputs.features.order',
      'b, a',
      "a, b, the contract's order",
    ],
    [
      'fewer fields than columns',
      {},
      contractWith({ inputs: [{ ...tensorOf([fieldWith()]), shape: [-1, 2] }] }),
      'interface.inputs.features.order',
      '1 fields',
      "2, the tensor's width",
    ],
    [
      'nulls that nobody imputes',
      {},
      contractWith({ inputs: [tensorOf([fieldWith({ required: false, imputeValue: 0 })])] }),
      'interface.inputs.features.impute',
      'no such step',
      'impute: contract, for amount',
    ],
    [
      'imputation without nulls',
      imageInput([{ order: ['amount'] }, { impute: 'contract' }]),
      contractWith(),
      'interface.inputs.features.impute',
      'contract',
      'no such step: no field may be null',
    ],
    [
      'text in a numeric tensor',
      imageInput([{ order: ['kind'] }]),
      textContract,
      'interface.inputs.features.encode.kind',
      'nothing',
      'a list of categories: text cannot enter a numeric tensor',
    ],
    [
      'categories that are not the domain',
      imageInput([{ order: ['kind'] }, { encode: { kind: ['a', 'c'] } }]),
      textContract,
      'interface.inputs.features.encode.kind',
      'a, c',
      "a, b, the contract's validValues",
    ],
    [
      'an encoding of a number',
      imageInput([{ order: ['amount'] }, { encode: { amount: ['1'] } }]),
      contractWith(),
      'interface.inputs.features.encode.amount',
      'an encoding',
      'a text field of that name in the contract',
    ],
    [
      'image steps in another order',
      imageInput([decode, resize, crop, normalise]),
      imageContract(),
      'interface.inputs.features',
      'decode, resize, crop, normalise',
      'decode, crop, resize, normalise for an image field',
    ],
    [
      'a missing image step',
      imageInput([decode, crop, resize]),
      imageContract(),
      'interface.inputs.features',
      'decode, crop, resize',
      'decode, crop, resize, normalise for an image field',
    ],
    [
      'another image field',
      imageInput([{ decode: { ...decode.decode, field: 'photo' } }, crop, resize, normalise]),
      imageContract(),
      'interface.inputs.features.decode.field',
      'photo',
      'image',
    ],
    [
      'another size than the tensor',
      imageInput([decode, crop, { resize: { size: 256, kernel: 'cubic' } }, normalise]),
      imageContract(),
      'interface.inputs.features.resize.size',
      '256',
      "the tensor's 224 x 224",
    ],
    [
      'an image beside other fields',
      imageInput([decode, crop, resize, normalise]),
      imageContract([image, fieldWith()]),
      'interface.inputs.features',
      '2 fields in the contract',
      '1 field, the image',
    ],
    ['a pass-through field that the contract has not', { passThrough: ['id'] }, contractWith(), 'interface.passThrough', 'id', 'none, as in the contract'],
    [
      'an output with more values than fields',
      {},
      contractWith({ outputs: [{ ...tensorOf([fieldWith({ name: 'score' })], 'FP32', 'score'), shape: [-1, 2] }] }),
      'interface.outputs.score',
      '1 fields in the contract',
      "2, the tensor's width",
    ],
    [
      'a threshold on several values',
      output({ threshold: { at: 0.5, output: 'flagged' } }),
      { ...derived('flagged'), outputs: [tensorOf([fieldWith({ name: 'a' }), fieldWith({ name: 'b' })], 'FP32', 'score')] },
      'interface.outputs.score.threshold',
      'a tensor of width 2',
      'width 1',
    ],
    [
      'more classes than values',
      output({ topK: { k: 3, labels: 'l.json', output: 'top' } }),
      derived('top'),
      'interface.outputs.score.topK.k',
      '3',
      'at most 1',
    ],
    [
      'a derived field that the contract has not',
      output({ threshold: { at: 0.5, output: 'flagged' } }),
      contractWith(),
      'interface.outputs',
      'flagged',
      "none, the contract's derived fields",
    ],
    ['a derived field that nobody makes', {}, derived('flagged'), 'interface.outputs', 'no derived field', "flagged, the contract's derived fields"],
    [
      'an abstention without a limit',
      output({ abstain: { output: 'unsure' } }),
      derived('unsure'),
      'interface.outputs.score.abstain',
      'no limit',
      'below or brightnessBelow',
    ],
    [
      'a brightness without an image',
      output({ abstain: { brightnessBelow: 12, output: 'unsure' } }),
      derived('unsure'),
      'interface.outputs.score.abstain.brightnessBelow',
      '12',
      'no such limit: no input is an image',
    ],
  ])('finds %s', async (_, ...[changes, contract, field, got, expected]) => {
    expect(checkInterface(await manifestWith(changes), contract)).toEqual([{ file: 'handoff.yaml', field, got, expected }]);
  });

  const lists = tensorOf([fieldWith({ name: 'embedding', kind: 'array', itemKind: 'number' })]);
  it.each([
    { title: 'of a field that there is not', entry: { field: 'sum', from: 'total' }, field: 'migration.0.field', got: 'sum', inputs: undefined },
    { title: 'from a field of this version', entry: { field: 'amount', from: 'amount' }, field: 'migration.0.from', got: 'amount', inputs: undefined },
    {
      title: 'with a factor for lists',
      entry: { field: 'embedding', from: 'vector', factor: 100 },
      field: 'migration.0.factor',
      got: '100 for a field of kind array',
      inputs: [lists],
    },
  ])('finds a migration $title', async ({ entry, field, got, inputs }) => {
    const manifest = { ...(await manifestWith({})), migration: [entry] };
    const contract = contractWith(inputs === undefined ? {} : { inputs });
    expect(checkInterface(manifest, contract).filter((fault) => fault.field.startsWith('migration'))).toMatchObject([{ field, got }]);
  });

  it('finds everything at once', async () => {
    const manifest = await manifestWith({
      ...output({ threshold: { at: 0.5, output: 'flagged' } }),
      passThrough: ['id'],
      inputs: [{ tensor: 'features', steps: [{ order: ['sum'] }, { impute: 'contract' }] }],
    });
    expect(checkInterface(manifest, contractWith()).map(({ field }) => field)).toEqual([
      'interface.inputs.features.order',
      'interface.inputs.features.impute',
      'interface.passThrough',
      'interface.outputs',
    ]);
  });
});
