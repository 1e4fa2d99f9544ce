import { type KeyObject, sign, verify } from 'node:crypto';

/** The curves of the Model Signing specification, each with its hash. Signatures are ECDSA in DER. */
const hashOf: Readonly<Record<string, string>> = { prime256v1: 'sha256', secp384r1: 'sha384', secp521r1: 'sha512' };

/** The hash that signatures with this key are made over; null for a key of another kind. */
export const signatureHashOf = ({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string | null =>
  asymmetricKeyType === 'ec' ? (hashOf[asymmetricKeyDetails?.namedCurve ?? ''] ?? null) : null;

/** A payload with its type, as a DSSE envelope carries it. */
export interface DssePayload {
  readonly payloadType: string;
  readonly payload: Buffer;
}

/** What is signed of an envelope. @see https://github.com/secure-systems-lab/dsse/blob/v1.0.2/protocol.md#signature-definition */
const preAuthenticationEncoding = ({ payloadType, payload }: DssePayload): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(payloadType)} ${payloadType} ${payload.length} `), payload]);

/** Signs a payload. @throws Error for a key that `signatureHashOf` does not know */
export const signPayload = (payload: DssePayload, key: KeyObject): Buffer => {
  const hash = signatureHashOf(key);
  if (hash === null) throw new Error('the key is not on a curve of the Model Signing specification');
  return sign(hash, preAuthenticationEncoding(payload), key);
};

/** Whether a signature over a payload is of this key. */
export const payloadIsSignedBy = (payload: DssePayload, signature: Buffer, key: KeyObject): boolean => {
  const hash = signatureHashOf(key);
  return hash !== null && verify(hash, preAuthenticationEncoding(payload), key, signature);
};
