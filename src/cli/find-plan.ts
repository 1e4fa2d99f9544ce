import { join } from 'node:path';
import type { Acceptance } from '../bundle/acceptance.ts';
import { type Fault, faultText } from '../bundle/fault.ts';
import { findBundles } from '../bundle/find-bundles.ts';
import { type Bundle, readBundle } from '../bundle/read-bundle.ts';
import { checkPlan, withRequirements } from '../control-plane/check-plan.ts';
import type { Plan } from '../control-plane/plan.ts';
import { readPlans } from '../control-plane/read-plans.ts';
import { type BundleFolders, missingVersions } from './bundle-folders.ts';
import type { ExitCode } from './io.ts';

/** The plan of a model with its bundles and its candidate's criteria, or why there is none. */
export type FoundPlan =
  | { readonly ok: true; readonly plan: Plan; readonly acceptance: Acceptance; readonly baseline: Bundle; readonly candidate: Bundle }
  | { readonly ok: false; readonly exitCode: ExitCode; readonly lines: readonly string[] };

const refused = (faults: readonly Fault[]): FoundPlan => ({ ok: false, exitCode: 1, lines: faults.map(faultText) });

const readVersion = async (model: string, version: string, { modelsDir, goldenDir }: BundleFolders) => {
  const { bundle, faults } = await readBundle({ model, version, folder: join(modelsDir, model, version), goldenFolder: join(goldenDir, model, version) });
  return { bundle, faults: faults.map((fault) => ({ ...fault, file: `${model}/${version}/${fault.file}` })) };
};

/** Finds the plan of a model and what it is to be held against. */
export const findPlan = async (model: string, folders: BundleFolders): Promise<FoundPlan> => {
  const { plans, faults } = await readPlans(folders.rolloutDir);
  const [planned, ...others] = plans.filter(({ plan }) => plan.model === model);
  if (planned === undefined) return { ok: false, exitCode: 3, lines: [`no plan for ${model} in ${folders.rolloutDir}`, ...faults.map(faultText)] };
  if (others.length > 0) return refused([{ file: planned.file, field: 'model', got: `${model} in ${others.length + 1} plans`, expected: 'one plan a model' }]);
  const { file, plan } = planned;
  const missing = missingVersions(planned, await findBundles(folders), folders);
  if (missing.length > 0) return refused(missing);
  const [baseline, candidate] = [await readVersion(model, plan.baseline, folders), await readVersion(model, plan.candidate, folders)];
  if (baseline.bundle === null || candidate.bundle === null) return refused([...baseline.faults, ...candidate.faults]);
  const { acceptance } = candidate.bundle;
  const planFaults = checkPlan(file, plan, acceptance);
  return planFaults.length > 0
    ? refused(planFaults)
    : { ok: true, plan: withRequirements(plan, acceptance), acceptance, baseline: baseline.bundle, candidate: candidate.bundle };
};
