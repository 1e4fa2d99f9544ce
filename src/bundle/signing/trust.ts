import type { Fault } from '../fault.ts';
import type { Bundle } from '../read-bundle.ts';
import { checkSignature } from './check-signature.ts';
import { KeyError, readTrustedKeys, type TrustedKey } from './keys.ts';
import type { TrustMode } from './trust-mode.ts';

/** What is known about who vouches for a bundle. */
export type TrustVerdict =
  | { readonly status: 'trusted' /** File of the key, and the SHA-256 of its PEM text. */; readonly key: string; readonly hint: string }
  | { readonly status: 'untrusted'; readonly faults: readonly Fault[] }
  /** Nobody asked: trust is off, or no key is trusted. */
  | { readonly status: 'unchecked' };

/** Holds bundles against the keys that are trusted now. */
export interface Trust {
  readonly mode: TrustMode;
  /** False when no signature is looked at. */
  readonly checks: boolean;
  /** Reads the keys anew each time, so that a key that is taken away vouches for nothing from then on. Never rejects for what a file contains. */
  readonly look: (bundle: Pick<Bundle, 'files' | 'signature'>) => Promise<TrustVerdict>;
}

/** Trust in the keys of a folder; null: no key is trusted, so nothing is checked unless it is required. */
export const createTrust = ({ mode, keysDir }: { readonly mode: TrustMode; readonly keysDir: string | null }): Trust => {
  const checks = mode === 'require' || (mode === 'warn' && keysDir !== null);
  return {
    mode,
    checks,
    look: async (bundle) => {
      if (!checks) return { status: 'unchecked' };
      const keys = await trustedKeys(keysDir);
      if (keys instanceof KeyError) {
        return { status: 'untrusted', faults: [{ file: 'model.sig', field: '(trusted keys)', got: keys.message, expected: 'keys to verify it with' }] };
      }
      const { signer, faults } = checkSignature(bundle, keys);
      return signer === null ? { status: 'untrusted', faults } : { status: 'trusted', key: signer.name, hint: signer.hint };
    },
  };
};

const trustedKeys = async (keysDir: string | null): Promise<readonly TrustedKey[] | KeyError> => {
  try {
    return keysDir === null ? [] : await readTrustedKeys(keysDir);
  } catch (error) {
    if (error instanceof KeyError) return error;
    throw error;
  }
};

/** Why a bundle is not to be served; empty where trust only warns. */
export const trustFaults = ({ mode }: Trust, verdict: TrustVerdict): readonly Fault[] =>
  mode === 'require' && verdict.status === 'untrusted' ? verdict.faults : [];
