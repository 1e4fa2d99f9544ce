import { describe, expect, it } from 'vitest';
import type { Field } from '../../src/bundle/contract.ts';
import type { Datatype } from '../../src/bundle/datatype.ts';
import type { Manifest, Migration } from '../../src/bundle/manifest.ts';
import { type ContractPair, checkInputs } from '../../src/data-plane/contract/check-inputs.ts';
import { type CompiledContract, compileContract } from '../../src/data-plane/contract/compile-contract.ts';
import { compileOutputs } from '../../src/data-plane/guards/compile-outputs.ts';
import { answerTensors } from '../../src/open-inference/answer-tensors.ts';
import type { WireTensor } from '../../src/open-inference/read-tensors.ts';
import { tensorRows } from '../../src/open-inference/tensor-rows.ts';
import { writeTensors } from '../../src/open-inference/write-tensors.ts';
import { ProblemError } from '../../src/problem.ts';
import { contractWith, fieldWith, inputRules, tensorOf } from '../support/contract-fields.ts';

const compiled = (fields: readonly Field[], { datatype = 'FP32', migration = [] }: { readonly datatype?: Datatype; readonly migration?: Migration[] } = {}) =>
  compileContract(contractWith({ inputs: [tensorOf(fields, datatype)] }), inputRules([], migration));

const alone = (baseline: CompiledContract): ContractPair => ({ baseline, candidate: null, known: baseline.names });

/** One value a row. */
const input = (name: string, datatype: Datatype, data: WireTensor['data']): WireTensor => ({ name, datatype, shape: [data.length, 1], data });

/** The rows, and what the gateway makes of them: the baseline's tensors, or the problem as the client sees it. */
const outcomeOf = (inputs: readonly WireTensor[], pair: ContractPair) => {
  const source = tensorRows(inputs);
  const rows = source.read(pair);
  const check = checkInputs(rows, pair);
  if (check.ok) return { rows, eligible: check.eligible, features: [...(pair.baseline.encode(check.rows).features?.data ?? [])] };
  return { rows, problem: source.locate(new ProblemError('contract-violation', 'Broken.', { errors: check.violations })) };
};

describe('an input under an older name', () => {
  const cents = fieldWith({ name: 'amount_cent', kind: 'integer', minimum: 0, maximum: 50_000, unit: 'cent' });
  const isNight = fieldWith({ name: 'is_night', kind: 'boolean' });
  const migration = [
    { field: 'amount_cent', from: 'amount', factor: 100 },
    { field: 'is_night', from: 'night' },
  ];
  const newer = compiled([cents, isNight], { migration });
  const older = compiled([fieldWith({ kind: 'integer', minimum: 0, maximum: 500 }), fieldWith({ name: 'night', kind: 'boolean' })]);
  const night = input('night', 'BOOL', Uint8Array.of(1));

  it.each<[string, WireTensor, unknown, number]>([
    ['INT64', input('amount', 'INT64', BigInt64Array.of(42n)), 42, 4_200],
    ['FP64', input('amount', 'FP64', Float64Array.of(0.07)), 0.07, 7],
    ['FP32, which stands for the decimal that is rounded to it', input('amount', 'FP32', Float32Array.of(0.1)), 0.1, 10],
  ])('is read as %s and converted', (...[, amount, value, cent]) => {
    expect(outcomeOf([amount, night], alone(newer))).toMatchObject({ rows: [{ amount: value, night: true }], features: [cent, 1] });
  });

  it('says the same as the newer names, and as the row of /infer', () => {
    const newerNames = [input('amount_cent', 'INT64', BigInt64Array.of(4_200n)), input('is_night', 'BOOL', Uint8Array.of(1))];
    expect(outcomeOf(newerNames, alone(newer))).toMatchObject({ features: [4_200, 1] });
    expect(newer.holds({ amount: 42, night: true })).toBe(true);
  });

  it('is read as the baseline reads it, if that has a field of the name', () => {
    const pair = { baseline: older, candidate: newer, known: new Set([...older.names, ...newer.names]) };
    expect(outcomeOf([input('amount', 'INT64', BigInt64Array.of(42n)), night], pair)).toMatchObject({ eligible: true, features: [42, 1] });
  });

  it('is read as the candidate reads it, if the baseline knows nothing of it', () => {
    const baseline = compiled([fieldWith({ name: 'speed' })]);
    const pair = { baseline, candidate: newer, known: new Set([...baseline.names, ...newer.names]) };
    const speed = input('speed', 'FP32', Float32Array.of(3));
    expect(outcomeOf([speed, input('amount', 'INT64', BigInt64Array.of(42n)), night], pair)).toMatchObject({
      rows: [{ speed: 3, amount: 42, night: true }],
      eligible: true,
    });
  });

  it('is the place of what is wrong with it', () => {
    const { problem } = outcomeOf([input('night', 'BOOL', Uint8Array.of(1, 0)), input('amount', 'INT64', BigInt64Array.of(42n, 501n))], alone(newer));
    expect(problem?.errors).toMatchObject([{ pointer: '#/inputs/1/data/1', detail: 'amount_cent breaks the contract', got: '50100' }]);
  });

  it('names its column: only a tensor of which nothing is named is missing', () => {
    const { problem } = outcomeOf([night], alone(newer));
    expect(problem?.errors).toMatchObject([{ pointer: '#/inputs/0/amount_cent', detail: 'is missing' }]);
    const other = { ...alone(newer), known: new Set([...newer.names, 'speed']) };
    expect(() => tensorRows([input('speed', 'FP32', Float32Array.of(1))]).read(other)).toThrow(/got no input features/);
  });

  it('fills every field that has it for its older name', () => {
    const [day, week] = ['count_day', 'count_week'].map((name) => fieldWith({ name, kind: 'integer', maximum: 9 }));
    const both = compiled(
      [day, week].flatMap((field) => field ?? []),
      {
        migration: [
          { field: 'count_day', from: 'count' },
          { field: 'count_week', from: 'count', factor: 7 },
        ],
      },
    );
    expect(outcomeOf([input('count', 'INT32', Int32Array.of(1))], alone(both))).toMatchObject({ features: [1, 7] });
    expect(outcomeOf([input('count', 'INT32', Int32Array.of(1, 2))], alone(both)).problem?.errors).toMatchObject([
      { pointer: '#/inputs/0/data/1', detail: 'count_week breaks the contract' },
    ]);
  });

  it('holds a value against the imputed one in its own unit', () => {
    const nullable = { ...cents, minimum: 100, required: false, imputeValue: 50 };
    const contract = compiled([nullable], { migration: [{ field: 'amount_cent', from: 'amount', factor: 100 }] });
    expect(outcomeOf([input('amount', 'FP32', Float32Array.of(50, 0.5, Number.NaN))], alone(contract))).toMatchObject({
      rows: [{ amount: 50 }, { amount: null }, { amount: null }],
      features: [5_000, 50, 50],
    });
  });

  it('may be a whole row of a tensor', () => {
    const embedding = fieldWith({ name: 'embedding', kind: 'array', itemKind: 'number' });
    const contract = compileContract(
      contractWith({ inputs: [{ ...tensorOf([embedding]), shape: [-1, 3] }] }),
      inputRules([], [{ field: 'embedding', from: 'vector' }]),
    );
    const outcome = (shape: readonly number[]) =>
      outcomeOf([{ name: 'vector', datatype: 'FP32', shape, data: Float32Array.of(1, 2, 3, 4, 5, 6) }], alone(contract));
    expect(outcome([2, 3])).toMatchObject({ features: [1, 2, 3, 4, 5, 6] });
    const expected = 'a flat list of 3, each a finite number that fits the tensor';
    expect(outcome([1, 6]).problem?.errors).toMatchObject([{ pointer: '#/inputs/0/data/0', got: 'a list of 6', expected }]);
  });

  it('may be an image', () => {
    const contract = compileContract(
      contractWith({ inputs: [{ ...tensorOf([fieldWith({ name: 'photo', kind: 'image' })], 'FP32', 'images'), shape: [-1, 3, 8, 8] }] }),
      inputRules([], [{ field: 'photo', from: 'image' }]),
    );
    expect(outcomeOf([input('image', 'BYTES', ['aGVsbG8='])], alone(contract)).rows).toEqual([{ image: 'aGVsbG8=' }]);
    expect(contract.encode([{ image: 'aGVsbG8=' }]).images?.data).toEqual(['aGVsbG8=']);
  });
});

describe('the texts of an input', () => {
  const tags = fieldWith({ name: 'tags', kind: 'array', itemKind: 'string' });
  const lists = compileContract(contractWith({ inputs: [{ ...tensorOf([tags], 'BYTES'), shape: [-1, 3] }] }), inputRules());
  const scalar = compiled([fieldWith()]);
  const image = compileContract(
    contractWith({ inputs: [{ ...tensorOf([fieldWith({ name: 'photo', kind: 'image' })], 'FP32', 'images'), shape: [-1, 3, 8, 8] }] }),
    inputRules(),
  );
  const unread = (name: string, shape: readonly number[]): WireTensor => ({
    name,
    datatype: 'BYTES',
    shape,
    get data(): readonly Uint8Array[] {
      throw new Error('the texts were made');
    },
  });
  const broken = (got: string, expected: string) =>
    expect.objectContaining({ type: 'contract-violation', errors: [expect.objectContaining({ got, expected })] });

  it.each<[string, CompiledContract, WireTensor, string, string]>([
    ['a tensor of the graph', lists, unread('features', [1, 4_000_000]), '[1, 4000000]', '[-1, 3], -1 being the rows'],
    ['a list of the graph', lists, unread('tags', [1, 4_000_000]), '[1, 4000000]', '[-1, 3]: tags is a list of that many texts a row'],
    ['one value a row', scalar, unread('amount', [1, 4_000_000]), '[1, 4000000]', '[-1] or [-1, 1]: amount is one value a row'],
    ['an image', image, unread('images', [1, 4_000_000]), '[1, 4000000]', '[-1] or [-1, 1]: one image a row'],
    ['nothing that the model has', scalar, unread('other', [1, 4_000_000]), '"other"', 'an input of the model: features, amount'],
  ])('are not made where the model takes %s and not so many', (_, contract, ...[sent, got, expected]) => {
    expect(() => tensorRows([sent]).read(alone(contract))).toThrow(broken(got, expected));
  });

  it('are not made for their rows to be counted', () => {
    expect(tensorRows([unread('tags', [4_000_000, 3])])).toMatchObject({ length: 4_000_000 });
  });

  it('are made where they are what the model takes', () => {
    const data = ['a', 'b', 'c', 'd', 'e', 'f'].map((text) => Buffer.from(text));
    for (const name of ['features', 'tags'])
      expect(tensorRows([{ name, datatype: 'BYTES', shape: [2, 3], data }]).read(alone(lists))).toEqual([{ tags: ['a', 'b', 'c'] }, { tags: ['d', 'e', 'f'] }]);
  });
});

describe('an input of no field of the versions in force', () => {
  it('is taken as it is, if some loaded version declares it', () => {
    const baseline = compiled([fieldWith()]);
    const inputs = [input('amount', 'FP32', Float32Array.of(1)), input('speed', 'INT64', BigInt64Array.of(3n))];
    expect(outcomeOf(inputs, { ...alone(baseline), known: new Set(['amount', 'speed']) })).toMatchObject({ rows: [{ amount: 1, speed: 3n }], features: [1] });
    expect(() => tensorRows(inputs).read(alone(baseline))).toThrow(/got "speed", expected an input of the model: features, amount/);
  });
});

describe('a nullable field of a numeric tensor', () => {
  it.each<[Field['kind'], number, number, unknown]>([
    ['boolean', 1, -1, true],
    ['number', 2, -1, 2],
    ['integer', 2, -1, 2],
  ])('of kind %s is null for NaN and for the imputed value', (kind, ...[value, imputeValue, read]) => {
    const contract = compiled([fieldWith({ kind, minimum: 0, required: false, imputeValue })]);
    expect(outcomeOf([input('features', 'FP32', Float32Array.of(value, Number.NaN, imputeValue))], alone(contract))).toMatchObject({
      rows: [{ amount: read }, { amount: null }, { amount: null }],
      features: [value, imputeValue, imputeValue],
    });
  });

  it('stays what it is when the imputed value is one of its own', () => {
    const contract = compiled([fieldWith({ kind: 'boolean', required: false, imputeValue: 0 })]);
    expect(outcomeOf([input('features', 'FP32', Float32Array.of(0, 1))], alone(contract))).toMatchObject({ rows: [{ amount: false }, { amount: true }] });
  });

  it.each(['boolean', 'number'] as const)('of kind %s takes no NaN when it is required', (kind) => {
    const { problem } = outcomeOf([input('features', 'FP32', Float32Array.of(Number.NaN))], alone(compiled([fieldWith({ kind })])));
    expect(problem?.errors).toMatchObject([{ pointer: '#/inputs/0/data/0', got: 'NaN' }]);
  });
});

describe('a whole number of 64 bits', () => {
  const beyond = BigInt64Array.of(2n ** 53n + 1n);
  const id = fieldWith({ name: 'id', kind: 'integer' });

  it.each(['features', 'id'])('is exact in the tensor of the input %s', (name) => {
    expect(outcomeOf([input(name, 'INT64', beyond)], alone(compiled([id], { datatype: 'INT64' })))).toMatchObject({ features: [...beyond] });
  });

  it('is refused where it does not fit', () => {
    const { problem } = outcomeOf(
      [input('features', 'UINT64', BigUint64Array.of(2n ** 64n - 1n))],
      alone(compiled([{ ...id, maximum: 2 ** 63 }], { datatype: 'UINT64' })),
    );
    expect(problem?.errors).toMatchObject([{ got: '18446744073709551615' }]);
  });

  it('is exact in a list', () => {
    const ids = fieldWith({ name: 'ids', kind: 'array', itemKind: 'integer' });
    const lists = compileContract(contractWith({ inputs: [{ ...tensorOf([ids], 'INT64'), shape: [-1, 2] }] }), inputRules());
    const data = BigInt64Array.of(2n ** 53n + 1n, -(2n ** 63n));
    expect(outcomeOf([{ name: 'features', datatype: 'INT64', shape: [1, 2], data }], alone(lists))).toMatchObject({ features: [...data] });
  });
});

describe('a pass-through field', () => {
  const kinds = [
    ['integer', 'INT64', BigInt64Array.of(5n), 5],
    ['number', 'FP64', Float64Array.of(5.5), 5.5],
    ['boolean', 'BOOL', Uint8Array.of(1), true],
    ['string', 'BYTES', ['five'], 'five'],
  ] as const;
  const features = input('features', 'FP32', Float32Array.of(1));
  const withId = (changes: Partial<Field>) => {
    const contract = contractWith({ passThrough: [fieldWith({ name: 'id', ...changes })] });
    const manifest = { migration: [], interface: { inputs: [], outputs: [], passThrough: ['id'] } } as unknown as Manifest;
    return { contract, checked: compileContract(contract, manifest), guard: compileOutputs(contract, manifest, new Map()) };
  };
  const scores = { score: { datatype: 'FP32', shape: [1, 1], data: Float32Array.of(0.5) } } as const;

  it.each(kinds)('of kind %s comes back as it was sent, by /infer and as %s by /v2', (kind, datatype, ...[data, value]) => {
    const { contract, checked, guard } = withId({ kind });
    const { rows } = outcomeOf([features, input('id', datatype, data)], alone(checked));
    expect(checkInputs([{ amount: 1, id: value }], alone(checked)).ok).toBe(true);
    expect(rows).toEqual([{ amount: 1, id: value }]);
    const guarded = guard({ rows, outputs: scores, luma: null });
    expect(guarded).toEqual({ ok: true, rows: [{ id: value, score: 0.5 }], abstained: 0 });
    const answer = answerTensors({ contract, tensors: scores, outputs: [{ id: value }] }, { outputs: [{ name: 'id', binary: false }], binaryOutput: false });
    expect(JSON.parse(writeTensors(answer).json)).toEqual([{ name: 'id', datatype, shape: [1], data: [value] }]);
  });

  it.each(kinds.slice(0, 2))('of kind %s may be text no more than any other number', (kind) => {
    const { problem } = outcomeOf([features, input('id', 'BYTES', ['5'])], alone(withId({ kind }).checked));
    expect(problem?.errors).toMatchObject([{ pointer: '#/inputs/1/data/0', got: 'text "5"' }]);
  });

  it('comes back with all of its 64 bits', () => {
    const { contract, checked, guard } = withId({ kind: 'integer' });
    const ids = BigInt64Array.of(-(2n ** 63n));
    const { rows } = outcomeOf([features, input('id', 'INT64', ids)], alone(checked));
    expect(guard({ rows, outputs: scores, luma: null })).toMatchObject({ ok: true, rows: [{ id: ids[0] }] });
    const answer = answerTensors({ contract, tensors: scores, outputs: [{ id: ids[0] }] }, { outputs: [{ name: 'id', binary: false }], binaryOutput: false });
    expect(writeTensors(answer).json).toContain('"data":[-9223372036854775808]');
  });

  it('is nothing for NaN if it may be absent', () => {
    const { checked } = withId({ required: false });
    expect(outcomeOf([features, input('id', 'FP64', Float64Array.of(Number.NaN))], alone(checked)).rows).toEqual([{ amount: 1, id: null }]);
  });
});
