import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { deriveLedgerKey, type LedgerKey, ledgerKeyFile, parseSecret } from '../ledger/ledger-key.ts';
import type { CliIo } from './io.ts';
import { LedgerCommandError, type LedgerSource } from './ledger-source.ts';

const parsedKey = (text: string, name: string): LedgerKey => {
  const secret = parseSecret(text);
  if (secret === null) throw new LedgerCommandError(2, `${name}: got no key, expected 64 hexadecimal digits`);
  return deriveLedgerKey(secret);
};

const keyIn = (path: string, name: string): LedgerKey => {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new LedgerCommandError(2, `${name}: ${path} cannot be read`);
  }
  return parsedKey(text, name);
};

const ownKey = (env: CliIo['env'], { dataDir }: LedgerSource): LedgerKey | null => {
  if (env.HANDOFF_LEDGER_KEY !== undefined) return parsedKey(env.HANDOFF_LEDGER_KEY, 'HANDOFF_LEDGER_KEY');
  if (env.HANDOFF_LEDGER_KEY_FILE !== undefined) return keyIn(env.HANDOFF_LEDGER_KEY_FILE, 'HANDOFF_LEDGER_KEY_FILE');
  const beside = dataDir === null ? null : join(dataDir, ledgerKeyFile);
  return beside !== null && existsSync(beside) ? keyIn(beside, ledgerKeyFile) : null;
};

/**
 * The keys to verify with, by id: the files that were given, and else the gateway's own, from where the gateway takes it.
 * Null when there is none. @throws LedgerCommandError (2) for a key that cannot be used
 */
export const ledgerKeys = (
  files: readonly string[],
  { env, source }: { readonly env: CliIo['env']; readonly source: LedgerSource },
): ReadonlyMap<string, LedgerKey> | null => {
  const own = files.length === 0 ? ownKey(env, source) : null;
  const keys = [...files.map((file) => keyIn(file, '--ledger-key')), ...(own === null ? [] : [own])];
  return keys.length === 0 ? null : new Map(keys.map((key) => [key.id, key]));
};
