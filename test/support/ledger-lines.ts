import { canonicalJson } from '../../src/ledger/canonical-json.ts';
import { genesisHash, hashOf, linkEntry, macOf } from '../../src/ledger/chain.ts';
import type { LedgerContent, LedgerEntry, LedgerHead } from '../../src/ledger/ledger-entry.ts';
import { deriveLedgerKey, type LedgerKey } from '../../src/ledger/ledger-key.ts';

/** The secret of the test ledger's key, as its file holds it. */
export const ledgerSecret = '000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f';
export const ledgerKey = deriveLedgerKey(Buffer.from(ledgerSecret, 'hex'));
export const otherKey = deriveLedgerKey(Buffer.alloc(32, 7));

/** What a decision says, with a reason of its own. */
export const contentWith = (reason: string, model = 'card-fraud'): LedgerContent => ({
  at: '2026-05-01T00:00:00.000Z',
  model,
  rollout: '01JZZZZZZZZZZZZZZZZZZZZZZZ',
  kind: 'decision',
  body: {
    move: 'set-weight',
    actor: 'olga',
    reason,
    fromWeightHundredths: 0,
    toWeightHundredths: 1_234,
    epoch: 2,
    revision: 2,
    migrated: false,
    state: {
      attempt: 1,
      phase: 'paused',
      baseline: '1.4.0',
      candidate: '2.0.0',
      candidateDigest: 'c'.repeat(64),
      planDigest: 'd'.repeat(64),
      step: 0,
    },
  },
});

/** Contents sealed one after the other. */
export const chainOf = (contents: readonly LedgerContent[], key: LedgerKey = ledgerKey): readonly LedgerEntry[] => {
  const entries: LedgerEntry[] = [];
  for (const content of contents) entries.push(linkEntry(content, { head: entries.at(-1) ?? null, key }));
  return entries;
};

/** Six decisions over two models, whose reasons have what text can have. */
export const sixEntries = (): readonly LedgerEntry[] =>
  chainOf([
    contentWith('accepted'),
    contentWith('“ünïcode” 😀 \u2028 \r\n \u0000 \u007f \u0080', 'search-ranker'),
    contentWith('quotes " and \\ backslashes'),
    contentWith('a look at real traffic'),
    contentWith('', 'search-ranker'),
    contentWith('enough'),
  ]);

/** The ledger's lines, as they are exported. */
export const linesOf = (entries: readonly object[]): string[] => entries.map((entry) => canonicalJson(entry));

/** The head of some entries. */
export const headOf = (entries: readonly LedgerEntry[]): LedgerHead => {
  const last = entries.at(-1);
  return { sequence: last?.sequence ?? 0, hash: last?.hash ?? genesisHash };
};

/** Someone hashes all entries anew after a change, and seals them with a key of theirs, or leaves the macs as they were. */
const hashedAnew = (entries: readonly LedgerEntry[], key: LedgerKey | null): LedgerEntry[] => {
  const forged: LedgerEntry[] = [];
  for (const [index, { hash: _hash, mac, ...rest }] of entries.entries()) {
    const unsealed = { ...rest, sequence: index + 1, prevHash: forged.at(-1)?.hash ?? genesisHash, keyId: key?.id ?? rest.keyId };
    const hash = hashOf(unsealed);
    forged.push({ ...unsealed, hash, mac: key === null ? mac : macOf(hash, key) } as LedgerEntry);
  }
  return forged;
};

const without = (entries: readonly LedgerEntry[], sequence: number): LedgerEntry[] => entries.filter((entry) => entry.sequence !== sequence);

const changed = (entries: readonly LedgerEntry[], sequence: number, change: (entry: LedgerEntry) => object): LedgerEntry[] =>
  entries.map((entry) => (entry.sequence === sequence ? ({ ...entry, ...change(entry) } as LedgerEntry) : entry));

const withReason = (reason: string) => (entry: LedgerEntry) => ({ body: { ...entry.body, reason } });

/** One way to tamper with the six entries, and what the verifier says of it. */
export interface Tampering {
  readonly way: string;
  readonly lines: (entries: readonly LedgerEntry[]) => string[];
  /** Whether the head from before is given. */
  readonly headKept?: true;
  readonly sequence: number;
  readonly fault: string;
}

const swapped = (lines: readonly string[], left: number, right: number): string[] =>
  lines.map((line, index) => lines[index === left ? right : index === right ? left : index] ?? line);

export const tamperings: readonly Tampering[] = [
  { way: 'a changed reason', lines: (all) => linesOf(changed(all, 3, withReason('other'))), sequence: 3, fault: 'changed' },
  {
    way: 'a changed weight',
    lines: (all) => linesOf(changed(all, 4, ({ body }) => ({ body: { ...body, toWeightHundredths: 1_235 } }))),
    sequence: 4,
    fault: 'changed',
  },
  { way: 'a changed time', lines: (all) => linesOf(changed(all, 1, () => ({ at: '2026-05-01T00:00:00.001Z' }))), sequence: 1, fault: 'changed' },
  { way: 'a changed model', lines: (all) => linesOf(changed(all, 2, () => ({ model: 'card-fraud' }))), sequence: 2, fault: 'changed' },
  { way: 'a changed kind', lines: (all) => linesOf(changed(all, 2, () => ({ kind: 'block' }))), sequence: 2, fault: 'changed' },
  { way: 'a changed key id', lines: (all) => linesOf(changed(all, 2, () => ({ keyId: '0'.repeat(16) }))), sequence: 2, fault: 'changed' },
  { way: 'a changed hash', lines: (all) => linesOf(changed(all, 5, () => ({ hash: 'a'.repeat(64) }))), sequence: 5, fault: 'changed' },
  { way: 'a changed hash of the entry before', lines: (all) => linesOf(changed(all, 5, () => ({ prevHash: 'a'.repeat(64) }))), sequence: 5, fault: 'unlinked' },
  { way: 'a changed mac', lines: (all) => linesOf(changed(all, 5, () => ({ mac: 'a'.repeat(64) }))), sequence: 5, fault: 'forged' },
  { way: 'a sequence that is changed', lines: (all) => linesOf(changed(all, 5, () => ({ sequence: 50 }))), sequence: 5, fault: 'out-of-place' },
  { way: 'a missing first entry', lines: (all) => linesOf(without(all, 1)), sequence: 1, fault: 'out-of-place' },
  { way: 'a missing entry', lines: (all) => linesOf(without(all, 3)), sequence: 3, fault: 'out-of-place' },
  {
    way: 'a missing entry whose followers are numbered anew',
    lines: (all) => linesOf(without(all, 3).map((entry, index) => ({ ...entry, sequence: index + 1 }))),
    sequence: 3,
    fault: 'unlinked',
  },
  { way: 'a missing entry whose followers are hashed anew', lines: (all) => linesOf(hashedAnew(without(all, 3), null)), sequence: 3, fault: 'forged' },
  { way: 'two entries that changed places', lines: (all) => swapped(linesOf(all), 2, 3), sequence: 3, fault: 'out-of-place' },
  {
    way: 'two entries that changed places and numbers',
    lines: (all) =>
      swapped(
        linesOf(
          changed(
            changed(all, 3, () => ({ sequence: 4 })),
            4,
            ({ body }) => ({ sequence: 'reason' in body && body.reason === 'a look at real traffic' ? 3 : 4 }),
          ),
        ),
        2,
        3,
      ),
    sequence: 3,
    fault: 'unlinked',
  },
  { way: 'an entry that comes twice', lines: (all) => linesOf([...all.slice(0, 3), ...all.slice(2)]), sequence: 4, fault: 'out-of-place' },
  { way: 'a changed entry that is hashed anew', lines: (all) => linesOf(hashedAnew(changed(all, 3, withReason('other')), null)), sequence: 3, fault: 'forged' },
  { way: 'a ledger that is sealed anew with another key', lines: (all) => linesOf(hashedAnew(all, otherKey)), sequence: 1, fault: 'unknown-key' },
  {
    way: 'an entry that is added with another key under the id of ours',
    lines: (all) => linesOf([...all, linkEntry(contentWith('added'), { head: headOf(all), key: { ...otherKey, id: ledgerKey.id } })]),
    sequence: 7,
    fault: 'forged',
  },
  { way: 'a tail that is cut off', lines: (all) => linesOf(all.slice(0, 4)), headKept: true, sequence: 5, fault: 'cut' },
  { way: 'a ledger that is emptied', lines: () => [], headKept: true, sequence: 1, fault: 'cut' },
  {
    way: 'a tail that is cut off and grown again with the right key',
    lines: (all) => linesOf([...all.slice(0, 5), linkEntry(contentWith('other'), { head: headOf(all.slice(0, 5)), key: ledgerKey })]),
    headKept: true,
    sequence: 6,
    fault: 'other-head',
  },
  { way: 'a space more', lines: (all) => linesOf(all).with(1, `${linesOf(all)[1]?.replace(',', ', ')}`), sequence: 2, fault: 'malformed' },
  { way: 'members in another order', lines: (all) => linesOf(all).with(1, JSON.stringify(all[1])), sequence: 2, fault: 'malformed' },
  {
    way: 'a member that comes twice',
    lines: (all) => linesOf(all).with(1, `${linesOf(all)[1]?.replace('{', '{"at":"2020-01-01T00:00:00.000Z",')}`),
    sequence: 2,
    fault: 'malformed',
  },
  { way: 'a member more', lines: (all) => linesOf(changed(all, 2, () => ({ zzz: 1 }))), sequence: 2, fault: 'malformed' },
  { way: 'a member less', lines: (all) => linesOf(all.map(({ keyId: _keyId, ...rest }) => rest)), sequence: 1, fault: 'malformed' },
  { way: 'another format', lines: (all) => linesOf(changed(all, 1, () => ({ format: 2 }))), sequence: 1, fault: 'malformed' },
  { way: 'a body that is a list', lines: (all) => linesOf(changed(all, 1, () => ({ body: [] }))), sequence: 1, fault: 'malformed' },
  { way: 'an empty line', lines: (all) => linesOf(all).toSpliced(2, 0, ''), sequence: 3, fault: 'malformed' },
  { way: 'half a line at the end', lines: (all) => linesOf(all).with(5, `${linesOf(all)[5]?.slice(0, 100)}`), sequence: 6, fault: 'malformed' },
];
