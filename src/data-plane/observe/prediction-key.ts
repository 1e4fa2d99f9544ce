import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/**
 * The secret of the prediction ids: the setting if there is one, else kept in the data folder and made there once, so
 * that ids stay valid over restarts.
 */
export const predictionKey = async ({ given, dataDir }: { readonly given: string | undefined; readonly dataDir: string }): Promise<Buffer> => {
  if (given !== undefined) return Buffer.from(given, 'hex');
  const path = join(dataDir, 'prediction.key');
  await mkdir(dataDir, { recursive: true });
  const kept = await readFile(path, 'utf8').catch(() => null);
  if (kept !== null) return Buffer.from(kept.trim(), 'hex');
  const key = randomBytes(32);
  const file = await open(path, 'wx', 0o600);
  await file.writeFile(`${key.toString('hex')}\n`);
  await file.sync();
  await file.close();
  return key;
};
