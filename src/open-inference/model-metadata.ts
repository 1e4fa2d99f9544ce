import { z } from 'zod';

/** Other servers may say more; only what is used is asked for. Null is how those in Python say nothing. */
const tensor = z.object({ name: z.string().min(1), datatype: z.string().min(1), shape: z.array(z.coerce.number()) });

const modelMetadata = z.object({
  name: z.string(),
  versions: z.array(z.coerce.string()).nullish(),
  platform: z.string().nullish(),
  inputs: z.array(tensor).nullish(),
  outputs: z.array(tensor).nullish(),
});

const serverMetadata = z.object({ name: z.string().nullish(), version: z.string().nullish(), extensions: z.array(z.string()).nullish() });

/** An input or output as another server describes it; -1 stands for a variable dimension. */
export type MetadataTensor = z.infer<typeof tensor>;

/** What another server says of a model. A server that was told nothing of its tensors lists none. */
export interface ModelMetadata {
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly MetadataTensor[];
  readonly outputs: readonly MetadataTensor[];
}

/** The metadata of a model, or null for a body that is none. */
export const readModelMetadata = (body: unknown): ModelMetadata | null => {
  const parsed = modelMetadata.safeParse(body);
  if (!parsed.success) return null;
  const { versions, platform, inputs, outputs } = parsed.data;
  return { versions: versions ?? [], platform: platform ?? '', inputs: inputs ?? [], outputs: outputs ?? [] };
};

/** What another server says of itself: nothing when its answer is no metadata. */
export const readServerMetadata = (body: unknown): { readonly name: string; readonly version: string; readonly extensions: readonly string[] } => {
  const { name, version, extensions } = serverMetadata.safeParse(body).data ?? {};
  return { name: name ?? '', version: version ?? '', extensions: extensions ?? [] };
};
