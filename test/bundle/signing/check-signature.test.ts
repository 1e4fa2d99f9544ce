import { createHash, sign } from 'node:crypto';
import { readFile, rename, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, test } from 'vitest';
import type { Bundle } from '../../../src/bundle/read-bundle.ts';
import { checkSignature } from '../../../src/bundle/signing/check-signature.ts';
import { readPublicKey, type TrustedKey } from '../../../src/bundle/signing/keys.ts';
import { signBundle } from '../../../src/bundle/signing/sign-bundle.ts';
import { type BundleCopy, copyBundle } from '../../support/bundle-copy.ts';
import { makeSigningKeys, type SigningKeys } from '../../support/signing-keys.ts';

let keys: SigningKeys;
let trusted: TrustedKey;
beforeAll(async () => {
  keys = await makeSigningKeys();
  trusted = await readPublicKey(keys.publicFile);
});
afterAll(() => keys.remove());

const bundleOf = async (copy: BundleCopy): Promise<Bundle> => {
  const { bundle, faults } = await copy.read();
  if (bundle === null) throw new Error(JSON.stringify(faults));
  return bundle;
};

const signedCopy = async (): Promise<BundleCopy> => {
  const copy = await copyBundle('card-fraud', '2.0.0');
  await signBundle(await bundleOf(copy), keys.privateKey);
  return copy;
};

const check = async (copy: BundleCopy) => checkSignature(await bundleOf(copy), [trusted]);

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('a signed bundle', () => {
  it('is vouched for by the key that signed it', async () => {
    expect(await check(await signedCopy())).toEqual({ signer: { name: 'release.pub.pem', hint: trusted.hint }, faults: [] });
  });

  it('lists its root digest, which is the digest of the bundle', async () => {
    const copy = await signedCopy();
    const { digest, signature } = await bundleOf(copy);
    const { dsseEnvelope } = JSON.parse(Buffer.from(signature ?? []).toString());
    expect(JSON.parse(Buffer.from(dsseEnvelope.payload, 'base64').toString()).subject).toEqual([{ name: '2.0.0', digest: { sha256: digest } }]);
  });

  it.each(['P-384', 'P-521'] as const)('may be signed on %s', async (curve) => {
    const other = await makeSigningKeys(curve);
    onTestFinished(other.remove);
    const copy = await copyBundle('card-fraud', '2.0.0');
    await signBundle(await bundleOf(copy), other.privateKey);
    expect((await checkSignature(await bundleOf(copy), [trusted, await readPublicKey(other.publicFile)])).faults).toEqual([]);
  });

  it('may get sign-offs afterwards, and lies in version control', async () => {
    const copy = await signedCopy();
    await copy.write('signoffs.yaml', 'product: agreed\n');
    await copy.write('.gitattributes', '*.onnx binary\n');
    expect((await check(copy)).faults).toEqual([]);
  });
});

// Each change is also made in the manifest's digests: whoever can write to the folder can do that, but cannot sign.
describe('a signed bundle that was changed, manifest and all, is refused', () => {
  const names = [
    'README.md',
    'RUNBOOK.md',
    'acceptance.yaml',
    'baseline.json',
    'contract.odcs.yaml',
    'evaluation/cases.jsonl',
    'slo.openslo.yaml',
    'training/train.py',
  ];

  test.each(names)('one byte of %s', async (file) => {
    const copy = await signedCopy();
    const before = await readFile(join(copy.place.folder, file), 'utf8');
    await copy.edit(file, (text) => `${text}\n`);
    await copy.seal();
    const { faults } = await check(copy);
    expect(faults).toContainEqual({ file, field: 'sha256', got: sha(`${before}\n`), expected: `${sha(before)}, as it was signed` });
    expect(faults.map((fault) => fault.file)).toEqual(['handoff.yaml', file].sort());
  });

  test('one byte of the graph', async () => {
    const copy = await signedCopy();
    const graph = await readFile(join(copy.place.folder, 'model.onnx'));
    graph[graph.length - 1] = (graph.at(-1) ?? 0) ^ 1;
    await writeFile(join(copy.place.folder, 'model.onnx'), graph);
    await copy.seal();
    expect((await check(copy)).faults.map(({ file }) => file)).toEqual(['handoff.yaml', 'model.onnx']);
  });

  test('a file that was added', async () => {
    const copy = await signedCopy();
    await copy.write('extra.py', 'print(1)\n');
    await copy.seal();
    expect((await check(copy)).faults).toContainEqual({
      file: 'extra.py',
      field: '(whole file)',
      got: 'a file that is not signed',
      expected: 'a file that model.sig lists, or no file',
    });
  });

  test('a file that was removed', async () => {
    const copy = await signedCopy();
    await copy.remove('baseline.json');
    await copy.seal();
    expect((await check(copy)).faults).toContainEqual(
      expect.objectContaining({ file: 'baseline.json', got: 'no such file', expected: expect.stringMatching(/^sha256 [0-9a-f]{64}, as it was signed$/) }),
    );
  });

  test('a file that was renamed', async () => {
    const copy = await signedCopy();
    await rename(join(copy.place.folder, 'baseline.json'), join(copy.place.folder, 'zero.json'));
    await copy.seal();
    expect((await check(copy)).faults.map(({ file }) => file).sort()).toEqual(['baseline.json', 'handoff.yaml', 'zero.json']);
  });

  test('a golden case, through the manifest that has its digest', async () => {
    const copy = await signedCopy();
    await copy.writeGolden('10-another.json', await readFile(join(copy.place.goldenFolder, '01-ordinary-purchase.json'), 'utf8'));
    await copy.seal();
    expect((await check(copy)).faults.map(({ file }) => file)).toEqual(['handoff.yaml']);
  });

  test('a golden case alone, which the signed manifest does not allow', async () => {
    const copy = await signedCopy();
    await copy.writeGolden('01-ordinary-purchase.json', '{}');
    const { bundle, faults } = await copy.read();
    expect(bundle).toBeNull();
    expect(faults).toEqual([expect.objectContaining({ file: 'golden/01-ordinary-purchase.json', field: 'sha256', got: sha('{}') })]);
  });

  test('a link in place of a file', async () => {
    const copy = await signedCopy();
    await rename(join(copy.place.folder, 'README.md'), join(copy.place.folder, '..', 'README.md'));
    await symlink('../README.md', join(copy.place.folder, 'README.md'));
    expect((await copy.read()).faults).toContainEqual({ file: 'README.md', field: '(whole file)', got: 'no regular file', expected: 'a regular file' });
  });
});

describe('a signature that cannot be trusted', () => {
  // biome-ignore lint/suspicious/noExplicitAny: a signature of any shape, to be broken at will
  const rewritten = async (change: (signature: any) => void): Promise<string> => {
    const copy = await signedCopy();
    const signature = JSON.parse(await readFile(join(copy.place.folder, 'model.sig'), 'utf8'));
    change(signature);
    await copy.write('model.sig', JSON.stringify(signature));
    const [fault] = (await check(copy)).faults;
    expect(fault?.file).toBe('model.sig');
    return fault?.got ?? '';
  };

  it('is missing', async () => {
    const copy = await copyBundle('card-fraud', '2.0.0');
    expect((await check(copy)).faults).toEqual([
      { file: 'model.sig', field: '(whole file)', got: 'no such file', expected: 'a Model Signing v1.0 signature by a trusted key (release.pub.pem)' },
    ]);
  });

  it('is of another key', async () => {
    const other = await makeSigningKeys();
    onTestFinished(other.remove);
    const copy = await copyBundle('card-fraud', '2.0.0');
    const hint = await signBundle(await bundleOf(copy), other.privateKey);
    expect((await check(copy)).faults[0]?.got).toBe(`a signature by another key (${hint.slice(0, 12)})`);
  });

  it('claims a trusted key that did not make it', async () => {
    const other = await makeSigningKeys();
    onTestFinished(other.remove);
    const got = await rewritten((signature) => {
      const { dsseEnvelope } = signature;
      dsseEnvelope.signatures[0].sig = sign('sha256', Buffer.from(dsseEnvelope.payload, 'base64'), other.privateKey).toString('base64');
    });
    expect(got).toBe('a signature that release.pub.pem did not make over this content');
  });

  it('is over another content', async () => {
    const got = await rewritten(({ dsseEnvelope }) => {
      const text = Buffer.from(dsseEnvelope.payload, 'base64').toString();
      dsseEnvelope.payload = Buffer.from(text.replace('README.md', 'README.mD')).toString('base64');
    });
    expect(got).toBe('a signature that release.pub.pem did not make over this content');
  });

  it.each([
    [
      'has two signatures',
      (signature: { dsseEnvelope: { signatures: unknown[] } }) => signature.dsseEnvelope.signatures.push({ sig: 'AAAA' }),
      /one signature/,
    ],
    ['has none', (signature: { dsseEnvelope: { signatures: unknown[] } }) => signature.dsseEnvelope.signatures.pop(), /one signature/],
    [
      'is by certificate',
      (signature: { verificationMaterial: object }) => Object.assign(signature, { verificationMaterial: { certificate: {} } }),
      /public key/,
    ],
    [
      'is of another payload type',
      (signature: { dsseEnvelope: object }) => Object.assign(signature.dsseEnvelope, { payloadType: 'text/plain' }),
      /payloadType/,
    ],
    ['is no Sigstore bundle', (signature: object) => Object.assign(signature, { mediaType: 'application/json' }), /mediaType/],
  ])('%s', async (_title, change, got) => {
    expect(await rewritten(change as never)).toMatch(got);
  });

  it('is no JSON', async () => {
    const copy = await signedCopy();
    await copy.write('model.sig', 'no signature');
    expect((await check(copy)).faults[0]?.got).toBe('no JSON');
  });
});

// A key that is trusted may still sign what this verifier cannot hold a folder against.
describe('a statement that a trusted key signed', () => {
  const signedStatement = async (change: (statement: Record<string, Record<string, unknown>>) => void): Promise<string> => {
    const copy = await signedCopy();
    const signature = JSON.parse(await readFile(join(copy.place.folder, 'model.sig'), 'utf8'));
    const statement = JSON.parse(Buffer.from(signature.dsseEnvelope.payload, 'base64').toString());
    change(statement);
    const payload = Buffer.from(JSON.stringify(statement));
    const type = 'application/vnd.in-toto+json';
    const encoding = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} ${type} ${payload.length} `), payload]);
    signature.dsseEnvelope.payload = payload.toString('base64');
    signature.dsseEnvelope.signatures[0].sig = sign('sha256', encoding, keys.privateKey).toString('base64');
    await copy.write('model.sig', JSON.stringify(signature));
    return (await check(copy)).faults[0]?.got ?? 'trusted';
  };

  it('may list sign-offs, which are not held to it', async () => {
    const got = await signedStatement((statement) => {
      const { resources } = statement.predicate as { resources: { name: string; algorithm: string; digest: string }[] };
      resources.push({ name: 'signoffs.yaml', algorithm: 'sha256', digest: sha('agreed') });
      const root = createHash('sha256');
      for (const { digest } of resources) root.update(digest, 'hex');
      Object.assign(statement, { subject: [{ name: '2.0.0', digest: { sha256: root.digest('hex') } }] });
    });
    expect(got).toBe('trusted');
  });

  it('is taken when nothing in it was changed', async () => {
    expect(await signedStatement(() => undefined)).toBe('trusted');
  });

  it.each([
    [
      'of parts of files',
      (statement: { predicate: { serialization: object } }) => Object.assign(statement.predicate.serialization, { method: 'shards' }),
      /parts of files/,
    ],
    [
      'of another hash',
      (statement: { predicate: { resources: object[] } }) => Object.assign(statement.predicate.resources[0] ?? {}, { algorithm: 'blake3' }),
      /algorithm/,
    ],
    ['of another kind', (statement: object) => Object.assign(statement, { predicateType: 'https://slsa.dev/provenance/v1' }), /predicateType/],
    ['with a file left out', (statement: { predicate: { resources: object[] } }) => statement.predicate.resources.pop(), /root digest/],
    [
      'with a file twice',
      (statement: { predicate: { resources: object[] } }) => statement.predicate.resources.push({ ...statement.predicate.resources[0] }),
      /listed twice/,
    ],
  ])('is refused: %s', async (_title, change, got) => {
    expect(await signedStatement(change as never)).toMatch(got);
  });
});
