import { Option } from 'commander';
import { KeyError, type TrustedKey } from '../bundle/signing/keys.ts';
import type { CliIo } from './io.ts';

/** The flag that names the keys of those whose signature counts. */
export const trustedKeysOption = (): Option => new Option('--trusted-keys-dir <dir>', 'folder of public keys (*.pem)').env('HANDOFF_TRUSTED_KEYS_DIR');

/** The keys that were read, or null once it is said why they cannot be used. */
export const usableKeys = async (reading: Promise<readonly TrustedKey[]>, { stderr }: Pick<CliIo, 'stderr'>): Promise<readonly TrustedKey[] | null> => {
  try {
    return await reading;
  } catch (error) {
    if (!(error instanceof KeyError)) throw error;
    stderr(`${error.message}\n`);
    return null;
  }
};
