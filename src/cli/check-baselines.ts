import { findBundles } from '../bundle/find-bundles.ts';
import type { BundlePlace } from '../bundle/read-bundle.ts';
import { readPlans } from '../control-plane/read-plans.ts';
import type { PlanFile } from '../control-plane/settle-plan.ts';
import type { BundleFolders } from './bundle-folders.ts';
import type { CliIo } from './io.ts';

/** A bundle and the version that it is held against; null for none. */
export interface Compared {
  readonly place: BundlePlace;
  readonly baseline: BundlePlace | null;
}

/** Folders, and the version that is asked for: `baseline` for that of the plan. */
type AgainstOptions = BundleFolders & { readonly against?: string };

interface Known {
  readonly all: readonly BundlePlace[];
  readonly plans: readonly PlanFile[];
  readonly options: AgainstOptions;
}

/** The version that is asked for, or the plan's baseline when the bundle is the plan's candidate. */
const wantedVersion = ({ model, version }: BundlePlace, { plans, options: { against } }: Known): string | undefined => {
  if (against !== undefined && against !== 'baseline') return against;
  const plan = plans.find((entry) => entry.plan.model === model)?.plan;
  return plan?.candidate === version ? plan.baseline : undefined;
};

/** A bundle with its baseline; or, in words, that the version that was asked for is not there. */
const comparedOf = (place: BundlePlace, known: Known): Compared | string => {
  const { model, version } = place;
  const wanted = wantedVersion(place, known);
  if (wanted === undefined || wanted === version) return { place, baseline: null };
  const versions = known.all.filter((other) => other.model === model);
  const baseline = versions.find((other) => other.version === wanted) ?? null;
  if (baseline !== null || known.options.against === undefined) return { place, baseline };
  const there = versions.map((other) => other.version).join(', ');
  return `${model} ${version} cannot be held against ${wanted}: ${known.options.modelsDir} has ${model} ${there}`;
};

/** Each bundle with its baseline, or null once it is said which versions that were asked for are not there. */
export const withBaselines = async (places: readonly BundlePlace[], options: AgainstOptions, { stderr }: CliIo): Promise<readonly Compared[] | null> => {
  const known: Known = { all: await findBundles(options), plans: (await readPlans(options.rolloutDir)).plans, options };
  const results = places.map((place) => comparedOf(place, known));
  const missing = results.filter((result) => typeof result === 'string');
  for (const line of missing) stderr(`${line}\n`);
  return missing.length > 0 ? null : results.filter((result) => typeof result !== 'string');
};
