import { hash } from 'node:crypto';

const digestBytes = 16;
const hourBytes = 4;
const hourMs = 3_600_000;
/** No hour begins so before the year 7000; the digests of keys do, which have no hour of their own. */
const keyedPrefix = 0xffffffff;

/**
 * 16 bytes that name an outcome. Those of predictions begin with the hour in which they expire: outcomes come in the order
 * of their requests, more or less, so that a batch is written to few pages and dropped from few.
 *
 * @param expiresAtMs null for an outcome that is unique for its key whatever its time
 * @param uniqueAs text that is the same for the same outcome only
 */
export const outcomeDigest = (uniqueAs: string, expiresAtMs: number | null): Uint8Array => {
  const digest = new Uint8Array(digestBytes);
  new DataView(digest.buffer).setUint32(0, expiresAtMs === null ? keyedPrefix : Math.ceil(expiresAtMs / hourMs));
  digest.set(hash('sha256', uniqueAs, 'buffer').subarray(0, digestBytes - hourBytes), hourBytes);
  return digest;
};
