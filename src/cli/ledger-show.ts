import { closeSync, openSync, renameSync, writeSync } from 'node:fs';
import { z } from 'zod';
import { headText, type LedgerHead } from '../ledger/ledger-entry.ts';
import { type AnyLedgerEntry, readEntryLine } from '../ledger/verify-chain.ts';
import type { CliIo } from './io.ts';
import { LedgerCommandError, type LedgerSource } from './ledger-source.ts';
import { textTable } from './text-table.ts';

/** The options of `handoff ledger show`. */
export interface ShowOptions {
  readonly model?: string;
  /** Entries of this kind only, or `all`. */
  readonly kind: string;
  readonly limit: number;
  readonly export?: string;
  readonly json?: true;
}

interface Showing {
  readonly options: ShowOptions;
  readonly io: CliIo;
}

/** The parts of a decision that are shown to a person. */
const decision = z.object({ move: z.string(), actor: z.string(), reason: z.string(), fromWeightHundredths: z.number(), toWeightHundredths: z.number() });

const headLine = (head: LedgerHead | null): string => (head === null ? 'the ledger is empty' : `head ${headText(head)}`);

const headOf = ({ sequence, hash }: AnyLedgerEntry): LedgerHead => ({ sequence, hash });

const entryOf = (line: string): AnyLedgerEntry => {
  const entry = readEntryLine(line);
  if (typeof entry === 'string') throw new LedgerCommandError(3, `an entry cannot be read: ${entry}; \`handoff ledger verify\` tells which`);
  return entry;
};

const writeLines = async (path: string, lines: AsyncIterable<string>): Promise<{ readonly entries: number; readonly head: LedgerHead | null }> => {
  let entries = 0;
  let last: string | null = null;
  const file = openSync(path, 'w');
  try {
    for await (const line of lines) {
      writeSync(file, `${line}\n`);
      last = line;
      entries += 1;
    }
  } finally {
    closeSync(file);
  }
  return { entries, head: last === null ? null : headOf(entryOf(last)) };
};

const exportTo = async (path: string, { source, showing: { options, io } }: { readonly source: LedgerSource; readonly showing: Showing }): Promise<void> => {
  if (options.model !== undefined)
    throw new LedgerCommandError(2, '--model: got a model beside --export, expected none: a part of the chain cannot be verified');
  // Renamed when it is whole: half an export would verify as a shorter ledger.
  const part = `${path}.part`;
  const { entries, head } = await writeLines(part, source.lines());
  renameSync(part, path);
  if (options.json === true) io.stdout(`${JSON.stringify({ file: path, entries, head })}\n`);
  else io.stdout(`${entries} ${entries === 1 ? 'entry' : 'entries'} in ${path}; ${headLine(head)}\n`);
};

const newestOf = async (
  source: LedgerSource,
  { model, kind, limit }: ShowOptions,
): Promise<{ readonly entries: readonly AnyLedgerEntry[]; readonly head: LedgerHead | null }> => {
  let head: LedgerHead | null = null;
  const newest: AnyLedgerEntry[] = [];
  for await (const line of source.lines()) {
    const entry = entryOf(line);
    head = headOf(entry);
    if ((model !== undefined && entry.model !== model) || (kind !== 'all' && entry.kind !== kind)) continue;
    newest.push(entry);
    if (newest.length > limit) newest.shift();
  }
  return { entries: newest.reverse(), head };
};

const block = z.object({ number: z.int(), lnE: z.number().nullable() });

/** The parts of a block that are shown to a person. */
const blockCells = ({ number, lnE }: z.infer<typeof block>): readonly string[] => [
  `block ${number}`,
  '',
  '',
  lnE === null ? '' : `evidence ${Number(Math.exp(lnE).toPrecision(3))}`,
];

const rowOf = ({ sequence, at, model, kind, body, hash }: AnyLedgerEntry): readonly string[] => {
  const parsed = decision.safeParse(body);
  if (!parsed.success) {
    const counted = block.safeParse(body);
    const [what = kind, actor = '', weight = '', reason = ''] = counted.success ? blockCells(counted.data) : [];
    return [String(sequence), at, model, what, actor, weight, hash.slice(0, 12), reason];
  }
  const { move, actor, reason, fromWeightHundredths, toWeightHundredths } = parsed.data;
  return [String(sequence), at, model, move, actor, `${fromWeightHundredths / 100} -> ${toWeightHundredths / 100} %`, hash.slice(0, 12), reason];
};

/** `handoff ledger show`: the newest entries and the head; or, with `--export`, the whole ledger as JSON Lines in a file. Rejects as the source does. */
export const showLedger = async (source: LedgerSource, showing: Showing): Promise<void> => {
  const { options, io } = showing;
  if (options.export !== undefined) return exportTo(options.export, { source, showing });
  const { entries, head } = await newestOf(source, options);
  if (options.json === true) io.stdout(`${JSON.stringify({ entries, head })}\n`);
  else io.stdout(`${textTable([['SEQUENCE', 'AT', 'MODEL', 'MOVE', 'ACTOR', 'WEIGHT', 'HASH', 'REASON'], ...entries.map(rowOf)])}${headLine(head)}\n`);
};
