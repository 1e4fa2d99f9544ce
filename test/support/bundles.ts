import { cp, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeDigests } from '../../src/bundle/write-digests.ts';

const repository = new URL('../..', import.meta.url).pathname;

/** Folders of one team: bundles, golden cases, plans and the gateway's data, in a temporary place. */
export interface TeamFolders {
  readonly root: string;
  readonly modelsDir: string;
  readonly goldenDir: string;
  readonly rolloutDir: string;
  readonly dataDir: string;
  readonly remove: () => Promise<void>;
}

export const makeTeamFolders = async (): Promise<TeamFolders> => {
  const root = await mkdtemp(join(tmpdir(), 'handoff-'));
  const folders = { modelsDir: join(root, 'models'), goldenDir: join(root, 'golden'), rolloutDir: join(root, 'rollout'), dataDir: join(root, 'data') };
  for (const folder of Object.values(folders)) await mkdir(folder, { recursive: true });
  return { root, ...folders, remove: () => rm(root, { recursive: true, force: true }) };
};

interface Edit {
  readonly file: string;
  readonly change: (text: string) => string;
}

/** Which bundle arrives, under which name, and with what in place of its graph. */
export interface Arrival {
  readonly from: { readonly model: string; readonly version: string };
  readonly as?: { readonly model: string; readonly version: string };
  /** Path of another graph, inside the repository. */
  readonly graph?: string;
  /** The server that runs it in place of its own graph. */
  readonly remote?: { readonly url: string; readonly model: string; readonly version: string };
  /** Changes the text of files of the bundle before its digests are written. */
  readonly edit?: Edit | readonly Edit[];
}

/**
 * Puts a bundle into a team's folders as a deployment does: written elsewhere, its golden cases first, then renamed into
 * place. Digests are those of what arrives.
 */
export const deliver = async (folders: TeamFolders, { from, as = from, graph, remote, edit = [] }: Arrival): Promise<void> => {
  const staging = join(folders.root, `staging-${as.model}-${as.version}`);
  const goldenFolder = join(folders.goldenDir, as.model, as.version);
  await cp(join(repository, 'models', from.model, from.version), staging, { recursive: true });
  await mkdir(join(folders.goldenDir, as.model), { recursive: true });
  await cp(join(repository, 'golden', from.model, from.version), goldenFolder, { recursive: true });
  if (graph !== undefined) await cp(join(repository, graph), join(staging, 'model.onnx'));
  const manifest = join(staging, 'handoff.yaml');
  const text = await readFile(manifest, 'utf8');
  await writeFile(manifest, text.replace(/^model: .*$/m, `model: ${as.model}`).replace(/^version: .*$/m, `version: ${as.version}`));
  if (remote !== undefined) {
    await rm(join(staging, 'model.onnx'));
    await writeFile(manifest, `${await readFile(manifest, 'utf8')}placement: remote\nremote: ${JSON.stringify(remote)}\n`);
  }
  for (const { file, change } of [edit].flat()) await writeFile(join(staging, file), change(await readFile(join(staging, file), 'utf8')));
  await writeDigests({ ...as, folder: staging, goldenFolder });
  await mkdir(join(folders.modelsDir, as.model), { recursive: true });
  await rename(staging, join(folders.modelsDir, as.model, as.version));
};

const manualSteps = `steps:
  - setWeight: 10
  - pause: {}
  - setWeight: 100
`;

/** Writes a plan that lets a person set weights; requests are routed by `x-routing-key`. */
export const plan = async (
  folders: TeamFolders,
  {
    model,
    baseline,
    candidate,
    steps = manualSteps,
  }: { readonly model: string; readonly baseline: string; readonly candidate: string; readonly steps?: string },
): Promise<void> => {
  const text = `apiVersion: handoff/v1
kind: Rollout
model: ${model}
baseline: ${baseline}
candidate: ${candidate}
eligibility: partial
routingKey: { header: x-routing-key }
${steps}bake: 8d
`;
  await writeFile(join(folders.rolloutDir, `${model}.yaml`), text);
};

/** A golden request's rows, those of several versions merged into one row each, and the outputs that one version promises. */
export const goldenRows = async (model: string, versions: readonly string[], file: string): Promise<Record<string, unknown>[]> => {
  const cases = await Promise.all(versions.map(async (version) => JSON.parse(await readFile(join(repository, 'golden', model, version, file), 'utf8'))));
  const [first] = cases;
  return first.request.inputs.map((_: unknown, index: number) => Object.assign({}, ...cases.map((entry) => entry.request.inputs[index])));
};

export const goldenOutputs = async (model: string, version: string, file: string): Promise<Record<string, unknown>[]> =>
  JSON.parse(await readFile(join(repository, 'golden', model, version, file), 'utf8')).expected.outputs;
