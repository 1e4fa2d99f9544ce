import { describe, expect, it } from 'vitest';
import type { Migration } from '../../../src/bundle/manifest.ts';
import { checkInputs } from '../../../src/data-plane/contract/check-inputs.ts';
import { compileContract, type Row } from '../../../src/data-plane/contract/compile-contract.ts';
import { contractWith, fieldWith, inputRules, tensorOf } from '../../support/contract-fields.ts';

const cents = fieldWith({ name: 'amount_cent', unit: 'cent', acceptedUnits: { EUR: 100 }, maximum: 50_000 });
const channel = fieldWith({ name: 'channel', kind: 'integer' });
const migration: readonly Migration[] = [
  { field: 'amount_cent', from: 'amount', factor: 100 },
  { field: 'channel', default: 3 },
];

const older = compileContract(contractWith({ inputs: [tensorOf([fieldWith({ name: 'amount', unit: 'EUR' })])] }), inputRules());
const newer = compileContract(contractWith({ inputs: [tensorOf([cents, channel], 'FP64')] }), inputRules([], [...migration]));
const known = new Set([...older.names, ...newer.names]);

const read = (row: Row): unknown[] => [...(newer.encode([row]).features?.data ?? [])];

describe('a version with migrations', () => {
  it.each([
    ['a bare number is converted', { amount: 0.35 }, [35, 3]],
    ['its own field comes first', { amount: 1, amount_cent: 7, channel: 1 }, [7, 1]],
    ['null in its own field gets what stands in', { amount: 1, channel: null }, [100, 3]],
    ['a number with its unit is read by the contract', { amount: { value: 2, unit: 'EUR' } }, [200, 3]],
  ])('reads a request of an older client: %s', (_title, row, expected) => {
    expect(newer.holds(row)).toBe(true);
    expect(read(row)).toEqual(expected);
  });

  it('converts a whole number that JSON does not hold like any other', () => {
    const seconds = fieldWith({ name: 'at', kind: 'integer' });
    const contract = compileContract(contractWith({ inputs: [tensorOf([seconds], 'INT64')] }), inputRules([], [{ field: 'at', from: 'at_ns', factor: 1e-9 }]));
    expect(contract.encode([{ at_ns: 1_700_000_000_000_000_000n }]).features?.data).toEqual(BigInt64Array.of(1_700_000_000n));
  });

  it('holds the converted value against its own contract', () => {
    expect(newer.holds({ amount: 501 })).toBe(false);
    expect(newer.holds({ channel: 1 })).toBe(false);
  });

  it('makes requests for the older version eligible, and changes no row', () => {
    const row = Object.freeze({ amount: 42.5 });
    const check = checkInputs([row], { baseline: older, candidate: newer, known });
    expect(check).toEqual({ ok: true, eligible: true, rows: [row] });
    expect(check.ok && check.rows[0]).toBe(row);
  });

  it('still takes them once it is the baseline, and says what is missing by its own names', () => {
    expect(checkInputs([{ amount: 42.5 }], { baseline: newer, candidate: null, known: newer.names })).toMatchObject({ ok: true });
    expect(checkInputs([{ channel: 1 }], { baseline: newer, candidate: null, known: newer.names })).toMatchObject({
      ok: false,
      violations: [{ pointer: '#/inputs/0/amount_cent', detail: 'is missing' }],
    });
  });
});
