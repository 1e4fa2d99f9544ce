import { hkdfSync } from 'node:crypto';

/** The file of the ledger's secret in the data folder. */
export const ledgerKeyFile = 'ledger.key';

/** The key that entries are authenticated with. */
export interface LedgerKey {
  /** 16 hexadecimal digits; tells nothing of the key. */
  readonly id: string;
  /** 32 bytes. */
  readonly bytes: Uint8Array;
}

const derived = (secret: Uint8Array, { purpose, lengthBytes }: { readonly purpose: string; readonly lengthBytes: number }): Buffer =>
  Buffer.from(hkdfSync('sha256', secret, '', `handoff-ledger/1 ${purpose}`, lengthBytes));

/** The ledger's key and its id, each derived from the secret by HKDF-SHA256 (RFC 5869) without salt. */
export const deriveLedgerKey = (secret: Uint8Array): LedgerKey => ({
  id: derived(secret, { purpose: 'key id', lengthBytes: 8 }).toString('hex'),
  bytes: derived(secret, { purpose: 'mac', lengthBytes: 32 }),
});

/** The secret that a key file or setting holds: 64 lower-case hexadecimal digits, white space around them ignored; null when it is none. */
export const parseSecret = (text: string): Buffer | null => (/^[0-9a-f]{64}$/.test(text.trim()) ? Buffer.from(text.trim(), 'hex') : null);
