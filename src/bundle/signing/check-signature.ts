import type { Fault } from '../fault.ts';
import { filesOutsideDigest, signatureFile } from '../outside-digest.ts';
import type { Bundle, FileDigest } from '../read-bundle.ts';
import { payloadIsSignedBy } from './dsse.ts';
import type { TrustedKey } from './keys.ts';
import { type ModelSignature, parseSignature, parseStatement } from './model-signature.ts';

/** Who vouches for a bundle, or every reason why nobody does. */
export type SignatureCheck =
  | { readonly signer: Pick<TrustedKey, 'name' | 'hint'>; readonly faults: readonly [] }
  | { readonly signer: null; readonly faults: readonly Fault[] };

const refused = (faults: readonly Fault[]): SignatureCheck => ({ signer: null, faults });

const ofSignature = (got: string, expected: string): SignatureCheck => refused([{ file: signatureFile, field: '(whole file)', got, expected }]);

const namesOf = (keys: readonly TrustedKey[]): string => keys.map(({ name }) => name).join(', ') || 'none is known';

/** The trusted key that made a signature. The hint only chooses the words: it is not signed, so every key is tried. */
const signerOf = (signature: ModelSignature, keys: readonly TrustedKey[]): TrustedKey | string => {
  const signer = keys.find(({ key }) => payloadIsSignedBy(signature, signature.signature, key));
  if (signer !== undefined) return signer;
  const named = keys.find(({ hint }) => hint === signature.hint);
  if (named !== undefined) return `a signature that ${named.name} did not make over this content`;
  return `a signature by another key (${signature.hint?.slice(0, 12) ?? 'not named'})`;
};

/** Every signed file as it was signed, and none beside. */
const fileFaults = (signed: readonly FileDigest[], found: readonly FileDigest[]): readonly Fault[] => {
  const there = new Map(found.map(({ name, sha256 }) => [name, sha256]));
  const listed = new Set(signed.map(({ name }) => name));
  const changed = signed.flatMap(({ name, sha256 }): readonly Fault[] => {
    // Another tool may have signed sign-offs too, which come and go beside the signed content.
    if (filesOutsideDigest.includes(name)) return [];
    const got = there.get(name);
    if (got === undefined) return [{ file: name, field: '(whole file)', got: 'no such file', expected: `sha256 ${sha256}, as it was signed` }];
    return got === sha256 ? [] : [{ file: name, field: 'sha256', got, expected: `${sha256}, as it was signed` }];
  });
  const added = found
    .filter(({ name }) => !listed.has(name))
    .map(({ name }) => ({ file: name, field: '(whole file)', got: 'a file that is not signed', expected: `a file that ${signatureFile} lists, or no file` }));
  return [...changed, ...added];
};

/**
 * Holds a bundle against its signature: schema, signature, statement, then every file. The golden cases hang on it by the
 * digests in the signed manifest, to which the bundle was held when it was read.
 */
export const checkSignature = ({ files, signature }: Pick<Bundle, 'files' | 'signature'>, keys: readonly TrustedKey[]): SignatureCheck => {
  const expected = `a Model Signing v1.0 signature by a trusted key (${namesOf(keys)})`;
  if (signature === null) return ofSignature('no such file', expected);
  const parsed = parseSignature(signature);
  if ('reason' in parsed) return ofSignature(parsed.reason, expected);
  const signer = signerOf(parsed.value, keys);
  if (typeof signer === 'string') return ofSignature(signer, expected);
  const statement = parseStatement(parsed.value.payload);
  if ('reason' in statement) return ofSignature(statement.reason, expected);
  const faults = fileFaults(statement.value.files, files);
  return faults.length > 0 ? refused(faults) : { signer: { name: signer.name, hint: signer.hint }, faults: [] };
};
