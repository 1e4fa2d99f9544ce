import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseSecret } from '../ledger/ledger-key.ts';

const syncAt = (path: string): void => {
  const file = openSync(path, 'r');
  try {
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
};

/**
 * A secret of 32 bytes, kept in a file of the data directory and made there once. Call it under the directory's lock. Durable
 * before it returns: what is sealed with a lost key can never be verified.
 * @throws Error when the file holds no secret, or cannot be read or written
 */
export const keptSecretIn = (dataDir: string, file: string): Buffer => {
  const path = join(dataDir, file);
  if (!existsSync(path)) {
    // Renamed when it is whole, so that a crash leaves no half of a key.
    writeFileSync(`${path}.new`, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 });
    syncAt(`${path}.new`);
    renameSync(`${path}.new`, path);
    syncAt(dataDir);
  }
  const secret = parseSecret(readFileSync(path, 'utf8'));
  if (secret === null) throw new Error(`${file} holds no key, expected 64 hexadecimal digits`);
  return secret;
};
