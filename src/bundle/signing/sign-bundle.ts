import { createPublicKey, type KeyObject } from 'node:crypto';
import { rename, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { signatureFile } from '../outside-digest.ts';
import type { Bundle } from '../read-bundle.ts';
import { signPayload } from './dsse.ts';
import { hintOf } from './keys.ts';
import { signatureText, statementOf } from './model-signature.ts';

/**
 * Signs a bundle that holds and writes `model.sig` into its folder. Written beside the folder first: a gateway that looks
 * meanwhile finds the old signature or the new one, and no other file.
 *
 * @returns the hint that names the key
 */
export const signBundle = async ({ place: { folder }, files }: Bundle, key: KeyObject): Promise<string> => {
  const payload = statementOf(basename(folder), files);
  const hint = hintOf(createPublicKey(key));
  const text = signatureText({ ...payload, signature: signPayload(payload, key), hint });
  const part = join(dirname(folder), `.${basename(folder)}.${signatureFile}.part`);
  await writeFile(part, text);
  await rename(part, join(folder, signatureFile));
  return hint;
};
