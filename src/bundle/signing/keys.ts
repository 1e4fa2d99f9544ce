import { createHash, createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { signatureHashOf } from './dsse.ts';

/** A public key that signatures are trusted by. */
export interface TrustedKey {
  /** The file's name. */
  readonly name: string;
  readonly key: KeyObject;
  /** SHA-256 of the key's PEM text: names the key in signatures and logs. */
  readonly hint: string;
}

/** A key, or a folder of keys, that cannot be used; the message says which and why. */
export class KeyError extends Error {
  override readonly name = 'KeyError';
}

const curves = 'an elliptic-curve key on P-256, P-384 or P-521';

/** How signatures name a public key: the SHA-256 of its PEM text in hexadecimal. */
export const hintOf = (key: KeyObject): string =>
  createHash('sha256')
    .update(key.export({ type: 'spki', format: 'pem' }))
    .digest('hex');

const readPem = async (path: string): Promise<string> =>
  readFile(path, 'utf8').catch(() => {
    throw new KeyError(`${path}: got a file that cannot be read, expected ${curves} as PEM`);
  });

const parsed = (path: string, read: () => KeyObject): KeyObject => {
  let key: KeyObject;
  try {
    key = read();
  } catch {
    throw new KeyError(`${path}: got no such key, expected ${curves} as PEM, not encrypted`);
  }
  if (signatureHashOf(key) === null)
    throw new KeyError(`${path}: got a key of type ${key.asymmetricKeyDetails?.namedCurve ?? key.asymmetricKeyType}, expected ${curves}`);
  return key;
};

/** Reads a public key. @throws KeyError also for a private key: whoever verifies must not hold it */
export const readPublicKey = async (path: string): Promise<TrustedKey> => {
  const text = await readPem(path);
  if (text.includes('PRIVATE KEY')) throw new KeyError(`${path}: got a private key, expected the public one`);
  const key = parsed(path, () => createPublicKey(text));
  return { name: basename(path), key, hint: hintOf(key) };
};

/** Reads a private key. @throws KeyError */
export const readPrivateKey = async (path: string): Promise<KeyObject> => {
  const text = await readPem(path);
  return parsed(path, () => createPrivateKey(text));
};

/** Reads every `*.pem` of a folder; other files are passed over. @throws KeyError for a folder without keys, and for one that cannot be used */
export const readTrustedKeys = async (folder: string): Promise<readonly TrustedKey[]> => {
  const names = await readdir(folder).catch(() => {
    throw new KeyError(`${folder}: got no folder that can be read, expected a folder of public keys (*.pem)`);
  });
  const files = names.filter((name) => name.endsWith('.pem')).sort();
  if (files.length === 0) throw new KeyError(`${folder}: got no *.pem, expected at least one public key`);
  return Promise.all(files.map((file) => readPublicKey(join(folder, file))));
};
