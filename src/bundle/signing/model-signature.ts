/**
 * `model.sig`: a signature of the OpenSSF Model Signing specification v1.0, key method - a Sigstore bundle that holds a DSSE
 * envelope around an in-toto statement, which lists the digest of every file.
 *
 * @see https://github.com/ossf/model-signing-spec/blob/main/spec/v1.0.md
 */
import { z } from 'zod';
import { filesOutsideDigest, ignoredByVersionControl } from '../outside-digest.ts';
import { type FileDigest, rootDigestOf } from '../read-bundle.ts';
import type { DssePayload } from './dsse.ts';

const mediaType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
const payloadType = 'application/vnd.in-toto+json';
const statementType = 'https://in-toto.io/Statement/v1';
const predicateType = 'https://model_signing/signature/v1.0';

const base64 = z.string().regex(/^[A-Za-z0-9+/]+={0,2}$/, 'base64');

/** Lenient where the Sigstore bundle leaves room: tools write more than the specification asks for, and leave out what is empty. */
const signatureSchema = z.looseObject({
  mediaType: z.string().regex(/^application\/vnd\.dev\.sigstore\.bundle/, `${mediaType}`),
  verificationMaterial: z.looseObject({
    publicKey: z.looseObject({ hint: z.string().optional() }, 'a public key: certificates are not supported'),
  }),
  dsseEnvelope: z.looseObject({
    payloadType: z.literal(payloadType),
    payload: base64,
    signatures: z.array(z.looseObject({ sig: base64 })).length(1, 'one signature'),
  }),
});

const sha256 = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hexadecimal characters');

const statementSchema = z.looseObject({
  _type: z.literal(statementType),
  subject: z.array(z.looseObject({ name: z.string(), digest: z.looseObject({ sha256 }) })).length(1, 'one subject'),
  predicateType: z.literal(predicateType),
  predicate: z.looseObject({
    resources: z.array(z.looseObject({ name: z.string(), digest: sha256, algorithm: z.literal('sha256') })),
    serialization: z.looseObject({ method: z.literal('files', 'files: signatures over parts of files are not supported'), hash_type: z.literal('sha256') }),
  }),
});

/** A signature file as it was parsed: what was signed, and by whom it says that it was. Nothing of it is verified yet. */
export interface ModelSignature extends DssePayload {
  readonly signature: Buffer;
  /** SHA-256 of the public key's PEM text; null when the file does not say. */
  readonly hint: string | null;
}

/** What a statement lists: the files with their digests, and the root digest over them. */
export interface SignedFiles {
  readonly files: readonly FileDigest[];
  readonly rootDigest: string;
}

/** A reading, or the first reason in words why the bytes cannot be read as what they should be. */
type Parsed<Value> = { readonly value: Value } | { readonly reason: string };

const parseJson = <Shape extends z.ZodType>(bytes: Uint8Array, schema: Shape): Parsed<z.output<Shape>> => {
  let document: unknown;
  try {
    document = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return { reason: 'no JSON' };
  }
  const parsed = schema.safeParse(document);
  if (parsed.success) return { value: parsed.data };
  const [issue] = parsed.error.issues;
  return { reason: `${issue?.path.map(String).join('.') || 'the whole'}: expected ${issue?.message ?? 'something else'}` };
};

/** Reads the bytes of `model.sig`. */
export const parseSignature = (bytes: Uint8Array): Parsed<ModelSignature> => {
  const parsed = parseJson(bytes, signatureSchema);
  if ('reason' in parsed) return parsed;
  const { verificationMaterial, dsseEnvelope } = parsed.value;
  const [first] = dsseEnvelope.signatures;
  return {
    value: {
      payloadType: dsseEnvelope.payloadType,
      payload: Buffer.from(dsseEnvelope.payload, 'base64'),
      signature: Buffer.from(first?.sig ?? '', 'base64'),
      hint: verificationMaterial.publicKey.hint ?? null,
    },
  };
};

/** Reads the statement of a signature. Call it for a verified payload only. */
export const parseStatement = (payload: Uint8Array): Parsed<SignedFiles> => {
  const parsed = parseJson(payload, statementSchema);
  if ('reason' in parsed) return parsed;
  const files = parsed.value.predicate.resources.map(({ name, digest }) => ({ name, sha256: digest }));
  const rootDigest = parsed.value.subject[0]?.digest.sha256 ?? '';
  if (new Set(files.map(({ name }) => name)).size < files.length) return { reason: 'a file that is listed twice' };
  if (rootDigestOf(files) !== rootDigest) return { reason: 'a root digest that is not of the listed files' };
  return { value: { files, rootDigest } };
};

/** The statement over the files of a bundle, in the order of their names, ready to be signed. */
export const statementOf = (name: string, files: readonly FileDigest[]): DssePayload => {
  const statement = {
    _type: statementType,
    subject: [{ name, digest: { sha256: rootDigestOf(files) } }],
    predicateType,
    predicate: {
      resources: files.map((file) => ({ name: file.name, algorithm: 'sha256', digest: file.sha256 })),
      // Other tools leave out what is named here when they verify the folder; this gateway has the same list of its own.
      serialization: { method: 'files', hash_type: 'sha256', allow_symlinks: false, ignore_paths: [...filesOutsideDigest, ...ignoredByVersionControl] },
    },
  };
  return { payloadType, payload: Buffer.from(JSON.stringify(statement)) };
};

/** The text of `model.sig`. */
export const signatureText = ({ payload, signature, hint }: ModelSignature): string =>
  `${JSON.stringify({
    mediaType,
    verificationMaterial: { publicKey: { hint }, tlogEntries: [] },
    dsseEnvelope: { payloadType, payload: payload.toString('base64'), signatures: [{ sig: signature.toString('base64'), keyid: '' }] },
  })}\n`;
