import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { z } from 'zod';
import { parseYaml } from './yaml.ts';

export const signoffRoles = ['product', 'data-science', 'engineering'] as const;
export type SignoffRole = (typeof signoffRoles)[number];

export const signoffsFile = 'signoffs.yaml';

/** `signoffs.yaml`: who agreed to hand over which bytes. Outside the digest, since it is about the digest. */
export const signoffsSchema = z.strictObject({
  apiVersion: z.literal('handoff/v1'),
  kind: z.literal('Signoffs'),
  signoffs: z.array(
    z.strictObject({
      role: z.enum(signoffRoles),
      by: z.string().min(1),
      /** Day, ISO 8601. */
      at: z.string().regex(/^\d{4}-\d{2}-\d{2}$/, 'expected a day like 2026-05-01'),
      /** SHA-256 of the bundle, as `handoff check` prints it. */
      digest: z.string().regex(/^[0-9a-f]{64}$/, 'expected the digest of a bundle'),
    }),
  ),
});

export type Signoff = z.infer<typeof signoffsSchema>['signoffs'][number];

/**
 * Writes a sign-off into the bundle's folder, in place of an earlier one of the same role.
 * @throws when `signoffs.yaml` is there and is none
 */
export const writeSignoff = async (folder: string, signoff: Signoff): Promise<void> => {
  const path = join(folder, signoffsFile);
  const text = await readFile(path, 'utf8').catch(() => null);
  const kept = text === null ? [] : signoffsSchema.parse(parseYaml(text)).signoffs.filter(({ role }) => role !== signoff.role);
  const signoffs = [...kept, signoff].sort((left, right) => signoffRoles.indexOf(left.role) - signoffRoles.indexOf(right.role));
  await writeFile(path, stringify({ apiVersion: 'handoff/v1', kind: 'Signoffs', signoffs }, { lineWidth: 0 }));
};
