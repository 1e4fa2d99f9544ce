/** Where a ledger command reads: the database in a data directory, the admin port of a running gateway, or an exported file. */
import { closeSync, openSync, readSync } from 'node:fs';
import { z } from 'zod';
import { canonicalJson } from '../ledger/canonical-json.ts';
import { openLedgerReader } from '../store/sqlite-ledger-reader.ts';
import { askAdmin } from './admin-client.ts';
import { addressOf, type GatewayAddress } from './gateway-address.ts';
import type { CliIo, ExitCode } from './io.ts';

/** The options that name a source; at most one of the first three. */
export interface SourceOptions {
  readonly dataDir?: string;
  readonly adminUrl?: string;
  readonly file?: string;
  readonly keyFile?: string;
}

/** A command cannot go on, and why. */
export class LedgerCommandError extends Error {
  override readonly name = 'LedgerCommandError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A ledger that can be read from its beginning. */
export interface LedgerSource {
  /** For people. */
  readonly name: string;
  /** The data directory that it is in, where its key may be too; null elsewhere. */
  readonly dataDir: string | null;
  /** Every entry in order, as canonical JSON. Rejects with LedgerCommandError or LedgerDamagedError. */
  readonly lines: () => AsyncIterable<string>;
}

const pageEntries = 500;
const chunkBytes = 65_536;
const lineFeed = 0x0a;

const page = z.object({ entries: z.array(z.looseObject({ sequence: z.int() })), next: z.int().nullable() });

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const ofDataDir = (dataDir: string): LedgerSource => ({
  name: dataDir,
  dataDir,
  lines: async function* () {
    const reader = openLedgerReader(dataDir);
    try {
      yield* reader.lines();
    } finally {
      reader.close();
    }
  },
});

const pageAfter = async (address: GatewayAddress, after: number): Promise<z.infer<typeof page>> => {
  const answer = await askAdmin(address, { method: 'GET', path: ['ledger'], query: { after: String(after), limit: String(pageEntries) } });
  // Also a refusal leaves open what the ledger is.
  if (!answer.ok) throw new LedgerCommandError(3, answer.message);
  const parsed = page.safeParse(answer.body);
  if (!parsed.success) throw new LedgerCommandError(3, 'the answer is not of an admin port of this version');
  return parsed.data;
};

const ofAdminPort = (address: GatewayAddress): LedgerSource => ({
  name: address.url.href,
  dataDir: null,
  lines: async function* () {
    let next: number | null = 0;
    while (next !== null) {
      const { entries, next: following } = await pageAfter(address, next);
      for (const entry of entries) yield canonicalJson(entry);
      // A page that does not lead on would be asked for without end.
      if (following !== null && following <= next) throw new LedgerCommandError(3, 'the answer is not of an admin port of this version');
      next = following;
    }
  },
});

/** Bytes that are not UTF-8 become a line that says so and is no entry: read with replacements, a changed byte could go unseen. */
const textOf = (bytes: Uint8Array): string => {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return 'not UTF-8';
  }
};

/** Lines end with LF alone: other line ends of Unicode may stand inside of an entry. */
const linesOf = function* (file: number): Generator<string> {
  let rest = Buffer.alloc(0);
  const chunk = Buffer.alloc(chunkBytes);
  for (;;) {
    const read = readSync(file, chunk);
    if (read === 0) break;
    rest = Buffer.concat([rest, chunk.subarray(0, read)]);
    for (let end = rest.indexOf(lineFeed); end >= 0; end = rest.indexOf(lineFeed)) {
      yield textOf(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
    }
  }
  if (rest.length > 0) yield textOf(rest);
};

const ofFile = (path: string): LedgerSource => ({
  name: path,
  dataDir: null,
  lines: async function* () {
    const file = openSync(path, 'r');
    try {
      yield* linesOf(file);
    } finally {
      closeSync(file);
    }
  },
});

/**
 * The source that the options name; without one, the data directory of the environment or the default one.
 * @throws LedgerCommandError (2) for options that contradict each other or do not hold
 */
export const ledgerSource = ({ dataDir, adminUrl, file, keyFile }: SourceOptions, env: CliIo['env']): LedgerSource => {
  if ([dataDir, adminUrl, file].filter((option) => option !== undefined).length > 1) {
    throw new LedgerCommandError(2, 'got more than one of --data-dir, --admin-url and --file, expected one');
  }
  if (file !== undefined) return ofFile(file);
  if (adminUrl === undefined) return ofDataDir(dataDir ?? env.HANDOFF_DATA_DIR ?? '.handoff');
  const address = addressOf({ adminUrl, ...(keyFile === undefined ? {} : { keyFile }) });
  if (typeof address === 'string') throw new LedgerCommandError(2, address);
  return ofAdminPort(address);
};

/** What went wrong, as a command error: what is not one already means that nobody could tell. */
export const commandErrorOf = (error: unknown): LedgerCommandError =>
  error instanceof LedgerCommandError ? error : new LedgerCommandError(3, messageOf(error));
