import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ledgerKeyFile, parseLedgerSecret } from '../ledger/ledger-key.ts';

const syncAt = (path: string): void => {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};

/**
 * The ledger's secret, kept in the data directory and made there once. Call it under the directory's lock. Durable
 * before it returns: entries that are sealed with a lost key can never be verified.
 * @throws Error when the file holds no secret, or cannot be read or written
 */
export const ledgerSecretIn = (dataDir: string): Buffer => {
  const path = join(dataDir, ledgerKeyFile);
  if (!existsSync(path)) {
    // Renamed when it is whole, so that a crash leaves no half of a key.
    writeFileSync(`${path}.new`, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    syncAt(`${path}.new`);
    renameSync(`${path}.new`, path);
    syncAt(dataDir);
  }
  const secret = parseLedgerSecret(readFileSync(path, 'utf8'));
  if (secret === null) throw new Error(`${ledgerKeyFile} holds no key, expected 64 hexadecimal digits`);
  return secret;
};
