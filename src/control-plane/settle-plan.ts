import { type Acceptance, noAcceptance } from '../bundle/acceptance.ts';
import type { Fault } from '../bundle/fault.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { type Comparables, checkEligibility } from './check-eligibility.ts';
import { checkPlan } from './check-plan.ts';
import { highestRelease } from './highest-release.ts';
import type { Plan } from './plan.ts';
import { baselineHasChanged, hasEnded, keptBaseline, planOf, type Versions } from './standing.ts';

/** A plan file that was read and parsed, with the digest of its bytes. */
export interface PlanFile {
  readonly file: string;
  readonly plan: Plan;
  readonly digest: string;
}

/** A plan file that does not hold, and what can be told of it all the same. */
export interface BrokenPlan {
  readonly file: string;
  /** Models that it may be for. */
  readonly models: readonly string[] | 'any';
  /** The baseline that it names; null when that cannot be told. */
  readonly baseline: string | null;
}

/** All that is known of one model when its plan is settled. */
export interface ModelFiles {
  readonly model: string;
  readonly record: RolloutRecord | null;
  readonly plans: readonly PlanFile[];
  /** Plan files that may be for this model and do not hold. */
  readonly brokenPlans?: readonly BrokenPlan[];
  readonly versions: Versions;
  /** Acceptance criteria of the versions that have some. */
  readonly acceptances?: ReadonlyMap<string, Acceptance>;
  /** What clients can tell of the versions; a version that is not among them is not compared. */
  readonly comparables?: Comparables;
  /** The baseline that this gateway serves now; null before the first time. */
  readonly serving: string | null;
}

/** Which version is the model's baseline, which plan begins a rollout, and which files do not hold. */
export interface Settlement {
  readonly baseline: string | null;
  readonly accept: PlanFile | null;
  readonly faults: readonly Fault[];
}

/** The one name that all say; null when they differ or there is none. */
export const agreed = (names: readonly (string | null)[]): string | null => (new Set(names).size === 1 ? (names[0] ?? null) : null);

/** The baseline that the plans name, if they agree. */
export const plannedBaseline = (plans: readonly PlanFile[]): string | null => agreed(plans.map(({ plan }) => plan.baseline));

/**
 * Store beats file, file beats guess. A plan that is refused, or cannot even be read, still stands for a baseline: to guess the
 * highest version would give all traffic to the candidate that the plan was to try out. For the same reason a version that
 * arrives in a running gateway takes nothing from the one that serves.
 */
const baselineOf = ({ record, plans, brokenPlans = [], versions, serving }: ModelFiles): string | null => {
  if (record !== null) return keptBaseline(record);
  if (plans.length > 0) return plannedBaseline(plans);
  if (serving !== null && versions.has(serving)) return serving;
  return brokenPlans.length > 0 ? agreed(brokenPlans.map(({ baseline }) => baseline)) : highestRelease(versions.keys());
};

const absent = (version: string): string => `${version}, which is not there or was refused`;

/** Why a model whose versions are there is not served: only plans that do not hold could tell its baseline. */
const unknownFaults = ({ model, record, plans, brokenPlans = [], versions }: ModelFiles, baseline: string | null): readonly Fault[] => {
  const isMissing = versions.size > 0 && (baseline === null || !versions.has(baseline));
  if (!isMissing || record !== null || plans.length > 0) return [];
  return brokenPlans.map(({ file, baseline: named }) => ({
    file,
    field: 'baseline',
    got: named === null || versions.has(named) ? (named ?? 'none that can be read') : absent(named),
    expected: `the baseline of ${model}, which is not served until it is known: the highest version may be the candidate`,
  }));
};

const listed = (versions: Versions): string => (versions.size === 0 ? 'none is' : [...versions.keys()].join(', '));

const versionFaults = ({ file, plan }: PlanFile, versions: Versions): readonly Fault[] =>
  (['baseline', 'candidate'] as const)
    .filter((field) => !versions.has(plan[field]))
    .map((field) => ({ file, field, got: absent(plan[field]), expected: `a version that serves (${listed(versions)})` }));

const baselineFaults = ({ file, plan }: PlanFile, record: RolloutRecord | null): readonly Fault[] => {
  if (plan.candidate === plan.baseline) return [{ file, field: 'candidate', got: plan.candidate, expected: 'another version than the baseline' }];
  if (record === null || plan.baseline === keptBaseline(record)) return [];
  const why = record.phase === 'promoted' ? 'the promoted version' : 'the baseline that is kept';
  return [{ file, field: 'baseline', got: plan.baseline, expected: `${keptBaseline(record)}, ${why}` }];
};

const digestFaults = ({ model, record, versions }: ModelFiles): readonly Fault[] => {
  if (record === null || record.phase === 'pending' || hasEnded(record)) return [];
  const { rollout, baseline, baselineDigest, candidate, candidateDigest } = record;
  return [
    { version: baseline, began: baselineDigest },
    { version: candidate, began: candidateDigest },
  ].flatMap(({ version, began }) => {
    const digest = versions.get(version);
    if (began === null || digest === undefined || digest === began) return [];
    return [{ file: `${model}/${version}`, field: 'digest', got: digest, expected: `${began}, with which rollout ${rollout} began` }];
  });
};

const twoPlans = (model: string, plans: readonly PlanFile[]): readonly Fault[] => {
  const all = plans.map(({ file }) => file).join(', ');
  return plans.map(({ file }) => ({ file, field: 'model', got: `${model} in ${plans.length} plans (${all})`, expected: 'one plan a model' }));
};

const liveFaults = (planned: PlanFile, record: RolloutRecord): readonly Fault[] =>
  planned.digest === record.planDigest
    ? []
    : [
        {
          file: planned.file,
          field: '(whole file)',
          got: 'a changed plan',
          expected: `the plan of rollout ${record.rollout} until it ends; the next start uses the new one`,
        },
      ];

/**
 * Whether the plan asks for what has already been: the same candidate under the same plan, or a candidate whose rollout
 * ended. That one is remembered by its digest, so that only a person starts it again.
 */
const isKnown = (planned: PlanFile, { record, versions }: ModelFiles): boolean => {
  if (record === null || versions.get(planned.plan.candidate) !== record.candidateDigest) return false;
  if (record.phase === 'pending' && baselineHasChanged(record, versions)) return false;
  return hasEnded(record) || planned.digest === record.planDigest;
};

/** Why no rollout can begin with this plan; empty when one can. */
const startFaults = (planned: PlanFile, { record, versions, acceptances, comparables = new Map() }: ModelFiles): readonly Fault[] => [
  ...versionFaults(planned, versions),
  ...baselineFaults(planned, record),
  ...(versions.has(planned.plan.candidate) ? checkPlan(planned.file, planned.plan, acceptances?.get(planned.plan.candidate) ?? noAcceptance) : []),
  ...checkEligibility(planned.file, planned.plan, comparables),
];

/**
 * Why nobody can start the model's rollout: of a pending one, that its candidate cannot take this traffic (any more); without
 * one, all that keeps the plan on disk from beginning one.
 */
export const barsToStart = (files: ModelFiles): readonly Fault[] => {
  const { record, plans, comparables = new Map() } = files;
  if (record?.phase === 'pending') return checkEligibility(`the plan of rollout ${record.rollout}`, planOf(record), comparables);
  const [planned, ...others] = plans;
  return planned === undefined || others.length > 0 ? [] : startFaults(planned, files);
};

/** The plan that a person who starts an ended rollout again starts with: the one on disk, if it holds. */
export const startablePlan = (files: ModelFiles): PlanFile | null => {
  const [planned, ...others] = files.plans;
  return planned !== undefined && others.length === 0 && startFaults(planned, files).length === 0 ? planned : null;
};

const settleOne = (planned: PlanFile, files: ModelFiles): Omit<Settlement, 'baseline'> => {
  const { record, versions } = files;
  if (record !== null && record.phase !== 'pending' && !hasEnded(record)) {
    return { accept: null, faults: [...versionFaults(planned, versions), ...liveFaults(planned, record)] };
  }
  // The plan that led to a promotion names the old baseline for ever: that is its history, not a fault.
  if (record?.phase === 'promoted' && record.planDigest === planned.digest) return { accept: null, faults: [] };
  const faults = startFaults(planned, files);
  return { accept: faults.length > 0 || isKnown(planned, files) ? null : planned, faults };
};

/** Decides for one model between what is kept, what its plan files say and what is there. Pure: nothing is saved or published here. */
export const settlePlan = (files: ModelFiles): Settlement => {
  const [planned, ...others] = files.plans;
  const settled = planned !== undefined && others.length === 0 ? settleOne(planned, files) : { accept: null, faults: twoPlans(files.model, files.plans) };
  const baseline = baselineOf(files);
  return { baseline, accept: settled.accept, faults: [...digestFaults(files), ...settled.faults, ...unknownFaults(files, baseline)] };
};
