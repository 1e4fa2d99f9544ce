import { expect, it } from 'vitest';
import { readModelMetadata, readServerMetadata } from '../../src/open-inference/model-metadata.ts';

it('reads null in what another server says of a model as nothing', () => {
  const nothing = { versions: [], platform: '', inputs: [], outputs: [] };
  expect(readModelMetadata({ name: 'm', versions: null, platform: null, inputs: null, outputs: null })).toEqual(nothing);
  expect(readModelMetadata({ name: 'm' })).toEqual(nothing);
});

it('reads null in what another server says of itself as nothing', () => {
  expect(readServerMetadata({ name: 'kserve', version: null, extensions: ['binary_tensor_data'] })).toEqual({
    name: 'kserve',
    version: '',
    extensions: ['binary_tensor_data'],
  });
  expect(readServerMetadata({ name: null, extensions: null })).toEqual({ name: '', version: '', extensions: [] });
});
