import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Field } from '../../../src/bundle/contract.ts';
import { readBundle } from '../../../src/bundle/read-bundle.ts';
import { type ContractCheck, type ContractPair, checkInputs } from '../../../src/data-plane/contract/check-inputs.ts';
import { compileContract } from '../../../src/data-plane/contract/compile-contract.ts';
import { placeOf } from '../../support/bundle-copy.ts';
import { contractWith, fieldWith, inputRules, tensorOf } from '../../support/contract-fields.ts';

const contractOf = (fields: readonly Field[]) => compileContract(contractWith({ inputs: [tensorOf(fields)] }), inputRules());

const amount = fieldWith({ minimum: 0, maximum: 100, unit: 'EUR', acceptedUnits: { cent: 0.01 } });
const age = fieldWith({ name: 'age', kind: 'integer' });
const speed = fieldWith({ name: 'speed' });
const ratio = fieldWith({ name: 'a/b ~é', required: false, imputeValue: 0 });

const baseline = contractOf([amount, age, ratio]);
const candidate = contractOf([amount, speed]);
const alone: ContractPair = { baseline, candidate: null, known: baseline.names };
const pair: ContractPair = { baseline, candidate, known: new Set([...baseline.names, ...candidate.names]) };

const row = { amount: 42.5, age: 30 };

const violationsOf = (check: ContractCheck) => (check.ok ? [] : check.violations);
const brokenOf = (check: ContractCheck) => (check.ok ? [] : check.broken);

describe('checkInputs', () => {
  it('takes rows that hold, as they are', () => {
    const rows = [row, { ...row, 'a/b ~é': null }];
    expect(checkInputs(rows, alone)).toEqual({ ok: true, rows, eligible: false });
  });

  it.each([
    ['both contracts hold', [{ ...row, speed: 1 }], true],
    ['a field of the candidate is missing', [row], false],
    ['a field of the candidate is wrong', [{ ...row, speed: 'fast' }], false],
    ['one of several rows lacks it', [{ ...row, speed: 1 }, row], false],
  ])('says whether a request is eligible: %s', (_, rows, eligible) => {
    expect(checkInputs(rows, pair)).toMatchObject({ ok: true, eligible });
  });

  it("refuses what only the candidate's contract holds, with the baseline's violations", () => {
    expect(violationsOf(checkInputs([{ amount: 1, speed: 1 }], pair))).toEqual([
      { pointer: '#/inputs/0/age', detail: 'is missing', got: 'nothing', expected: 'an integer that fits the tensor' },
    ]);
  });

  it('takes a field that only another loaded version declares', () => {
    expect(checkInputs([{ ...row, speed: 'anything' }], { ...alone, known: pair.known }).ok).toBe(true);
  });

  const inWords = 'a finite number from 0 to 100 (or {"value", "unit"} with unit cent)';
  const wrongAmount = (got: string, detail = 'breaks the contract') => [{ pointer: '#/inputs/0/amount', detail, got, expected: inWords, unit: 'EUR' }];

  it.each<[string, string, readonly object[]]>([
    ['a value out of range', '100.5', wrongAmount('100.5')],
    ['a value below the range', '-0.01', wrongAmount('-0.01')],
    ['null', 'null', wrongAmount('null', 'must not be null')],
    ['a number as text', '"42.5"', wrongAmount('text "42.5"')],
    ['NaN as text', '"NaN"', wrongAmount('text "NaN"')],
    ['a number beyond all floats', '1e999', wrongAmount('Infinity')],
    ['a number beyond 32-bit floats', '1e39', wrongAmount('1e+39')],
    ['true', 'true', wrongAmount('true')],
    ['a list', '[42.5, 1]', wrongAmount('a list of 2')],
    ['an object', '{"a":1}', wrongAmount('{"a":1}')],
    ['an unknown unit', '{"value":42,"unit":"USD"}', wrongAmount('{"value":42,"unit":"USD"}')],
    ['a nested object', '{"value":{"value":1,"unit":"cent"},"unit":"cent"}', wrongAmount('an object')],
    ['an object with many keys', '{"a":1,"b":2,"c":3,"d":4,"e":5}', wrongAmount('an object')],
    ['an object with long text', `{"a":"${'x'.repeat(90)}"}`, wrongAmount('an object')],
    ['long text', `"${'x'.repeat(61)}"`, wrongAmount('text of 61 characters')],
    ['text with quotes', '"a\\"b"', wrongAmount('text "a\\"b"')],
  ])('refuses %s', (_, json, expected) => {
    expect(violationsOf(checkInputs([JSON.parse(`{"amount":${json},"age":30}`)], alone))).toEqual(expected);
  });

  it('refuses an integer beyond 2^53, which JSON has already changed', () => {
    expect(violationsOf(checkInputs([JSON.parse('{"amount":1,"age":9007199254740993}')], alone))).toEqual([
      { pointer: '#/inputs/0/age', detail: 'breaks the contract', got: '9007199254740992', expected: 'an integer that fits the tensor' },
    ]);
  });

  it.each([
    ['__proto__', '__proto__'],
    ['constructor', 'constructor'],
    ['toString', 'toString'],
    ['', ''],
    ['a~b/c', 'a~0b~1c'],
    ['Amount', 'Amount'],
    ['naïve', 'na%C3%AFve'],
    ['\ud800', '%EF%BF%BD'],
  ])('refuses the unknown field %j, by its pointer', (name, token) => {
    const check = checkInputs([JSON.parse(`{"amount":1,"age":1,${JSON.stringify(name)}:{"amount":5}}`)], alone);
    expect(violationsOf(check)).toEqual([
      { pointer: `#/inputs/0/${token}`, detail: 'is an unknown field', got: 'a field that no version declares', expected: 'no such field' },
    ]);
    expect(brokenOf(check)).toEqual([{ feature: 'other', rule: 'unknown', count: 1 }]);
  });

  it('does not take fields from a prototype', () => {
    expect(violationsOf(checkInputs([JSON.parse('{"__proto__":{"amount":1,"age":1}}')], alone)).map(({ pointer, detail }) => `${pointer} ${detail}`)).toEqual([
      '#/inputs/0/__proto__ is an unknown field',
      '#/inputs/0/amount is missing',
      '#/inputs/0/age is missing',
    ]);
  });

  it.each([
    ['a list', [[1]], 'a list of 1'],
    ['null', [null], 'null'],
    ['a number', [5], '5'],
    ['text', ['row'], 'text "row"'],
    ['true', [true], 'true'],
  ])('refuses %s for a row', (_, inputs, got) => {
    const check = checkInputs(inputs, alone);
    expect(violationsOf(check)).toEqual([{ pointer: '#/inputs/0', detail: 'is not a row', got, expected: 'an object of named fields' }]);
    expect(brokenOf(check)).toEqual([{ feature: 'other', rule: 'row', count: 1 }]);
  });

  it('finds everything at once, in all rows', () => {
    const check = checkInputs([row, { amount: -1, age: 1.5, colour: 'red', 'a/b ~é': 'x' }, 7, { amount: null }], alone);
    expect(violationsOf(check).map(({ pointer, detail }) => `${pointer} ${detail}`)).toEqual([
      '#/inputs/1/colour is an unknown field',
      '#/inputs/1/amount breaks the contract',
      '#/inputs/1/age breaks the contract',
      '#/inputs/1/a~1b%20~0%C3%A9 breaks the contract',
      '#/inputs/2 is not a row',
      '#/inputs/3/amount must not be null',
      '#/inputs/3/age is missing',
    ]);
    expect(brokenOf(check)).toEqual([
      { feature: 'other', rule: 'unknown', count: 1 },
      { feature: 'age', rule: 'missing', count: 1 },
      { feature: 'amount', rule: 'value', count: 2 },
      { feature: 'age', rule: 'value', count: 1 },
      { feature: 'a/b ~é', rule: 'value', count: 1 },
      { feature: 'other', rule: 'row', count: 1 },
    ]);
  });

  it('lists a thousand violations and counts the rest', () => {
    const check = checkInputs([Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`f${index}`, 1]))], alone);
    expect(check).toMatchObject({ ok: false, total: 1_502 });
    expect(violationsOf(check)).toHaveLength(1_000);
    expect(brokenOf(check)).toEqual([
      { feature: 'other', rule: 'unknown', count: 1_500 },
      { feature: 'amount', rule: 'missing', count: 1 },
      { feature: 'age', rule: 'missing', count: 1 },
    ]);
  });

  it('describes a violation only if it is listed', () => {
    let described = 0;
    const got = () => {
      described += 1;
      return 'it';
    };
    const watched = { ...baseline, fields: baseline.fields.map((field) => ({ ...field, got })) };
    const inputs = Array.from({ length: 1_200 }, () => ({ amount: -1, age: 30 }));
    expect(checkInputs(inputs, { ...alone, baseline: watched })).toMatchObject({ total: 1_200 });
    expect(described).toBe(1_000);
  });

  it('answers a value that is nested deeper than can be written', () => {
    const deep: unknown = JSON.parse(`{"amount":${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)},"age":1}`);
    expect(violationsOf(checkInputs([deep], alone))).toMatchObject([{ pointer: '#/inputs/0/amount', got: 'an object' }]);
  });

  it('never throws, and gives a violation for whatever it refuses', () => {
    const value = fc.oneof(fc.jsonValue(), fc.constantFrom(Number.NaN, 1e39, 2 ** 60, -0, '\ud800', '__proto__'), fc.double());
    const key = fc.oneof(fc.constantFrom('amount', 'age', 'a/b ~é', 'speed', '__proto__', 'constructor'), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(fc.array(fc.oneof(fc.dictionary(key, value), value)), (inputs) => {
        const parsed: unknown[] = JSON.parse(JSON.stringify(inputs));
        const check = checkInputs(parsed, pair);
        return check.ok
          ? check.rows.length === parsed.length
          : check.total > 0 && check.violations.every(({ pointer, got, expected }) => pointer.startsWith('#/inputs/') && got !== '' && expected !== '');
      }),
      { seed: 1, numRuns: 1_000 },
    );
  });
});

describe('a golden row of card-fraud', () => {
  it.each(['amount', 'hour', 'is_weekend', 'term_dispute_rate_7d_5m'])('is refused without %s', async (name) => {
    const { bundle } = await readBundle(placeOf('card-fraud', '2.0.0'));
    if (bundle === null) throw new Error('the example is whole');
    const contract = compileContract(bundle.contract, bundle.manifest);
    const whole = bundle.golden[0]?.golden.request.inputs[0] ?? {};
    const { [name]: _, ...without } = whole;
    const pairOf: ContractPair = { baseline: contract, candidate: null, known: contract.names };
    expect(checkInputs([whole], pairOf).ok).toBe(true);
    expect(violationsOf(checkInputs([without], pairOf))).toMatchObject([{ pointer: `#/inputs/0/${name}`, detail: 'is missing', unit: expect.any(String) }]);
  });
});
