import { z } from 'zod';
import { canonicalJson } from './canonical-json.ts';
import { genesisHash, hashOf, macOf } from './chain.ts';
import type { LedgerHead } from './ledger-entry.ts';
import type { LedgerKey } from './ledger-key.ts';

/** What can be wrong with a ledger. */
export type ChainFault = 'malformed' | 'out-of-place' | 'unlinked' | 'changed' | 'unknown-key' | 'forged' | 'cut' | 'other-head';

/** The first fault that was found, or that there is none. */
export type ChainVerdict =
  | {
      readonly verifies: true;
      readonly entries: number;
      readonly head: LedgerHead | null /** Whether the macs were checked too. */;
      readonly authenticated: boolean;
    }
  | { readonly verifies: false /** Of the entry that is wrong or missing. */; readonly sequence: number; readonly fault: ChainFault; readonly reason: string };

/** What a ledger is held against. */
export interface ChainExpectation {
  /** By id; null: hashes alone are checked, which shows no forgery by someone who hashes anew. */
  readonly keys: ReadonlyMap<string, LedgerKey> | null;
  /** A head that was kept elsewhere; null: a tail that was cut off does not show. */
  readonly head: LedgerHead | null;
}

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'a hash of 64 hexadecimal digits');
const text = z.string('some text');

/** An entry of any kind, also of kinds that are not known here. */
const anyEntry = z.strictObject({
  format: z.literal(1, 'format 1'),
  sequence: z.int('a whole number').min(1, 'a number of at least 1'),
  at: text.regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time like 2026-05-01T00:00:00.000Z'),
  model: text,
  rollout: text,
  kind: text.regex(/^[a-z]+(-[a-z]+)*$/, 'a kind like decision'),
  // As it was parsed: a copy could lose a member that JavaScript treats in its own way.
  body: z.custom<Readonly<Record<string, unknown>>>((value) => typeof value === 'object' && value !== null && !Array.isArray(value), 'an object'),
  prevHash: hash,
  keyId: text.regex(/^[0-9a-f]{16}$/, 'a key id of 16 hexadecimal digits'),
  hash,
  mac: hash,
});

/** An entry as it was read, of whatever kind. */
export type AnyLedgerEntry = z.infer<typeof anyEntry>;

type Fault = Extract<ChainVerdict, { verifies: false }>;
/** The entry of a line that is in its place, or what is wrong with it. */
export type Step = { readonly verifies: true; readonly entry: AnyLedgerEntry } | Fault;

const faultAt = (sequence: number, fault: ChainFault, reason: string): Fault => ({ verifies: false, sequence, fault, reason });

/** Reads one line of a ledger: an entry in canonical JSON. @returns the entry, or why it is none */
export const readEntryLine = (line: string): AnyLedgerEntry | string => {
  try {
    const parsed = anyEntry.safeParse(JSON.parse(line));
    if (!parsed.success) {
      const [issue] = parsed.error.issues;
      return `${issue?.path.join('.') || 'the line'}: expected ${issue?.message ?? 'an entry'}`;
    }
    // A line has one form only, so that no byte can change without showing; JSON that names a member twice fails here too.
    return canonicalJson(parsed.data) === line ? parsed.data : 'it is not in canonical form';
  } catch (error) {
    return error instanceof Error ? error.message : 'it is no JSON';
  }
};

const short = (hex: string): string => `${hex.slice(0, 12)}…`;

const sealFault = (entry: AnyLedgerEntry, keys: ChainExpectation['keys']): Fault | null => {
  const { hash: stated, mac, ...unsealed } = entry;
  const { sequence, keyId } = entry;
  const actual = hashOf(unsealed);
  if (actual !== stated)
    return faultAt(sequence, 'changed', `entry ${sequence} was changed: its content has the hash ${short(actual)}, it states ${short(stated)}`);
  if (keys === null) return null;
  const key = keys.get(keyId);
  if (key === undefined) return faultAt(sequence, 'unknown-key', `entry ${sequence} is authenticated with the key ${keyId}, which was not given`);
  if (macOf(stated, key) !== mac) return faultAt(sequence, 'forged', `entry ${sequence} was not sealed with the gateway's key: its mac does not fit its hash`);
  return null;
};

const placeFault = (entry: AnyLedgerEntry, previous: LedgerHead | null): Fault | null => {
  const before = previous === null ? 'the beginning' : `entry ${previous.sequence}`;
  const expected = (previous?.sequence ?? 0) + 1;
  if (entry.sequence !== expected) {
    return faultAt(expected, 'out-of-place', `entry ${expected} is missing or not in its place: entry ${entry.sequence} follows ${before}`);
  }
  const prevHash = previous?.hash ?? genesisHash;
  if (entry.prevHash === prevHash) return null;
  return faultAt(expected, 'unlinked', `entry ${expected} does not follow ${before}: it names the hash ${short(entry.prevHash)}, expected ${short(prevHash)}`);
};

/** Checks one line against the entry before it. */
export const checkLine = (line: string, { previous, keys }: { readonly previous: LedgerHead | null; readonly keys: ChainExpectation['keys'] }): Step => {
  const entry = readEntryLine(line);
  const expected = (previous?.sequence ?? 0) + 1;
  if (typeof entry === 'string') return faultAt(expected, 'malformed', `entry ${expected} cannot be read: ${entry}`);
  return placeFault(entry, previous) ?? sealFault(entry, keys) ?? { verifies: true, entry };
};

const headFault = (last: LedgerHead | null, kept: LedgerHead | null): Fault | null => {
  if (kept === null) return null;
  const end = last?.sequence ?? 0;
  if (end < kept.sequence) {
    return faultAt(
      end + 1,
      'cut',
      `entry ${end + 1} and what follows were cut off: the ledger ends after ${end} entries, the kept head is entry ${kept.sequence}`,
    );
  }
  if (last === null || last.sequence !== kept.sequence || last.hash === kept.hash) return null;
  return faultAt(
    last.sequence,
    'other-head',
    `entry ${last.sequence} is not the one of the kept head: it has the hash ${short(last.hash)}, expected ${short(kept.hash)}`,
  );
};

/**
 * Verifies a ledger from its first entry to its last and stops at the first fault.
 * @param lines every entry in order, each as canonical JSON
 */
export const verifyChain = async (lines: Iterable<string> | AsyncIterable<string>, { keys, head }: ChainExpectation): Promise<ChainVerdict> => {
  let previous: LedgerHead | null = null;
  for await (const line of lines) {
    const step: Step = checkLine(line, { previous, keys });
    if (!step.verifies) return step;
    previous = { sequence: step.entry.sequence, hash: step.entry.hash };
    const other: Fault | null = previous.sequence === head?.sequence ? headFault(previous, head) : null;
    if (other !== null) return other;
  }
  return headFault(previous, head) ?? { verifies: true, entries: previous?.sequence ?? 0, head: previous, authenticated: keys !== null };
};
