import { describe, expect, it } from 'vitest';
import { createLedgerAnnouncer } from '../../src/composition/announce-ledger.ts';
import { headText, type LedgerEntry } from '../../src/ledger/ledger-entry.ts';
import type { DecisionLedger } from '../../src/store/rollout-store.ts';
import { chainOf, contentWith, headOf, ledgerKey } from '../support/ledger-lines.ts';

const announced = () => {
  const lines: { readonly level: string; readonly message: string; readonly fields: object }[] = [];
  const sequences: number[] = [];
  const write = (level: string) => (fields: object, message: string) => void lines.push({ level, message, fields });
  const announcer = createLedgerAnnouncer({
    log: { debug: write('debug'), info: write('info'), warn: write('warn') },
    metrics: { setLedgerSequence: (sequence) => void sequences.push(sequence) },
  });
  return { announcer, lines, sequences };
};

const ledgerOf = (entries: readonly LedgerEntry[], keyId = ledgerKey.id): DecisionLedger => ({
  keyId,
  page: async ({ limit }) => entries.toReversed().slice(0, limit),
  following: async () => entries,
  head: async () => headOf(entries),
});

const entries = chainOf([contentWith('first'), contentWith('second')]);

describe("the ledger's head", () => {
  it('is in the log and the metric with every decision', () => {
    const { announcer, lines, sequences } = announced();
    for (const entry of entries) announcer.appended(entry);
    expect(sequences).toEqual([1, 2]);
    expect(lines.map(({ fields }) => fields)).toMatchObject(
      entries.map((entry) => ({ model: 'card-fraud', move: 'set-weight', actor: 'olga', ledger_head: headText(entry) })),
    );
  });

  it('is told at the start', async () => {
    const { announcer, lines, sequences } = announced();
    await announcer.opened(ledgerOf(entries));
    expect(sequences).toEqual([2]);
    expect(lines).toEqual([{ level: 'info', message: 'the ledger is open', fields: { ledger_head: headText(headOf(entries)) } }]);
  });

  it('is 0 in the metric and not in the log while there is none', async () => {
    const { announcer, lines, sequences } = announced();
    await announcer.opened(ledgerOf([]));
    expect({ lines, sequences }).toEqual({ lines: [], sequences: [0] });
  });

  it('comes with a warning when the key is another than that of the last entry', async () => {
    const { announcer, lines } = announced();
    await announcer.opened(ledgerOf(entries, '0123456789abcdef'));
    expect(lines.map(({ level }) => level)).toEqual(['info', 'warn']);
    expect(lines[1]?.fields).toEqual({ ledger_key: '0123456789abcdef', last_key: ledgerKey.id });
  });
});
