import { describe, expect, it } from 'vitest';
import { deriveLedgerKey, parseSecret } from '../../src/ledger/ledger-key.ts';
import { ledgerKey, ledgerSecret, otherKey } from '../support/ledger-lines.ts';

describe("the ledger's key", () => {
  it('is the same for the same secret, and another for another', () => {
    expect(deriveLedgerKey(Buffer.from(ledgerSecret, 'hex'))).toEqual(ledgerKey);
    expect(otherKey.id).not.toBe(ledgerKey.id);
    expect(otherKey.bytes).not.toEqual(ledgerKey.bytes);
  });

  it('is neither the secret nor begins with its id', () => {
    const hex = Buffer.from(ledgerKey.bytes).toString('hex');
    expect(hex).not.toBe(ledgerSecret);
    expect(hex).not.toContain(ledgerKey.id);
  });

  it('is read from 64 hexadecimal digits and nothing else', () => {
    expect(parseSecret(`${ledgerSecret}\n`)?.toString('hex')).toBe(ledgerSecret);
    for (const text of ['', 'secret', ledgerSecret.slice(1), `${ledgerSecret}0`, ledgerSecret.toUpperCase()]) expect(parseSecret(text)).toBeNull();
  });
});
