import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { readPrivateKey, readPublicKey, readTrustedKeys } from '../../../src/bundle/signing/keys.ts';
import { signBundle } from '../../../src/bundle/signing/sign-bundle.ts';
import { createTrust, trustFaults } from '../../../src/bundle/signing/trust.ts';
import { copyBundle } from '../../support/bundle-copy.ts';
import { makeSigningKeys, type SigningKeys } from '../../support/signing-keys.ts';

let keys: SigningKeys;
beforeAll(async () => {
  keys = await makeSigningKeys();
});
afterAll(() => keys.remove());

const bundle = async (signed: boolean) => {
  const copy = await copyBundle('card-fraud', '2.0.0');
  const { bundle: read } = await copy.read();
  if (read === null) throw new Error('the example does not hold');
  if (signed) await signBundle(read, keys.privateKey);
  return (await copy.read()).bundle ?? read;
};

const folder = async (): Promise<string> => {
  const path = await mkdtemp(join(tmpdir(), 'handoff-keys-'));
  onTestFinished(() => rm(path, { recursive: true, force: true }));
  return path;
};

describe('trust', () => {
  it('refuses what nobody signed when signatures are required', async () => {
    const trust = createTrust({ mode: 'require', keysDir: keys.trustedKeysDir });
    expect(trustFaults(trust, await trust.look(await bundle(false)))).toEqual([expect.objectContaining({ file: 'model.sig', got: 'no such file' })]);
  });

  it('says who signed', async () => {
    const trust = createTrust({ mode: 'require', keysDir: keys.trustedKeysDir });
    expect(await trust.look(await bundle(true))).toEqual({ status: 'trusted', key: 'release.pub.pem', hint: expect.stringMatching(/^[0-9a-f]{64}$/) });
  });

  it('only says so when it is to warn', async () => {
    const trust = createTrust({ mode: 'warn', keysDir: keys.trustedKeysDir });
    const verdict = await trust.look(await bundle(false));
    expect(verdict).toMatchObject({ status: 'untrusted', faults: [expect.objectContaining({ got: 'no such file' })] });
    expect(trustFaults(trust, verdict)).toEqual([]);
  });

  it.each([
    { mode: 'off', keysDir: '/nowhere' },
    { mode: 'warn', keysDir: null },
  ] as const)('looks at nothing when it is $mode with keys in $keysDir', async (given) => {
    expect(await createTrust(given).look(await bundle(true))).toEqual({ status: 'unchecked' });
  });

  it('ends with the key: one that is taken away vouches for nothing', async () => {
    const keysDir = await folder();
    const trust = createTrust({ mode: 'require', keysDir });
    const signed = await bundle(true);
    await writeFile(join(keysDir, 'release.pem'), keys.publicKey.export({ type: 'spki', format: 'pem' }));
    expect((await trust.look(signed)).status).toBe('trusted');
    await rm(join(keysDir, 'release.pem'));
    expect(trustFaults(trust, await trust.look(signed))).toEqual([
      expect.objectContaining({ field: '(trusted keys)', got: expect.stringContaining('no *.pem') }),
    ]);
  });
});

describe('keys', () => {
  it('are read from every *.pem of a folder', async () => {
    const path = await folder();
    await writeFile(join(path, 'a.pem'), keys.publicKey.export({ type: 'spki', format: 'pem' }));
    await writeFile(join(path, 'README'), 'who these are');
    expect((await readTrustedKeys(path)).map(({ name }) => name)).toEqual(['a.pem']);
  });

  it.each([
    ['of RSA', () => generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' }), /got a key of type rsa/],
    ['of another curve', () => generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey.export({ type: 'spki', format: 'pem' }), /secp256k1/],
    ['of Ed25519', () => generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }), /ed25519/],
    ['of nothing', () => 'no key', /got no such key/],
    ['that is private', () => keys.privateKey.export({ type: 'pkcs8', format: 'pem' }), /got a private key/],
  ])('%s are refused as trusted keys', async (_title, text, reason) => {
    const path = join(await folder(), 'key.pem');
    await writeFile(path, text());
    await expect(readPublicKey(path)).rejects.toThrow(reason);
  });

  it('are refused by name when they cannot be read', async () => {
    await expect(readPrivateKey('/nowhere/key.pem')).rejects.toThrow('/nowhere/key.pem: got a file that cannot be read');
    await expect(readTrustedKeys('/nowhere')).rejects.toThrow('/nowhere: got no folder that can be read');
  });

  it('sign in the older form of the file too', async () => {
    const path = join(await folder(), 'key.pem');
    await writeFile(path, keys.privateKey.export({ type: 'sec1', format: 'pem' }));
    expect((await readPrivateKey(path)).asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });
});
