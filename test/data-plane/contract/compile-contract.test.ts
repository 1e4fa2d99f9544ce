import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Datatype } from '../../../src/bundle/datatype.ts';
import { readBundle } from '../../../src/bundle/read-bundle.ts';
import { compileContract, type Row } from '../../../src/data-plane/contract/compile-contract.ts';
import { exampleBundles, placeOf } from '../../support/bundle-copy.ts';
import { contractWith, fieldWith, inputRules, tensorOf } from '../../support/contract-fields.ts';

const compiled = async (model: string, version: string) => {
  const { bundle } = await readBundle(placeOf(model, version));
  if (bundle === null) throw new Error('the example is whole');
  return { bundle, contract: compileContract(bundle.contract, bundle.manifest) };
};

describe('an example contract', () => {
  it.each(exampleBundles)('of %s %s holds for every golden row', async (model, version) => {
    const { bundle, contract } = await compiled(model, version);
    for (const { golden } of bundle.golden) for (const row of golden.request.inputs) expect(contract.holds(row)).toBe(true);
  });

  it('encodes timestamps in Brussels time and cents as euros', async () => {
    const { bundle, contract } = await compiled('card-fraud', '2.0.0');
    const rows = bundle.golden.filter(({ file }) => /^0[78]-/.test(file)).flatMap(({ golden }) => golden.request.inputs);
    const features = contract.encode(rows).features;
    expect(features).toMatchObject({ datatype: 'FP32', shape: [2, 17] });
    expect([...(features?.data ?? [])].slice(0, 4)).toEqual([Math.fround(126.13), 0, 1, 1]);
    expect(features?.data[17]).toBe(Math.fround(93.19));
  });

  it('imputes null and a missing field alike', async () => {
    const { bundle, contract } = await compiled('card-fraud', '2.0.0');
    const row = bundle.golden[0]?.golden.request.inputs[0] ?? {};
    const { cust_mean_30d_5m: _, ...without } = row;
    const column = bundle.contract.inputs[0]?.fields.findIndex(({ name }) => name === 'cust_mean_30d_5m') ?? -1;
    const { features } = contract.encode([{ ...row, cust_mean_30d_5m: null }, without]);
    expect([features?.data[column], features?.data[17 + column]]).toEqual([50, 50]);
  });

  it('hands an image on as its base64 text, to be decoded in the worker', async () => {
    const { bundle, contract } = await compiled('photo-classifier', '1.0.0');
    const row = bundle.golden[0]?.golden.request.inputs[0] ?? {};
    expect(contract.encode([row, row]).images).toEqual({ datatype: 'BYTES', shape: [2], data: [row.image, row.image] });
  });

  it('holds pass-through fields to their pattern and keeps them out of the tensor', async () => {
    const { bundle, contract } = await compiled('search-ranker', '1.3.2');
    const row = bundle.golden[0]?.golden.request.inputs[0] ?? {};
    expect([contract.holds(row), contract.holds({ ...row, query_id: 'a b' }), contract.holds({ ...row, query_id: undefined })]).toEqual([true, false, false]);
    expect(contract.encode([row]).features?.shape).toEqual([1, 18]);
    expect(contract.names).toContain('query_id');
  });
});

describe('encode', () => {
  it.each<[Datatype, 'number' | 'integer' | 'boolean', unknown[], unknown[]]>([
    ['FP32', 'number', [0.1, -5], [Math.fround(0.1), -5]],
    ['FP64', 'number', [0.1, 1e300], [0.1, 1e300]],
    ['INT32', 'integer', [2 ** 31 - 1, -0], [2 ** 31 - 1, 0]],
    ['INT64', 'integer', [Number.MAX_SAFE_INTEGER, -1], [BigInt(Number.MAX_SAFE_INTEGER), -1n]],
    ['BOOL', 'boolean', [true, false], [1, 0]],
  ])('writes %s', (datatype, ...[kind, values, expected]) => {
    const contract = compileContract(contractWith({ inputs: [tensorOf([fieldWith({ kind })], datatype)] }), inputRules());
    const { features } = contract.encode(values.map((amount) => ({ amount })));
    expect(features?.shape).toEqual([2, 1]);
    expect([...(features?.data ?? [])]).toEqual(expected);
  });

  it('writes text, and nothing for null', () => {
    const contract = compileContract(contractWith({ inputs: [tensorOf([fieldWith({ kind: 'string', required: false })], 'BYTES')] }), inputRules());
    expect(contract.encode([{ amount: 'é' }, { amount: null }]).features).toEqual({ datatype: 'BYTES', shape: [2, 1], data: ['é', ''] });
  });

  it('writes categories by the order of the manifest', () => {
    const contract = compileContract(
      contractWith({ inputs: [tensorOf([fieldWith({ name: 'channel', kind: 'string', validValues: ['a', 'b'] })])] }),
      inputRules([{ tensor: 'features', steps: [{ order: ['channel'] }, { encode: { channel: ['b', 'a'] } }] }]),
    );
    expect([...(contract.encode([{ channel: 'a' }, { channel: 'b' }]).features?.data ?? [])]).toEqual([1, 0]);
  });

  it.each<[string, unknown]>([
    ['its own name', { embedding: [1, 2, 3] }],
    ['an older name', { vector: [1, 2, 3] }],
    ['an older name, as a view of a tensor', { vector: Float32Array.of(1, 2, 3) }],
    ['both names, of which its own counts', { embedding: [1, 2, 3], vector: [7, 8, 9] }],
  ])('writes the list that was checked: under %s', (_, row) => {
    const embedding = fieldWith({ name: 'embedding', kind: 'array', itemKind: 'number' });
    const contract = compileContract(
      contractWith({ inputs: [{ ...tensorOf([embedding]), shape: [-1, 3] }] }),
      inputRules([], [{ field: 'embedding', from: 'vector' }]),
    );
    expect(contract.holds(row as Row)).toBe(true);
    expect([...(contract.encode([row as Row, { embedding: [4, 5, 6] }]).features?.data ?? [])]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('refuses to write a row without the list', () => {
    const embedding = fieldWith({ name: 'embedding', kind: 'array', itemKind: 'number' });
    const contract = compileContract(contractWith({ inputs: [{ ...tensorOf([embedding]), shape: [-1, 3] }] }), inputRules());
    expect(() => contract.encode([{}])).toThrow(/array field is no list/);
  });

  it('keeps rank 1 when the tensor has it', () => {
    const contract = compileContract(contractWith({ inputs: [{ ...tensorOf([fieldWith()]), shape: [-1] }] }), inputRules());
    expect(contract.encode([{ amount: 1 }, { amount: 2 }]).features?.shape).toEqual([2]);
  });

  it('fills several tensors from one row, each with its own columns', () => {
    const contract = compileContract(
      contractWith({
        inputs: [
          tensorOf([fieldWith({ name: 'a' }), fieldWith({ name: 'b' })], 'FP32', 'x'),
          tensorOf([fieldWith({ name: 'c', kind: 'integer' })], 'INT64', 'y'),
        ],
      }),
      inputRules(),
    );
    const { x, y } = contract.encode([
      { c: 3, a: 1, b: 2 },
      { c: 6, a: 4, b: 5 },
    ]);
    expect([[...(x?.data ?? [])], [...(y?.data ?? [])]]).toEqual([
      [1, 2, 4, 5],
      [3n, 6n],
    ]);
  });

  it.each([
    ['INT64', BigInt64Array.of(2n ** 53n + 1n, -(2n ** 63n), 7n)],
    ['UINT64', BigUint64Array.of(2n ** 53n + 1n, 2n ** 64n - 1n, 7n)],
  ] as const)('keeps every bit of %s', (datatype, ids) => {
    const contract = compileContract(contractWith({ inputs: [tensorOf([fieldWith({ name: 'id', kind: 'integer' })], datatype)] }), inputRules());
    expect(contract.encode([{ id: ids[0] }, { id: ids[1] }, { id: 7 }]).features?.data).toEqual(ids);
  });

  it('gives back every value that holds, in rows and columns, to 32 bits', () => {
    const names = ['a', 'b', 'c'];
    const contract = compileContract(contractWith({ inputs: [tensorOf(names.map((name) => fieldWith({ name })))] }), inputRules());
    const row = fc.record({ a: fc.double(), b: fc.float(), c: fc.integer() });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 20 }), (rows) => {
        const held = rows.filter((one) => contract.holds(one));
        const { features } = contract.encode(held);
        expect(features?.shape).toEqual([held.length, 3]);
        expect([...(features?.data ?? [])]).toEqual(held.flatMap(({ a, b, c }) => [a, b, c].map(Math.fround)));
      }),
      { seed: 1 },
    );
  });

  it('gives a new tensor each time: the caller owns it', () => {
    const contract = compileContract(contractWith(), inputRules());
    const rows = [{ amount: 1 }];
    expect(contract.encode(rows).features?.data).not.toBe(contract.encode(rows).features?.data);
  });
});
