import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../../src/bundle/contract.ts';
import type { Datatype } from '../../../src/bundle/datatype.ts';
import type { Manifest, OutputStep } from '../../../src/bundle/manifest.ts';
import { readBundle } from '../../../src/bundle/read-bundle.ts';
import type { Tensor, TensorData } from '../../../src/data-plane/contract/tensor.ts';
import { compileOutputs, type GuardInput, type GuardOutputs } from '../../../src/data-plane/guards/compile-outputs.ts';
import { placeOf } from '../../support/bundle-copy.ts';
import { contractWith, fieldWith, tensorOf } from '../../support/contract-fields.ts';

const probability = fieldWith({ name: 'score', minimum: 0, maximum: 1 });

interface Setting {
  readonly fields?: readonly Field[];
  readonly datatype?: Datatype;
  readonly shape?: readonly number[];
  readonly steps?: readonly OutputStep[];
  readonly passThrough?: readonly string[];
}

const guardOf = ({ fields = [probability], datatype = 'FP32', shape, steps = [], passThrough = [] }: Setting): GuardOutputs => {
  const spec = { ...tensorOf(fields, datatype, 'score'), ...(shape === undefined ? {} : { shape }) };
  const manifest = { interface: { inputs: [], outputs: [{ tensor: 'score', steps: [...steps] }], passThrough: [...passThrough] } } as unknown as Manifest;
  return compileOutputs(contractWith({ outputs: [spec] }), manifest, new Map([['labels.json', ['cat', 'dog', 'owl', 'fox']]]));
};

const sumOf = (values: unknown): number => (Array.isArray(values) ? values.reduce<number>((sum, value) => sum + Number(value), 0) : Number.NaN);

const rowsOf = (count: number) => Array.from({ length: count }, () => ({}));

/** The guard's answer to the values of one output, `width` a row. */
const guarded = (
  setting: Setting,
  values: readonly number[],
  { width = 1, luma = null }: { readonly width?: number; readonly luma?: Float32Array | null } = {},
) => {
  const rows = values.length / width;
  const data = setting.datatype === 'FP64' ? Float64Array.from(values) : Float32Array.from(values);
  const input: GuardInput = { rows: rowsOf(rows), outputs: { score: { datatype: setting.datatype ?? 'FP32', shape: [rows, width], data } }, luma };
  return guardOf(setting)(input);
};

const rowsAfter = (...call: Parameters<typeof guarded>) => {
  const result = guarded(...call);
  return result.ok ? result.rows : result.breach;
};

describe('finite and in range', () => {
  it.each([
    ['NaN', [0.1, Number.NaN], 'output score: got NaN, expected a finite number'],
    ['Infinity', [Number.POSITIVE_INFINITY], 'output score: got Infinity, expected a finite number'],
    ['-Infinity', [Number.NEGATIVE_INFINITY], 'output score: got -Infinity, expected a finite number'],
    ['a value above the range', [0.5, 1.5], 'output score: got 1.5, expected at most 1'],
    ['a value below the range', [-0.5], 'output score: got -0.5, expected at least 0'],
  ])('rejects the whole answer for %s', (_, values, breach) => {
    expect(guarded({}, values)).toEqual({ ok: false, breach });
  });

  it.each([
    ['exclusiveMinimum', 0, 'above 0'],
    ['exclusiveMaximum', 1, 'below 1'],
  ])('rejects a value on %s', (limit, value, expected) => {
    const field = fieldWith({ name: 'score', [limit]: value });
    expect(guarded({ fields: [field] }, [value])).toEqual({ ok: false, breach: `output score: got ${value}, expected ${expected}` });
    expect(guarded({ fields: [field] }, [0.5]).ok).toBe(true);
  });

  it.each<[string, Partial<Field>, number]>([
    ['the maximum', { maximum: 0.99 }, 0.99],
    ['the minimum', { minimum: 0.01 }, 0.01],
    ['a maximum of more digits than a float has', { maximum: 0.99999999 }, 0.99999999],
    ['a value of the domain', { validValues: [0.1, 0.3] }, 0.1],
    ['a step', { multipleOf: 0.1 }, 0.7],
  ])('takes what a float makes of a limit for the limit: %s', (_, limit, value) => {
    const fields = [fieldWith({ name: 'score', ...limit })];
    expect(guarded({ fields }, [value]).ok).toBe(true);
    expect(guarded({ fields, datatype: 'FP64' }, [value]).ok).toBe(true);
    expect(guarded({ fields, datatype: 'FP64' }, [value === 0.01 ? 0.0099999999 : value + 1e-9]).ok).toBe(false);
  });

  it('takes what a 16-bit float makes of a limit for the limit', () => {
    const guard = guardOf({ fields: [fieldWith({ name: 'score', maximum: 0.3 })], datatype: 'FP16' });
    const answer = (value: number) =>
      guard({ rows: [{}], outputs: { score: { datatype: 'FP16', shape: [1, 1], data: Float16Array.of(value) } }, luma: null }).ok;
    expect([answer(0.3), answer(0.3005)]).toEqual([true, false]);
  });

  it.each<[string, Partial<Field>, number, string]>([
    ['beyond the maximum', { maximum: 0.99 }, 0.9900001, 'at most 0.99'],
    ['below the minimum', { minimum: 0.01 }, 0.0099999, 'at least 0.01'],
    ['what a float makes of an excluded maximum', { exclusiveMaximum: 0.7 }, 0.7, 'below 0.7'],
    ['what a float makes of an excluded minimum', { exclusiveMinimum: 0.1 }, 0.1, 'above 0.1'],
    ['no integer', { kind: 'integer' }, 0.5, 'an integer'],
    ['between two steps', { multipleOf: 0.1 }, 0.25, 'a multiple of 0.1'],
    ['outside of the domain', { validValues: [0, 1] }, 0.5, 'one of 0, 1'],
  ])('rejects a value %s', (...[, limit, value, expected]) => {
    expect(rowsAfter({ fields: [fieldWith({ name: 'score', ...limit })] }, [value])).toBe(`output score: got ${Math.fround(value)}, expected ${expected}`);
  });

  it('holds a list to a rule that no two of its values are alike', () => {
    const fields = [fieldWith({ name: 'score', kind: 'array', uniqueItems: true })];
    expect(rowsAfter({ fields, shape: [-1, 2] }, [1, 2], { width: 2 })).toEqual([{ score: [1, 2] }]);
    expect(rowsAfter({ fields, shape: [-1, 2] }, [1, 1], { width: 2 })).toBe('output score: got a value twice, expected no two alike');
  });

  it.each<[string, Partial<Field>, string, string, string]>([
    ['domain', { validValues: ['a', 'b'] }, 'a', 'c', 'one of its domain'],
    ['pattern', { pattern: '^a' }, 'ab', 'b', 'text matching ^a'],
    ['length in characters', { maxLength: 2 }, '😀😀', 'abc', 'text of 0 to 2 characters'],
  ])('holds a text to its %s', (...[, limit, good, bad, expected]) => {
    const guard = guardOf({ fields: [fieldWith({ name: 'score', kind: 'string', ...limit })], datatype: 'BYTES' });
    const answer = (text: string) => guard({ rows: [{}], outputs: { score: { datatype: 'BYTES', shape: [1, 1], data: [text] } }, luma: null });
    expect(answer(good)).toMatchObject({ ok: true, rows: [{ score: good }] });
    expect(answer(bad)).toEqual({ ok: false, breach: `output score: got another text, expected ${expected}` });
  });

  it.each([0, 1, 0.5])('lets %d through', (value) => {
    expect(rowsAfter({}, [value])).toEqual([{ score: value }]);
  });

  it('holds each of several fields to its own range', () => {
    const fields = [fieldWith({ name: 'a', maximum: 1 }), fieldWith({ name: 'b', minimum: 10 })];
    expect(rowsAfter({ fields }, [1, 10, 0, 11], { width: 2 })).toEqual([
      { a: 1, b: 10 },
      { a: 0, b: 11 },
    ]);
    expect(rowsAfter({ fields }, [1, 9], { width: 2 })).toBe('output b: got 9, expected at least 10');
  });

  it('holds every value of an array to the range of its items', () => {
    const fields = [fieldWith({ name: 'p', kind: 'array', minimum: 0, maximum: 1 })];
    expect(rowsAfter({ fields, shape: [-1, 3] }, [0.2, 0.3, 0.5], { width: 3 })).toEqual([{ p: [0.2, 0.3, 0.5] }]);
    expect(rowsAfter({ fields, shape: [-1, 3] }, [0.2, 0.3, 7], { width: 3 })).toBe('output p: got 7, expected at most 1');
  });

  it('lets an answer through exactly when all of its values are in range', () => {
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.double(), fc.double({ min: 0, max: 1, noNaN: true })), { minLength: 1 }), (values) => {
        const floats = values.map(Math.fround);
        return guarded({}, values).ok === floats.every((value) => value >= 0 && value <= 1);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe('the shape', () => {
  const tensor = (shape: readonly number[], length: number): Tensor => ({ datatype: 'FP32', shape, data: new Float32Array(length) });

  it.each([
    ['too few rows', tensor([2, 1], 2), 'got shape [2, 1], expected [3, 1]'],
    ['too many rows', tensor([4, 1], 4), 'got shape [4, 1], expected [3, 1]'],
    ['too many columns', tensor([3, 2], 6), 'got shape [3, 2], expected [3, 1]'],
    ['rows and columns swapped', tensor([1, 3], 3), 'got shape [1, 3], expected [3, 1]'],
    ['fewer values than its shape says', tensor([3, 1], 2), 'got shape [3, 1], expected [3, 1]'],
    ['no rows at all', tensor([0, 1], 0), 'got shape [0, 1], expected [3, 1]'],
    ['one value for all rows', tensor([], 1), 'got shape [], expected [3, 1]'],
    ['a dimension less', tensor([3], 3), 'got shape [3], expected [3, 1]'],
    ['a dimension more', tensor([3, 1, 1], 3), 'got shape [3, 1, 1], expected [3, 1]'],
  ])('rejects %s', (_, score, breach) => {
    expect(guardOf({})({ rows: rowsOf(3), outputs: { score }, luma: null })).toEqual({ ok: false, breach: `output score: ${breach}` });
  });

  it('rejects other dimensions with as many values', () => {
    const guard = guardOf({ fields: [fieldWith({ name: 'score', kind: 'array' })], shape: [-1, 2, 3] });
    const answer = (shape: readonly number[]) => guard({ rows: rowsOf(1), outputs: { score: tensor(shape, 6) }, luma: null });
    expect(answer([1, 2, 3]).ok).toBe(true);
    expect(answer([1, 3, 2])).toEqual({ ok: false, breach: 'output score: got shape [1, 3, 2], expected [1, 2, 3]' });
    expect(answer([1, 6])).toEqual({ ok: false, breach: 'output score: got shape [1, 6], expected [1, 2, 3]' });
  });

  it('takes any size where the contract leaves it open', () => {
    const answer = (...shape: readonly number[]) => guardOf({ shape: [-1, -1, -1] })({ rows: rowsOf(2), outputs: { score: tensor(shape, 2) }, luma: null });
    expect([answer(2, 1, 1).ok, answer(2, 1).ok]).toEqual([true, false]);
  });

  it('rejects a missing output', () => {
    expect(guardOf({})({ rows: rowsOf(1), outputs: { other: tensor([1, 1], 1) }, luma: null })).toEqual({ ok: false, breach: 'output score is missing' });
  });

  it('passes over outputs that the contract leaves out', () => {
    expect(guardOf({})({ rows: rowsOf(1), outputs: { score: tensor([1, 1], 1), label: tensor([1], 1) }, luma: null }).ok).toBe(true);
  });

  it('takes rank 1 when the contract has it', () => {
    expect(guardOf({ shape: [-1] })({ rows: rowsOf(2), outputs: { score: tensor([2], 2) }, luma: null })).toMatchObject({
      ok: true,
      rows: [{ score: 0 }, { score: 0 }],
    });
  });
});

describe('values as they are reported', () => {
  it.each<[Datatype, TensorData, unknown]>([
    ['FP32', Float32Array.of(0.1), 0.1],
    ['FP32', Float32Array.of(123_456.789), 123_456.8],
    ['FP32', Float32Array.of(16_777_216), 16_777_216],
    ['FP64', Float64Array.of(0.123_456_789_012_345), 0.123_456_789_012_345],
    ['INT32', Int32Array.of(-123_456_789), -123_456_789],
    ['INT64', BigInt64Array.of(123_456_789_012n), 123_456_789_012],
    ['BOOL', Uint8Array.of(1), true],
    ['BOOL', Uint8Array.of(0), false],
  ])('of %s %s are %s', (datatype, data, expected) => {
    const guard = guardOf({ fields: [fieldWith({ name: 'score' })], datatype });
    expect(guard({ rows: rowsOf(1), outputs: { score: { datatype, shape: [1, 1], data } }, luma: null })).toEqual({
      ok: true,
      rows: [{ score: expected }],
      abstained: 0,
    });
  });
});

describe('pass-through', () => {
  it('copies ids to their own rows, in order', () => {
    const score: Tensor = { datatype: 'FP32', shape: [2, 1], data: Float32Array.of(0.25, 0.75) };
    const result = guardOf({ passThrough: ['query_id', 'doc_id'] })({
      rows: [
        { doc_id: 'd1', query_id: 'q', other: 1 },
        { doc_id: 'd2', query_id: 'q' },
      ],
      outputs: { score },
      luma: null,
    });
    expect(result).toMatchObject({
      rows: [
        { query_id: 'q', doc_id: 'd1', score: 0.25 },
        { query_id: 'q', doc_id: 'd2', score: 0.75 },
      ],
    });
  });
});

describe('threshold', () => {
  const steps: OutputStep[] = [{ threshold: { at: 0.7857, output: 'flagged' } }];

  it.each([
    [0.7857, true],
    [0.785_699_9, false],
    [0.785_700_1, true],
    [0, false],
    [1, true],
  ])('of %d is %s', (value, flagged) => {
    expect(rowsAfter({ steps }, [value])).toMatchObject([{ flagged }]);
  });

  it('agrees with the value that is reported, so that a caller can check it', () => {
    fc.assert(
      fc.property(fc.float({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), (value, at) => {
        const rows = rowsAfter({ steps: [{ threshold: { at, output: 'flagged' } }] }, [value]);
        const [row] = typeof rows === 'string' ? [] : rows;
        return row?.flagged === Number(row?.score) >= at;
      }),
      { seed: 1 },
    );
  });
});

const classes = [fieldWith({ name: 'p', kind: 'array' })];
const topK = (k: number): OutputStep => ({ topK: { k, labels: 'labels.json', output: 'top' } });

describe('topK', () => {
  it.each<[string, readonly number[], readonly [string, number][]]>([
    [
      'names the largest, largest first',
      [0.1, 0.6, 0.05, 0.25],
      [
        ['dog', 0.6],
        ['fox', 0.25],
        ['cat', 0.1],
      ],
    ],
    [
      'gives the lower index first when two are equal',
      [0.25, 0.25, 0.25, 0.25],
      [
        ['cat', 0.25],
        ['dog', 0.25],
        ['owl', 0.25],
      ],
    ],
    [
      'gives the lower index first at the cut',
      [0.1, 0.3, 0.3, 0.3],
      [
        ['dog', 0.3],
        ['owl', 0.3],
        ['fox', 0.3],
      ],
    ],
    [
      'keeps an early class before a later equal one',
      [0.3, 0.1, 0.3, 0.3],
      [
        ['cat', 0.3],
        ['owl', 0.3],
        ['fox', 0.3],
      ],
    ],
  ])('%s', (_, values, expected) => {
    expect(rowsAfter({ fields: classes, shape: [-1, 4], steps: [topK(3)] }, values, { width: 4 })).toEqual([
      { top: expected.map(([label, confidence]) => ({ label, confidence })) },
    ]);
  });

  it('is the head of a stable sort, for any values', () => {
    const values = fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 4 }), (row, k) => {
        const names = ['cat', 'dog', 'owl', 'fox'];
        const sorted = row.map((confidence, index) => ({ label: names[index], confidence })).sort((left, right) => right.confidence - left.confidence);
        expect(rowsAfter({ fields: classes, shape: [-1, 4], steps: [topK(k)] }, row, { width: 4 })).toEqual([{ top: sorted.slice(0, k) }]);
      }),
      { seed: 1 },
    );
  });

  it('names each row by its own values', () => {
    expect(rowsAfter({ fields: classes, shape: [-1, 4], steps: [topK(1)] }, [1, 0, 0, 0, 0, 0, 0, 1], { width: 4 })).toEqual([
      { top: [{ label: 'cat', confidence: 1 }] },
      { top: [{ label: 'fox', confidence: 1 }] },
    ]);
  });
});

describe('sigmoid and softmax', () => {
  it.each([
    { step: { sigmoid: {} } as const, values: [Number.POSITIVE_INFINITY], got: 'Infinity' },
    { step: { sigmoid: {} } as const, values: [Number.NEGATIVE_INFINITY], got: '-Infinity' },
    { step: { softmax: {} } as const, values: [Number.NEGATIVE_INFINITY, 1], got: '-Infinity' },
  ])('make no probability of $got, which the graph gives when it overflows', ({ step, values, got }) => {
    const fields = values.map((_, index) => fieldWith({ name: `score_${index}`, minimum: 0, maximum: 1 }));
    expect(rowsAfter({ fields, steps: [step], shape: [-1, values.length] }, values, { width: values.length })).toBe(
      `output score_0: got ${got}, expected a finite number`,
    );
  });

  it.each([
    [0, 0.5],
    [2, 0.880_797_1],
    [-800, 0],
    [800, 1],
  ])('sigmoid of %d is %d', (value, expected) => {
    expect(rowsAfter({ steps: [{ sigmoid: {} }] }, [value])).toEqual([{ score: expected }]);
  });

  it.each([
    [
      [0, 0, 0, 0],
      [0.25, 0.25, 0.25, 0.25],
    ],
    [
      [1_000, 1_000, -1_000, -1_000],
      [0.5, 0.5, 0, 0],
    ],
    [
      [Math.log(1), Math.log(2), Math.log(3), Math.log(4)],
      [0.1, 0.2, 0.3, 0.4],
    ],
  ])('softmax of %j is %j', (values, expected) => {
    expect(rowsAfter({ fields: classes, shape: [-1, 4], steps: [{ softmax: {} }] }, values, { width: 4 })).toEqual([{ p: expected }]);
  });

  it('sums to 1 for any finite values', () => {
    fc.assert(
      fc.property(fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 4, maxLength: 4 }), (values) => {
        const rows = rowsAfter({ fields: classes, shape: [-1, 4], steps: [{ softmax: {} }] }, values, { width: 4 });
        const [row] = typeof rows === 'string' ? [] : rows;
        return Math.abs(sumOf(row?.p) - 1) < 1e-6;
      }),
      { seed: 1 },
    );
  });

  it.each<[string, OutputStep]>([
    ['sigmoid', { sigmoid: {} }],
    ['softmax', { softmax: {} }],
  ])('%s does not hide NaN', (_, step) => {
    expect(rowsAfter({ steps: [step] }, [Number.NaN])).toBe('output score: got NaN, expected a finite number');
  });

  it('softmax does not hide Infinity', () => {
    expect(rowsAfter({ fields: classes, shape: [-1, 2], steps: [{ softmax: {} }] }, [Number.POSITIVE_INFINITY, 0], { width: 2 })).toBe(
      'output p: got Infinity, expected a finite number',
    );
  });

  it('are held to the range after, not before', () => {
    expect(rowsAfter({ steps: [{ sigmoid: {} }] }, [5])).toEqual([{ score: 0.993_307_1 }]);
  });

  it('take a tensor that is wider than a call has arguments', () => {
    const width = 200_000;
    const steps: OutputStep[] = [{ softmax: {} }, { abstain: { below: 0.5, output: 'unsure' } }];
    const result = guarded({ fields: classes, shape: [-1, width], steps }, new Array<number>(width).fill(0), { width });
    expect(result).toMatchObject({ ok: true, abstained: 1 });
  });
});

describe('abstain', () => {
  const abstain = (limits: { below?: number; brightnessBelow?: number }): Setting => ({
    fields: classes,
    shape: [-1, 2],
    steps: [{ abstain: { ...limits, output: 'abstained' } }],
  });

  it.each([
    [[0.3, 0.34], true],
    [[0.35, 0.1], false],
    [[0.349_999_9, 0.1], true],
    [[0.9, 0.1], false],
  ])('by confidence 0.35: %j is %s', (values, abstained) => {
    expect(rowsAfter(abstain({ below: 0.35 }), values, { width: 2 })).toMatchObject([{ abstained }]);
  });

  it.each([
    [0, true],
    [11.99, true],
    [12, false],
    [255, false],
  ])('by brightness 12: a mean luma of %d is %s', (luma, abstained) => {
    expect(rowsAfter(abstain({ brightnessBelow: 12 }), [0.9, 0.1], { width: 2, luma: Float32Array.of(luma) })).toMatchObject([{ abstained }]);
  });

  it('by either limit, each row by its own', () => {
    const result = guarded(abstain({ below: 0.35, brightnessBelow: 12 }), [0.9, 0.1, 0.9, 0.1, 0.2, 0.1], { width: 2, luma: Float32Array.of(5, 100, 100) });
    expect(result).toMatchObject({ ok: true, rows: [{ abstained: true }, { abstained: false }, { abstained: true }], abstained: 2 });
  });

  it('is an answer, not a breach: the values are there too', () => {
    expect(rowsAfter(abstain({ below: 0.5 }), [0.25, 0.125], { width: 2 })).toEqual([{ p: [0.25, 0.125], abstained: true }]);
  });

  it('counts a row once, however many limits it is below', () => {
    const steps: OutputStep[] = [{ abstain: { below: 0.5, output: 'unsure' } }, { abstain: { below: 0.6, output: 'very_unsure' } }];
    expect(guarded({ fields: classes, shape: [-1, 2], steps }, [0.1, 0.2], { width: 2 })).toMatchObject({ abstained: 1 });
  });
});

describe('the guard of photo-classifier', () => {
  it('names three classes and abstains in the dark', async () => {
    const { bundle } = await readBundle(placeOf('photo-classifier', '1.0.0'));
    if (bundle === null) throw new Error('the example is whole');
    const guard = compileOutputs(bundle.contract, bundle.manifest, bundle.labels);
    const data = new Float32Array(1_000);
    data.set([0.75, 0.125, 0.125], 7);
    const probabilities: Tensor = { datatype: 'FP32', shape: [1, 1_000], data };
    const labels = bundle.labels.get('labels.json') ?? [];
    const top = [
      { label: labels[7], confidence: 0.75 },
      { label: labels[8], confidence: 0.125 },
      { label: labels[9], confidence: 0.125 },
    ];
    expect(guard({ rows: rowsOf(1), outputs: { probabilities }, luma: Float32Array.of(80) })).toEqual({
      ok: true,
      rows: [{ top, abstained: false }],
      abstained: 0,
    });
    expect(guard({ rows: rowsOf(1), outputs: { probabilities }, luma: Float32Array.of(3) })).toEqual({
      ok: true,
      rows: [{ top, abstained: true }],
      abstained: 1,
    });
    data[500] = 1.5;
    expect(guard({ rows: rowsOf(1), outputs: { probabilities }, luma: null })).toEqual({
      ok: false,
      breach: 'output probabilities: got 1.5, expected at most 1',
    });
  });
});
