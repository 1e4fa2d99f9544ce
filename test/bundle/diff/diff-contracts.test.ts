import { beforeAll, describe, expect, it, test } from 'vitest';
import type { Field, ModelContract } from '../../../src/bundle/contract.ts';
import type { Datatype } from '../../../src/bundle/datatype.ts';
import { checkCompatibility } from '../../../src/bundle/diff/check-compatibility.ts';
import type { Comparable } from '../../../src/bundle/diff/compare-interface.ts';
import { diffContracts, type FieldDiff } from '../../../src/bundle/diff/diff-contracts.ts';
import type { Side, Verdict } from '../../../src/bundle/diff/difference.ts';
import { type Migration, manifestSchema } from '../../../src/bundle/manifest.ts';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import { contractWith, fieldWith, tensorOf } from '../../support/contract-fields.ts';
import { realBundle } from '../../support/real-bundles.ts';

let card: Bundle;
let photo: Bundle;
beforeAll(async () => {
  card = await realBundle('card-fraud', '2.0.0');
  photo = await realBundle('photo-classifier', '2.0.0');
});

const comparable = (contract: ModelContract, migration: readonly Migration[] = []): Comparable => ({
  contract,
  manifest: manifestSchema.parse({ ...card.manifest, migration }),
  labels: new Map(),
});

/** A contract with one field on the side, beside an unchanged one on the other. */
const contractOf = (side: Side, fields: readonly Field[], datatype: Datatype = 'FP32'): ModelContract =>
  side === 'input' ? contractWith({ inputs: [tensorOf(fields, datatype)] }) : contractWith({ outputs: [tensorOf(fields, datatype, 'score')] });

const onlyChanged = (diffs: readonly FieldDiff[]): readonly FieldDiff[] => diffs.filter(({ changes }) => changes.length > 0);

/** What both sides make of the same change of one field. */
interface Mutation {
  readonly title: string;
  readonly before?: Partial<Field>;
  readonly after?: Partial<Field>;
  readonly datatypes?: readonly [Datatype, Datatype];
  readonly rule: string;
  readonly input: Verdict | 'unchanged';
  readonly output: Verdict | 'unchanged';
  readonly reason: RegExp;
}

const mutations: readonly Mutation[] = [
  {
    title: 'an integer that becomes a number',
    before: { kind: 'integer' },
    rule: 'kind',
    input: 'additive',
    output: 'breaking',
    reason: /number, was integer/,
  },
  {
    title: 'a number that becomes an integer',
    after: { kind: 'integer' },
    rule: 'kind',
    input: 'breaking',
    output: 'compatible',
    reason: /integer, was number/,
  },
  { title: 'a number that becomes a boolean', after: { kind: 'boolean' }, rule: 'kind', input: 'breaking', output: 'breaking', reason: /boolean, was number/ },
  { title: 'a number that becomes a text', after: { kind: 'string' }, rule: 'kind', input: 'breaking', output: 'breaking', reason: /string, was number/ },
  {
    title: 'a number whose tensor becomes one of integers',
    datatypes: ['FP64', 'INT64'],
    rule: 'kind',
    input: 'breaking',
    output: 'compatible',
    reason: /integer/,
  },
  {
    title: 'a field that may be null now',
    after: { required: false, imputeValue: 0 },
    rule: 'nulls',
    input: 'additive',
    output: 'breaking',
    reason: /may be null/,
  },
  {
    title: 'a field that may not be null any more',
    before: { required: false, imputeValue: 0 },
    rule: 'nulls',
    input: 'breaking',
    output: 'compatible',
    reason: /may not be null/,
  },
  {
    title: 'a higher minimum',
    before: { minimum: 0 },
    after: { minimum: 1 },
    rule: 'range',
    input: 'breaking',
    output: 'compatible',
    reason: /at least 1.*was at least 0/,
  },
  { title: 'a lower minimum', before: { minimum: 0 }, after: { minimum: -1 }, rule: 'range', input: 'additive', output: 'breaking', reason: /at least -1/ },
  { title: 'a minimum where there was none', after: { minimum: 0 }, rule: 'range', input: 'breaking', output: 'compatible', reason: /at least 0/ },
  { title: 'a lower maximum', before: { maximum: 9 }, after: { maximum: 8 }, rule: 'range', input: 'breaking', output: 'compatible', reason: /at most 8/ },
  { title: 'a maximum that is gone', before: { maximum: 9 }, rule: 'range', input: 'additive', output: 'breaking', reason: /was .*at most 9/ },
  {
    title: 'a bound that is excluded now',
    before: { minimum: 0 },
    after: { exclusiveMinimum: 0 },
    rule: 'range',
    input: 'breaking',
    output: 'compatible',
    reason: /above 0/,
  },
  {
    title: 'a bound that is included now',
    before: { exclusiveMaximum: 1 },
    after: { maximum: 1 },
    rule: 'range',
    input: 'additive',
    output: 'breaking',
    reason: /at most 1/,
  },
  {
    title: 'a range that moves',
    before: { minimum: 0, maximum: 10 },
    after: { minimum: 5, maximum: 15 },
    rule: 'range',
    input: 'breaking',
    output: 'breaking',
    reason: /at least 5, at most 15, was at least 0, at most 10/,
  },
  { title: 'a tensor that holds less', datatypes: ['FP64', 'FP32'], rule: 'range', input: 'breaking', output: 'unchanged', reason: /3\.4/ },
  { title: 'a tensor of smaller integers', datatypes: ['INT32', 'INT16'], rule: 'range', input: 'breaking', output: 'unchanged', reason: /32767/ },
  {
    title: 'integers of fewer bits',
    before: { kind: 'integer' },
    after: { kind: 'integer' },
    datatypes: ['INT64', 'INT8'],
    rule: 'range',
    input: 'breaking',
    output: 'unchanged',
    reason: /at least -128, at most 127, was without a bound/,
  },
  {
    title: 'integers without a sign',
    before: { kind: 'integer' },
    after: { kind: 'integer' },
    datatypes: ['INT64', 'UINT64'],
    rule: 'range',
    input: 'breaking',
    output: 'unchanged',
    reason: /at least 0, was without a bound/,
  },
  { title: 'a step where there was none', after: { multipleOf: 5 }, rule: 'multipleOf', input: 'breaking', output: 'compatible', reason: /of 5/ },
  { title: 'a step that is gone', before: { multipleOf: 5 }, rule: 'multipleOf', input: 'additive', output: 'breaking', reason: /was of 5/ },
  {
    title: 'a finer step',
    before: { multipleOf: 10 },
    after: { multipleOf: 5 },
    rule: 'multipleOf',
    input: 'additive',
    output: 'breaking',
    reason: /of 5, was of 10/,
  },
  {
    title: 'a coarser step',
    before: { multipleOf: 0.1 },
    after: { multipleOf: 0.3 },
    rule: 'multipleOf',
    input: 'breaking',
    output: 'compatible',
    reason: /0\.3/,
  },
  {
    title: 'another step',
    before: { multipleOf: 2 },
    after: { multipleOf: 3 },
    rule: 'multipleOf',
    input: 'breaking',
    output: 'breaking',
    reason: /of 3, was of 2/,
  },
  {
    title: 'a longer text',
    before: { kind: 'string', maxLength: 5 },
    after: { kind: 'string', maxLength: 9 },
    rule: 'length',
    input: 'additive',
    output: 'breaking',
    reason: /0 to 9 characters, had 0 to 5/,
  },
  {
    title: 'a shorter text',
    before: { kind: 'string', minLength: 1 },
    after: { kind: 'string', minLength: 2 },
    rule: 'length',
    input: 'breaking',
    output: 'compatible',
    reason: /2 to Infinity/,
  },
  {
    title: 'a pattern where there was none',
    before: { kind: 'string' },
    after: { kind: 'string', pattern: '^a' },
    rule: 'pattern',
    input: 'breaking',
    output: 'compatible',
    reason: /\^a/,
  },
  {
    title: 'a pattern that is gone',
    before: { kind: 'string', pattern: '^a' },
    after: { kind: 'string' },
    rule: 'pattern',
    input: 'additive',
    output: 'breaking',
    reason: /\^a/,
  },
  {
    title: 'another pattern',
    before: { kind: 'string', pattern: '^a' },
    after: { kind: 'string', pattern: '^b' },
    rule: 'pattern',
    input: 'breaking',
    output: 'breaking',
    reason: /\^b, was \^a/,
  },
  {
    title: 'a value that is gone',
    before: { validValues: [1, 2] },
    after: { validValues: [1] },
    rule: 'domain',
    input: 'breaking',
    output: 'compatible',
    reason: /lost 2/,
  },
  {
    title: 'a value that came',
    before: { validValues: [1] },
    after: { validValues: [1, 2] },
    rule: 'domain',
    input: 'additive',
    output: 'breaking',
    reason: /got 2/,
  },
  {
    title: 'a value for another',
    before: { validValues: [1] },
    after: { validValues: [2] },
    rule: 'domain',
    input: 'breaking',
    output: 'breaking',
    reason: /lost 1 and got 2/,
  },
  {
    title: 'a list of values where there was none',
    after: { validValues: [1] },
    rule: 'domain',
    input: 'breaking',
    output: 'compatible',
    reason: /one of 1 now/,
  },
  { title: 'a list of values that is gone', before: { validValues: [1] }, rule: 'domain', input: 'additive', output: 'breaking', reason: /any more/ },
  {
    title: 'another order of the values',
    before: { validValues: [1, 2] },
    after: { validValues: [2, 1] },
    rule: 'domain',
    input: 'unchanged',
    output: 'unchanged',
    reason: /^$/,
  },
  {
    title: 'another unit',
    before: { unit: 'EUR' },
    after: { unit: 'cent' },
    rule: 'unit',
    input: 'breaking',
    output: 'breaking',
    reason: /read in cent, was EUR/,
  },
  { title: 'a unit that is said now', after: { unit: 'EUR' }, rule: 'unit', input: 'compatible', output: 'compatible', reason: /now: EUR/ },
  { title: 'a unit that is not said any more', before: { unit: 'EUR' }, rule: 'unit', input: 'breaking', output: 'breaking', reason: /was EUR/ },
  {
    title: 'a named unit that came',
    before: { unit: 'EUR' },
    after: { unit: 'EUR', acceptedUnits: { cent: 0.01 } },
    rule: 'acceptedUnits',
    input: 'additive',
    output: 'unchanged',
    reason: /in cent too/,
  },
  {
    title: 'a named unit that is gone',
    before: { unit: 'EUR', acceptedUnits: { cent: 0.01 } },
    after: { unit: 'EUR' },
    rule: 'acceptedUnits',
    input: 'breaking',
    output: 'unchanged',
    reason: /in cent any more/,
  },
  {
    title: 'a named unit with another factor',
    before: { unit: 'EUR', acceptedUnits: { cent: 0.01 } },
    after: { unit: 'EUR', acceptedUnits: { cent: 0.1 } },
    rule: 'acceptedUnits',
    input: 'breaking',
    output: 'unchanged',
    reason: /1 cent is read as 0\.1 EUR, was 0\.01/,
  },
  {
    title: 'a time stamp that may be sent',
    after: { timePart: 'hour', timeZone: 'Europe/Brussels' },
    rule: 'timePart',
    input: 'additive',
    output: 'breaking',
    reason: /hour in Europe\/Brussels/,
  },
  {
    title: 'a time stamp that may not be sent any more',
    before: { timePart: 'hour', timeZone: 'Europe/Brussels' },
    rule: 'timePart',
    input: 'breaking',
    output: 'compatible',
    reason: /any more/,
  },
  {
    title: 'another time zone',
    before: { timePart: 'hour', timeZone: 'Europe/Brussels' },
    after: { timePart: 'hour', timeZone: 'UTC' },
    rule: 'timePart',
    input: 'breaking',
    output: 'breaking',
    reason: /UTC, was hour in Europe/,
  },
  {
    title: 'another number in place of null',
    before: { required: false, imputeValue: 0 },
    after: { required: false, imputeValue: -1 },
    rule: 'impute',
    input: 'compatible',
    output: 'compatible',
    reason: /-1, was 0/,
  },
  {
    title: 'another classification',
    after: { classification: 'restricted' },
    rule: 'classification',
    input: 'compatible',
    output: 'compatible',
    reason: /restricted, was internal/,
  },
  {
    title: 'items that must differ',
    after: { uniqueItems: true },
    rule: 'uniqueItems',
    input: 'breaking',
    output: 'compatible',
    reason: /no item twice/,
  },
  {
    title: 'items that need not differ any more',
    before: { uniqueItems: true },
    rule: 'uniqueItems',
    input: 'additive',
    output: 'breaking',
    reason: /an item twice now/,
  },
  { title: 'nothing', rule: 'none', input: 'unchanged', output: 'unchanged', reason: /^$/ },
];

const changeOf = (side: Side, { before = {}, after = {}, datatypes = ['FP64', 'FP64'] }: Mutation) => {
  const name = side === 'input' ? 'amount' : 'score';
  const contracts = [before, after].map((changes, index) => comparable(contractOf(side, [fieldWith({ ...changes, name })], datatypes[index])));
  const [older, newer] = contracts;
  if (older === undefined || newer === undefined) throw new Error('two contracts are compared');
  return onlyChanged(diffContracts(older, newer));
};

describe.each(['input', 'output'] as const)('an %s', (side) => {
  test.each(mutations.filter((mutation) => mutation[side] !== 'unchanged'))('with $title', (mutation) => {
    const [diff, ...others] = changeOf(side, mutation);
    expect(others).toEqual([]);
    expect(diff).toMatchObject({
      side,
      verdict: mutation[side],
      changes: [{ rule: mutation.rule, verdict: mutation[side], reason: expect.stringMatching(mutation.reason) }],
    });
  });

  test.each(mutations.filter((mutation) => mutation[side] === 'unchanged'))('is the same with $title', (mutation) => {
    expect(changeOf(side, mutation)).toEqual([]);
  });
});

describe('fields that come and go', () => {
  const amount = fieldWith();
  const channel = fieldWith({ name: 'channel' });
  const diff = (side: Side, before: readonly Field[], after: readonly Field[]) =>
    onlyChanged(diffContracts(comparable(contractOf(side, before)), comparable(contractOf(side, after))));

  it.each([
    ['input', 'a required one that came', [amount], [amount, channel], { verdict: 'breaking', changes: [{ rule: 'added', partialHelps: true }] }],
    ['input', 'one that came and may be absent', [amount], [amount, { ...channel, required: false, imputeValue: 0 }], { verdict: 'additive' }],
    ['input', 'one that is gone', [amount, channel], [amount], { verdict: 'compatible', changes: [{ rule: 'removed' }] }],
    ['output', 'one that came', [amount], [amount, channel], { verdict: 'additive' }],
    ['output', 'one that is gone', [amount, channel], [amount], { verdict: 'breaking', changes: [{ rule: 'removed', partialHelps: false }] }],
  ] as const)('%s: %s', (...[side, , before, after, expected]) => {
    expect(diff(side, before, after)).toMatchObject([{ side, field: 'channel', ...expected }]);
  });

  it('compares identifiers that travel through on both sides', () => {
    const id = fieldWith({ name: 'query_id', kind: 'string' });
    const before = comparable(contractWith({ passThrough: [id] }));
    expect(onlyChanged(diffContracts(before, comparable(contractWith())))).toMatchObject([
      { side: 'input', field: 'query_id', verdict: 'compatible' },
      { side: 'output', field: 'query_id', verdict: 'breaking' },
    ]);
  });
});

describe('an output as clients of the Open Inference Protocol see it', () => {
  const score = fieldWith({ name: 'score' });
  const inTensor = (name: string, datatype: Datatype) => comparable(contractWith({ outputs: [tensorOf([score], datatype, name)] }));

  test.each([
    { title: 'that is found under another name', after: ['probabilities', 'FP32'], reason: 'is in the output probabilities, was in score' },
    { title: 'that JSON cannot say any more', after: ['score', 'FP16'], reason: 'is FP16, which has no JSON form, was FP32' },
  ] as const)('breaks them $title', ({ after, reason }) => {
    const bars = [{ side: 'output', field: 'score', reason, remedy: 'outputs that clients of the baseline can read' }];
    expect(checkCompatibility({ baseline: inTensor('score', 'FP32'), candidate: inTensor(after[0], after[1]) }, 'partial')).toEqual(bars);
  });

  test('is the same when it is derived from the graph now, under its own name', () => {
    const derived = comparable(contractWith({ outputs: [], derived: [score] }));
    expect(checkCompatibility({ baseline: inTensor('score', 'FP32'), candidate: derived }, 'full')).toEqual([]);
  });
});

describe('a list', () => {
  const verdictOf = (datatypes: readonly [Datatype, Datatype], bounds: Partial<Field> = {}) => {
    const [before, after] = datatypes.map((datatype) => {
      const itemKind = datatype === 'BYTES' ? 'string' : 'number';
      const list = fieldWith({ name: 'embedding', kind: 'array', itemKind, ...bounds });
      return comparable(contractWith({ inputs: [{ ...tensorOf([list], datatype), shape: [-1, 3] }] }));
    });
    if (before === undefined || after === undefined) throw new Error('two contracts are compared');
    return onlyChanged(diffContracts(before, after)).map(({ verdict, changes }) => [verdict, ...changes.map(({ rule }) => rule)]);
  };

  it.each<readonly [Datatype, Datatype]>([
    ['INT64', 'INT32'],
    ['INT64', 'UINT64'],
    ['UINT64', 'INT64'],
    ['FP32', 'FP16'],
    ['UINT8', 'BOOL'],
  ])('of %s breaks as one of %s: its tensor holds less', (before, after) => {
    expect(verdictOf([before, after])).toEqual([['breaking', 'range']]);
  });

  it.each<readonly [Datatype, Datatype]>([
    ['INT32', 'INT64'],
    ['UINT32', 'UINT64'],
    ['BOOL', 'UINT8'],
  ])('of %s is additive as one of %s: its tensor holds more', (before, after) => {
    expect(verdictOf([before, after])).toEqual([['additive', 'range']]);
  });

  it.each<readonly [Datatype, Datatype]>([
    ['INT64', 'INT64'],
    ['UINT64', 'UINT64'],
    ['FP64', 'FP64'],
    ['BYTES', 'BYTES'],
  ])('of %s is the same as one of %s', (before, after) => {
    expect(verdictOf([before, after])).toEqual([]);
  });

  it.each<readonly [Datatype, Datatype, Verdict]>([
    ['FP32', 'INT64', 'breaking'],
    ['INT64', 'FP64', 'additive'],
  ])('of numbers in %s has another kind in %s: whole numbers are fewer', (before, after, verdict) => {
    expect(verdictOf([before, after])).toEqual([[verdict, 'kind', 'range']]);
    expect(verdictOf([before, after], { minimum: 0, maximum: 1 })).toEqual([[verdict, 'kind']]);
  });

  const kinds = { number: 'FP64', integer: 'FP64', boolean: 'FP64', string: 'BYTES' } as const satisfies Record<NonNullable<Field['itemKind']>, Datatype>;

  type Item = keyof typeof kinds;

  /** A tensor that is a list of such items, or one value for null. */
  const tensorOfKind = (itemKind: Item | null) => {
    const bounded = fieldWith({ name: 'embedding', minimum: 0, maximum: 1 });
    if (itemKind === null) return { ...tensorOf([bounded], 'FP64', 'embedding'), shape: [-1, 1] };
    return { ...tensorOf([{ ...bounded, kind: 'array', itemKind }], kinds[itemKind], 'embedding'), shape: [-1, 3] };
  };

  const diffOfKinds = (side: Side, was: Item | null, is: Item) => {
    const contractOfKind = (item: Item | null) => comparable(contractWith({ [`${side}s`]: [tensorOfKind(item)] }));
    return onlyChanged(diffContracts(contractOfKind(was), contractOfKind(is))).flatMap(({ changes }) => changes.filter(({ rule }) => rule === 'kind'));
  };

  it.each<readonly [Side, Item, Item, Verdict]>([
    ['input', 'integer', 'string', 'breaking'],
    ['output', 'integer', 'string', 'breaking'],
    ['input', 'integer', 'number', 'additive'],
    ['output', 'integer', 'number', 'breaking'],
    ['input', 'number', 'integer', 'breaking'],
    ['output', 'number', 'integer', 'compatible'],
    ['input', 'boolean', 'string', 'breaking'],
    ['output', 'boolean', 'number', 'breaking'],
  ])('on the side %s of %s that becomes one of %s is %s', (...[side, was, is, verdict]) => {
    expect(diffOfKinds(side, was, is)).toMatchObject([{ verdict, reason: `is of kind array of ${is}, was array of ${was}` }]);
  });

  it('is of another kind than one value', () => {
    expect(diffOfKinds('input', null, 'number')).toMatchObject([{ verdict: 'breaking', reason: 'is of kind array of number, was number' }]);
  });

  it('is the same with items of the same kind, where only the tensor says it too', () => {
    expect(diffOfKinds('input', 'string', 'string')).toEqual([]);
    const lists = [fieldWith({ name: 'embedding', kind: 'array' }), fieldWith({ name: 'embedding', kind: 'array', itemKind: 'number' })];
    const [before, after] = lists.map((list) => comparable(contractWith({ outputs: [{ ...tensorOf([list], 'FP64', 'embedding'), shape: [-1, 3] }] })));
    if (before === undefined || after === undefined) throw new Error('two contracts are compared');
    expect(onlyChanged(diffContracts(before, after))).toEqual([]);
  });

  it('is the same in a smaller tensor that holds all that the contract allows', () => {
    expect(verdictOf(['INT64', 'UINT8'], { minimum: 0, maximum: 255 })).toEqual([]);
  });

  it('of more than the candidate holds bars it from the traffic', () => {
    const [baseline, candidate] = (['INT64', 'INT32'] as const).map((datatype) =>
      comparable(contractWith({ inputs: [{ ...tensorOf([fieldWith({ kind: 'array', itemKind: 'integer' })], datatype), shape: [-1, 3] }] })),
    );
    if (baseline === undefined || candidate === undefined) throw new Error('two contracts are compared');
    expect(checkCompatibility({ baseline, candidate }, 'full')).toMatchObject([{ side: 'input', field: 'amount' }]);
    expect(checkCompatibility({ baseline, candidate }, 'partial')).toEqual([]);
  });
});

describe('what stands in the manifests', () => {
  const withManifest = (bundle: Bundle, change: (manifest: Record<string, never>) => void): Comparable => {
    const manifest = structuredClone(bundle.manifest);
    change(manifest as never);
    return { ...bundle, manifest };
  };
  // biome-ignore lint/suspicious/noExplicitAny: a manifest of any shape, to be changed at will
  const cases: readonly (readonly [string, () => Bundle, (manifest: any) => void, object])[] = [
    [
      'fewer rows',
      () => card,
      (manifest) => {
        manifest.budgets.maxRows = 8;
      },
      { side: 'input', field: '(rows)', verdict: 'breaking', changes: [{ partialHelps: true }] },
    ],
    [
      'more rows',
      () => card,
      (manifest) => {
        manifest.budgets.maxRows = 128;
      },
      { side: 'input', field: '(rows)', verdict: 'additive' },
    ],
    [
      'a format that is gone',
      () => photo,
      (manifest) => {
        manifest.interface.inputs[0].steps[0].decode.formats = ['jpeg'];
      },
      { side: 'input', field: 'image', verdict: 'breaking', changes: [{ partialHelps: false }] },
    ],
    [
      'more classes',
      () => photo,
      (manifest) => {
        manifest.interface.outputs[0].steps.find((step: object) => 'topK' in step).topK.k = 5;
      },
      { side: 'output', field: 'top', verdict: 'breaking' },
    ],
  ];

  test.each(cases)('%s', (...[, bundle, change, expected]) => {
    expect(onlyChanged(diffContracts(bundle(), withManifest(bundle(), change)))).toMatchObject([expected]);
  });

  test('classes of other names', () => {
    const labels = new Map([...photo.labels].map(([path, names]) => [path, names.map((name, index) => (index === 7 ? 'dragon' : name))]));
    expect(onlyChanged(diffContracts(photo, { ...photo, labels }))).toMatchObject([
      { side: 'output', field: 'top', verdict: 'breaking', changes: [{ reason: 'may name 1 other classes (dragon)' }] },
    ]);
  });
});

describe('a declared migration', () => {
  const before = contractWith({
    inputs: [tensorOf([fieldWith({ name: 'amount', unit: 'EUR', minimum: 0, maximum: 500, acceptedUnits: { cent: 0.01 } }), fieldWith({ name: 'count_1d' })])],
  });
  const after = (fields: readonly Field[]) => contractWith({ inputs: [tensorOf(fields)] });
  const diff = (fields: readonly Field[], migration: readonly Migration[]) =>
    onlyChanged(diffContracts(comparable(before), comparable(after(fields), migration)));
  const euro = fieldWith({ name: 'amount', unit: 'EUR', minimum: 0, maximum: 500, acceptedUnits: { cent: 0.01 } });

  it('makes a renamed field compatible', () => {
    expect(diff([euro, fieldWith({ name: 'count_24h' })], [{ field: 'count_24h', from: 'count_1d' }])).toMatchObject([
      { field: 'count_24h', from: 'count_1d', verdict: 'compatible' },
    ]);
  });

  it('makes a new required field additive with a value that stands in', () => {
    expect(diff([euro, fieldWith({ name: 'count_1d' }), fieldWith({ name: 'channel' })], [{ field: 'channel', default: 1 }])).toMatchObject([
      { field: 'channel', verdict: 'additive', changes: [{ reason: 'is new; 1 stands in where a request lacks it' }] },
    ]);
  });

  it('lets a value stand in for null', () => {
    const nullable = contractWith({ inputs: [tensorOf([fieldWith({ required: false, imputeValue: 0 })])] });
    const fields = (migration: readonly Migration[]) =>
      diffContracts(comparable(nullable), comparable(contractWith(), migration)).find(({ field }) => field === 'amount');
    expect(fields([])?.verdict).toBe('breaking');
    expect(fields([{ field: 'amount', default: 0 }])?.verdict).toBe('compatible');
  });

  const cents = fieldWith({ name: 'amount_cent', unit: 'cent', minimum: 0, maximum: 50_000, acceptedUnits: { EUR: 100 } });

  it('converts a unit under a new name, with bounds and named units', () => {
    expect(diff([cents, fieldWith({ name: 'count_1d' })], [{ field: 'amount_cent', from: 'amount', factor: 100 }])).toMatchObject([
      { field: 'amount_cent', from: 'amount', verdict: 'compatible' },
    ]);
  });

  it('finds bounds that are narrower once converted, and units that are not known any more', () => {
    const narrower = { ...cents, maximum: 40_000, acceptedUnits: {} };
    expect(diff([narrower, fieldWith({ name: 'count_1d' })], [{ field: 'amount_cent', from: 'amount', factor: 100 }])).toMatchObject([
      {
        verdict: 'breaking',
        changes: [{ rule: 'migration' }, { rule: 'range', reason: 'is at least 0, at most 40000, was at least 0, at most 50000' }, { rule: 'acceptedUnits' }],
      },
    ]);
  });

  it('finds a factor that is not the one that the contract states', () => {
    expect(diff([cents, fieldWith({ name: 'count_1d' })], [{ field: 'amount_cent', from: 'amount', factor: 10 }])[0]?.changes).toContainEqual(
      expect.objectContaining({ rule: 'acceptedUnits', verdict: 'breaking', partialHelps: false }),
    );
  });
});

describe('a candidate for the traffic of a baseline', () => {
  const older = () => comparable(contractWith());
  const needsMore = () => comparable(contractWith({ inputs: [tensorOf([fieldWith(), fieldWith({ name: 'channel' })])] }));

  it('needs a plan that leaves the requests that it cannot take to the baseline', () => {
    const versions = { baseline: older(), candidate: needsMore() };
    expect(checkCompatibility(versions, 'full')).toEqual([
      {
        side: 'input',
        field: 'channel',
        reason: 'is new and required: requests for the older version lack it',
        remedy: 'eligibility: partial in the plan, or a migration in handoff.yaml',
      },
    ]);
    expect(checkCompatibility(versions, 'partial')).toEqual([]);
  });

  it.each([
    [
      'an output is gone',
      contractWith({ outputs: [tensorOf([fieldWith({ name: 'other' })], 'FP32', 'score')] }),
      'outputs that clients of the baseline can read',
    ],
    [
      'an input means something else',
      contractWith({ inputs: [tensorOf([fieldWith({ unit: 'cent' })])] }),
      'another name for the field with a migration in handoff.yaml',
    ],
  ])('is refused whatever the plan says when %s', (_title, contract, remedy) => {
    const baseline = comparable(contractWith({ inputs: [tensorOf([fieldWith({ unit: 'EUR' })])] }));
    const candidate = comparable({ ...baseline.contract, ...contract, inputs: remedy.startsWith('another') ? contract.inputs : baseline.contract.inputs });
    expect(checkCompatibility({ baseline, candidate }, 'partial')).toMatchObject([{ remedy }]);
  });
});
