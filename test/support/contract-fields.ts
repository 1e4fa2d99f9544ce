import type { Field, ModelContract, TensorSpec } from '../../src/bundle/contract.ts';
import type { Datatype } from '../../src/bundle/datatype.ts';
import type { InputRules } from '../../src/data-plane/contract/compile-contract.ts';

/** A required number without limits, with changes. */
export const fieldWith = (changes: Partial<Field> = {}): Field => ({
  name: 'amount',
  kind: 'number',
  required: true,
  acceptedUnits: {},
  classification: 'internal',
  ...changes,
});

/** One tensor `features` of the fields, a row a request row. */
export const tensorOf = (fields: readonly Field[], datatype: Datatype = 'FP32', name = 'features'): TensorSpec => ({
  name,
  datatype,
  shape: [-1, fields.length],
  fields,
});

export const contractWith = (changes: Partial<ModelContract> = {}): ModelContract => ({
  id: 'test',
  version: '1.0.0',
  inputs: [tensorOf([fieldWith()])],
  outputs: [tensorOf([fieldWith({ name: 'score' })], 'FP32', 'score')],
  passThrough: [],
  derived: [],
  ...changes,
});

/** What a manifest says of inputs: steps and migrations, none by default. */
export const inputRules = (inputs: InputRules['interface']['inputs'] = [], migration: InputRules['migration'] = []): InputRules => ({
  interface: { inputs },
  migration,
});
