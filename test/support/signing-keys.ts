import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key pair in files, as its owner and those who trust it have it. */
export interface SigningKeys {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly privateFile: string;
  readonly publicFile: string;
  /** Folder with the public key alone. */
  readonly trustedKeysDir: string;
  readonly remove: () => Promise<void>;
}

export const makeSigningKeys = async (namedCurve: 'P-256' | 'P-384' | 'P-521' = 'P-256'): Promise<SigningKeys> => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  const secret = await mkdtemp(join(tmpdir(), 'handoff-signer-'));
  const trustedKeysDir = await mkdtemp(join(tmpdir(), 'handoff-trusted-'));
  const privateFile = join(secret, 'release.pem');
  const publicFile = join(trustedKeysDir, 'release.pub.pem');
  await writeFile(privateFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  await writeFile(publicFile, publicKey.export({ type: 'spki', format: 'pem' }));
  const remove = async () => {
    for (const folder of [secret, trustedKeysDir]) await rm(folder, { recursive: true, force: true });
  };
  return { privateKey, publicKey, privateFile, publicFile, trustedKeysDir, remove };
};
