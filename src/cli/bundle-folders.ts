import { join } from 'node:path';
import { type Command, Option } from 'commander';
import type { Fault } from '../bundle/fault.ts';
import { findBundles } from '../bundle/find-bundles.ts';
import { type Bundle, type BundlePlace, readBundle } from '../bundle/read-bundle.ts';
import { systemClock } from '../clock.ts';
import { checkEligibility } from '../control-plane/check-eligibility.ts';
import { checkPlan } from '../control-plane/check-plan.ts';
import type { Plan } from '../control-plane/plan.ts';
import { readPlans } from '../control-plane/read-plans.ts';
import type { PlanFile } from '../control-plane/settle-plan.ts';
import { openVersion } from '../data-plane/inference/open-version.ts';
import type { GoldenResult } from '../data-plane/inference/run-golden.ts';
import type { Launcher } from '../data-plane/processes/launcher.ts';
import type { CliIo } from './io.ts';
import { withLauncher } from './with-launcher.ts';

/** The folders that a command works on. */
export interface BundleFolders {
  readonly modelsDir: string;
  readonly goldenDir: string;
  readonly rolloutDir: string;
}

/** Adds the folder flags with their environment variables and defaults. */
export const withFolders = (command: Command): Command =>
  command
    .addOption(new Option('--models-dir <dir>', 'folder of the bundles').env('HANDOFF_MODELS_DIR').default('models'))
    .addOption(new Option('--golden-dir <dir>', 'folder of the golden cases').env('HANDOFF_GOLDEN_DIR').default('golden'))
    .addOption(new Option('--rollout-dir <dir>', 'folder of the rollout plans').env('HANDOFF_ROLLOUT_DIR').default('rollout'));

/** The words by which a bundle can be meant. */
const namesOf = ({ model, version }: BundlePlace): readonly string[] => [model, `${model}/${version}`];

const meant = (places: readonly BundlePlace[], names: readonly string[]): readonly BundlePlace[] =>
  names.length === 0 ? places : places.filter((place) => namesOf(place).some((name) => names.includes(name)));

/** The bundles that a list of `model` or `model/version` names; all of them for an empty list. */
export const selectBundles = async (folders: BundleFolders, names: readonly string[]): Promise<readonly BundlePlace[]> =>
  meant(await findBundles(folders), names);

/** Why a list of names means nothing that can be worked on; null when each is a bundle or more. */
const unknownWords = (places: readonly BundlePlace[], names: readonly string[], { modelsDir }: BundleFolders): string | null => {
  const unknown = names.filter((name) => !places.some((place) => namesOf(place).includes(name)));
  if (names.length === 0) return places.length === 0 ? `no bundle in ${modelsDir}` : null;
  if (unknown.length === 0) return null;
  const known = places.map(({ model, version }) => `${model}/${version}`).join(', ');
  return `no bundle ${unknown.join(', ')} in ${modelsDir}: ${known === '' ? 'there is none' : `there are ${known}`}`;
};

/** The bundles that are meant, or null once it is said which names are none: what was not looked at must not pass. */
export const knownBundles = async (folders: BundleFolders, names: readonly string[], { stderr }: CliIo): Promise<readonly BundlePlace[] | null> => {
  const places = await findBundles(folders);
  const why = unknownWords(places, names, folders);
  if (why === null) return meant(places, names);
  stderr(`${why}\n`);
  return null;
};

/** Everything that is wrong with one bundle, and how its golden cases came out on this machine. */
export interface BundleProof {
  readonly place: BundlePlace;
  readonly bundle: Bundle | null;
  readonly faults: readonly Fault[];
  readonly golden: readonly GoldenResult[];
}

/** For versions that are opened and watched by nobody. */
export const silentHooks = { onRun: () => undefined, onWorkerRestart: () => undefined, onBreaker: () => undefined };

const prove = async (place: BundlePlace, launcher: Launcher): Promise<BundleProof> => {
  const { bundle, faults } = await readBundle(place);
  if (bundle === null) return { place, bundle, faults, golden: [] };
  const opened = await openVersion(bundle, { launcher, monotonicMs: systemClock.monotonicMs, hooks: silentHooks });
  await opened.version?.close();
  return { place, bundle, faults: opened.faults, golden: opened.golden };
};

/** Reads, loads and proves bundles one after the other, each as the gateway does before it serves it, then lets it go. */
export const proveBundles = (places: readonly BundlePlace[]): Promise<readonly BundleProof[]> =>
  withLauncher(async (launcher) => {
    const proofs: BundleProof[] = [];
    for (const place of places) proofs.push(await prove(place, launcher));
    return proofs;
  });

/** A bundle that was looked at; null when it cannot be read. */
type Looked = Pick<BundleProof, 'place' | 'bundle'>;

/** What the plan asks of its candidate and the candidate does not hold, as far as the bundles can be read. */
const candidateFaults = (file: string, plan: Plan, found: readonly Looked[]): readonly Fault[] => {
  const bundles = new Map(found.flatMap(({ place, bundle }) => (place.model === plan.model && bundle !== null ? [[place.version, bundle]] : [])));
  const acceptance = bundles.get(plan.candidate)?.acceptance;
  return [...(acceptance === undefined ? [] : checkPlan(file, plan, acceptance)), ...checkEligibility(file, plan, bundles)];
};

/** Versions that a plan names and that are not there. */
export const missingVersions = (
  { file, plan }: Pick<PlanFile, 'file' | 'plan'>,
  places: readonly BundlePlace[],
  { modelsDir }: BundleFolders,
): readonly Fault[] =>
  (['baseline', 'candidate'] as const)
    .filter((field) => !places.some(({ model, version }) => model === plan.model && version === plan[field]))
    .map((field) => ({ file, field, got: plan[field], expected: `a version in ${join(modelsDir, plan.model)}` }));

/** What is wrong with the plans: their own text, and versions that are not there. */
export const planFaults = async (folders: BundleFolders, found: readonly Looked[]): Promise<readonly Fault[]> => {
  const { plans, faults } = await readPlans(folders.rolloutDir);
  const places = found.map(({ place }) => place);
  const missing = plans.flatMap((planned) => missingVersions(planned, places, folders));
  return [...faults, ...missing, ...plans.flatMap(({ file, plan }) => candidateFaults(file, plan, found))];
};

/** What is wrong with the plans between some bundles: a contract that breaks, requirements that its criteria do not have. Other plans are not looked at. */
export const faultsBetween = async (folders: BundleFolders, found: readonly Looked[]): Promise<readonly Fault[]> => {
  const { plans } = await readPlans(folders.rolloutDir);
  return plans
    .filter(({ plan }) =>
      [plan.baseline, plan.candidate].every((version) => found.some(({ place }) => place.model === plan.model && place.version === version)),
    )
    .flatMap(({ file, plan }) => candidateFaults(file, plan, found));
};
