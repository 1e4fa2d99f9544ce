import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linkEntry } from '../../src/ledger/chain.ts';
import type { LedgerHead } from '../../src/ledger/ledger-entry.ts';
import type { LedgerKey } from '../../src/ledger/ledger-key.ts';
import { verifyChain } from '../../src/ledger/verify-chain.ts';
import { chainOf, contentWith, headOf, ledgerKey, linesOf, otherKey, sixEntries, tamperings } from '../support/ledger-lines.ts';

const keysOf = (...keys: readonly LedgerKey[]): ReadonlyMap<string, LedgerKey> => new Map(keys.map((key) => [key.id, key]));
const verify = (lines: readonly string[], head: LedgerHead | null = null) => verifyChain(lines, { keys: keysOf(ledgerKey), head });

describe('a ledger that nobody touched', () => {
  it('verifies, with the number of its entries and its head', async () => {
    const entries = sixEntries();
    expect(await verify(linesOf(entries))).toEqual({ verifies: true, entries: 6, head: headOf(entries), authenticated: true });
  });

  it('verifies with every head that it ever had', async () => {
    const entries = sixEntries();
    for (const length of [1, 2, 5, 6]) expect(await verify(linesOf(entries), headOf(entries.slice(0, length)))).toMatchObject({ verifies: true, entries: 6 });
  });

  it('verifies while it is empty', async () => {
    expect(await verify([])).toEqual({ verifies: true, entries: 0, head: null, authenticated: true });
  });

  it('verifies over a change of the key when both keys are given', async () => {
    const entries = chainOf([contentWith('first')]);
    const lines = linesOf([...entries, linkEntry(contentWith('second'), { head: headOf(entries), key: otherKey })]);
    expect(await verifyChain(lines, { keys: keysOf(ledgerKey, otherKey), head: null })).toMatchObject({ verifies: true, entries: 2 });
    expect(await verify(lines)).toMatchObject({ verifies: false, sequence: 2, fault: 'unknown-key' });
  });

  it('verifies over a change of the key that was taken back; only a head tells that from a tail that who has the old key wrote anew', async () => {
    const entries = chainOf([contentWith('first')]);
    const second = linkEntry(contentWith('second'), { head: headOf(entries), key: otherKey });
    const keys = keysOf(ledgerKey, otherKey);
    const back = linesOf([...entries, second, linkEntry(contentWith('third'), { head: second, key: ledgerKey })]);
    expect(await verifyChain(back, { keys, head: headOf([second]) })).toMatchObject({ verifies: true, entries: 3 });
    const anew = linesOf([...entries, linkEntry(contentWith('anew'), { head: headOf(entries), key: ledgerKey })]);
    expect(await verifyChain(anew, { keys, head: null })).toMatchObject({ verifies: true, entries: 2 });
    expect(await verifyChain(anew, { keys, head: headOf([second]) })).toMatchObject({ verifies: false, sequence: 2, fault: 'other-head' });
  });

  it('verifies entries of kinds that are not known yet', async () => {
    const block = { ...contentWith(''), kind: 'block', body: { counts: [1, 2.5, 1e-9] } } as unknown as ReturnType<typeof contentWith>;
    expect(await verify(linesOf(chainOf([block, contentWith('after')])))).toMatchObject({ verifies: true, entries: 2 });
  });

  it('verifies without a key, and says that nothing was authenticated', async () => {
    expect(await verifyChain(linesOf(sixEntries()), { keys: null, head: null })).toMatchObject({ verifies: true, authenticated: false });
  });
});

describe('a ledger that was tampered with', () => {
  it.each(tamperings)('shows $way', async ({ lines, headKept, sequence, fault }) => {
    const entries = sixEntries();
    const verdict = await verify(lines(entries), headKept === true ? headOf(entries) : null);
    expect(verdict).toEqual({ verifies: false, sequence, fault, reason: expect.stringMatching(new RegExp(`^entry ${sequence} [^\n]+$`)) });
  });

  it('shows no forgery without a key', async () => {
    const forged = tamperings.find(({ way }) => way === 'a changed entry that is hashed anew');
    expect(await verifyChain(forged?.lines(sixEntries()) ?? [], { keys: null, head: null })).toMatchObject({ verifies: true, authenticated: false });
  });

  it('shows every flipped bit, in the line in which it is', async () => {
    const bytes = Buffer.from(`${linesOf(sixEntries()).join('\n')}\n`);
    const starts = [0, ...[...bytes.entries()].filter(([, byte]) => byte === 0x0a).map(([index]) => index + 1)];
    const flip = fc.record({ index: fc.nat(bytes.length - 2), bit: fc.nat(7) });
    const property = fc.asyncProperty(flip, async ({ index, bit }) => {
      const tampered = Buffer.from(bytes);
      tampered[index] = (bytes[index] ?? 0) ^ (1 << bit);
      const verdict = await verify(tampered.toString('utf8').replace(/\n$/, '').split('\n'));
      expect(verdict).toMatchObject({ verifies: false, sequence: starts.findLastIndex((start) => start <= index) + 1 });
    });
    await fc.assert(property, { numRuns: 400 });
  });

  it('shows every selection and order of its entries but its own beginnings', async () => {
    const lines = linesOf(sixEntries());
    const picks = fc.array(fc.nat(5), { maxLength: 8 });
    const property = fc.asyncProperty(picks, async (indexes) => {
      const isBeginning = indexes.every((index, place) => index === place);
      expect((await verify(indexes.map((index) => lines[index] ?? ''))).verifies).toBe(isBeginning);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('shows every cut below a head that was kept', async () => {
    const entries = sixEntries();
    for (let length = 0; length < 6; length += 1) {
      expect(await verify(linesOf(entries.slice(0, length)), headOf(entries))).toMatchObject({ verifies: false, sequence: length + 1, fault: 'cut' });
    }
  });
});

describe('any contents', () => {
  it('verify once they are sealed', async () => {
    const text = fc.string({ unit: 'binary' });
    const content = fc.record({ reason: text, model: text });
    const property = fc.asyncProperty(fc.array(content, { maxLength: 5 }), async (contents) => {
      const entries = chainOf(contents.map(({ reason, model }) => contentWith(reason, model)));
      expect(await verify(linesOf(entries))).toMatchObject({ verifies: true, entries: contents.length });
    });
    await fc.assert(property, { numRuns: 50 });
  });
});
