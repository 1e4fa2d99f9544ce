import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { type BundleDraft, type DraftTemplates, draftBundle } from '../bundle/draft-bundle.ts';
import { findBundles } from '../bundle/find-bundles.ts';
import { writeDigests } from '../bundle/write-digests.ts';

/** Files that were written, by path. */
export interface WrittenBundle {
  readonly files: readonly string[];
}

/** What a draft does not hold. */
export interface BundleParts {
  readonly templates: DraftTemplates;
  /** Bytes of model.onnx; null when a server runs the model. */
  readonly graph: Uint8Array | null;
}

/** The versions of a model that are under `out` already. */
export const existingVersions = async (out: string, model: string): Promise<readonly string[]> => {
  const places = await findBundles({ modelsDir: join(out, 'models'), goldenDir: join(out, 'golden') });
  return places.filter((place) => place.model === model).map(({ version }) => version);
};

const writeTo = async (folder: string, files: Readonly<Record<string, string | Uint8Array>>): Promise<void> => {
  for (const [path, content] of Object.entries(files)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content);
  }
};

/** Writes a draft under `out`: beside its place first, its golden cases before it, then renamed, so that a running gateway sees it whole or not at all. */
export const writeBundle = async (out: string, draft: BundleDraft, { templates, graph }: BundleParts): Promise<WrittenBundle> => {
  const { model, version } = draft;
  const drafted = draftBundle(draft, templates);
  const files = { golden: drafted.golden, bundle: { ...drafted.bundle, ...(graph === null ? {} : { 'model.onnx': graph }) } };
  const folder = join(out, 'models', model, version);
  const staging = join(out, 'models', model, `.${version}.staging`);
  const goldenFolder = join(out, 'golden', model, version);
  await writeTo(goldenFolder, files.golden);
  await writeTo(staging, files.bundle);
  await writeDigests({ model, version, folder: staging, goldenFolder });
  await rename(staging, folder);
  return { files: [...Object.keys(files.bundle).map((path) => join(folder, path)), ...Object.keys(files.golden).map((path) => join(goldenFolder, path))] };
};

const planOf = (model: string, baseline: string, candidate: string) => ({
  apiVersion: 'handoff/v1',
  kind: 'Rollout',
  model,
  baseline,
  candidate,
  start: 'manual',
  routingKey: { header: 'x-routing-key' },
  steps: [
    { setWeight: 5 },
    { analysis: { atLeast: '2m', minSamples: 200, deadline: '24h' } },
    { setWeight: 25 },
    { analysis: { atLeast: '10m', minSamples: 500, deadline: '24h' } },
    { pause: {} },
    { setWeight: 100 },
  ],
  bake: '24h',
});

/** Writes a plan from the last version but one to the last. @returns its path; null when there is one already, or only one version */
export const writePlan = async (out: string, model: string, versions: readonly string[]): Promise<string | null> => {
  const [baseline, candidate] = versions.slice(-2);
  const path = join(out, 'rollout', `${model}.yaml`);
  await mkdir(dirname(path), { recursive: true });
  const isThere = await access(path).then(
    () => true,
    () => false,
  );
  if (baseline === undefined || candidate === undefined || isThere) return null;
  await writeFile(path, stringify(planOf(model, baseline, candidate)));
  return path;
};
