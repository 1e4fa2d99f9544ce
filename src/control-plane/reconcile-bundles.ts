import { type Acceptance, noAcceptance } from '../bundle/acceptance.ts';
import type { Comparable } from '../bundle/diff/compare-interface.ts';
import type { Fault } from '../bundle/fault.ts';
import { createInTurn } from '../in-turn.ts';
import type { RolloutRecord } from '../store/rollout-store.ts';
import { beginRollout, startByItself } from './begin-rollout.ts';
import { changeInTime, LateChangeError } from './change-in-time.ts';
import { type ControlContext, changeRollout, gateway, takeStanding } from './change-rollout.ts';
import type { Comparables } from './check-eligibility.ts';
import { withRequirements } from './check-plan.ts';
import { type Known, nothingKnown, type Recall } from './recall.ts';
import { type BrokenPlan, barsToStart, type ModelFiles, type PlanFile, settlePlan, startablePlan } from './settle-plan.ts';
import { type Availability, assignmentOf, availabilityOf, type PlannedStart, type Standing, standingAfter, type Versions } from './standing.ts';
import { recordUncleanExit } from './unclean-exit.ts';

/** A verified version that can serve. */
interface ServingVersion {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
  /** Its acceptance criteria; absent for a bundle without. */
  readonly acceptance?: Acceptance;
  /** What its clients can tell of it; absent: it is not compared with others. */
  readonly comparable?: Comparable;
}

/** All that was found on disk and holds; what is not listed is not there. */
export interface Found {
  readonly versions: readonly ServingVersion[];
  readonly plans: readonly PlanFile[];
  /** Plan files that do not hold; absent: none. */
  readonly brokenPlans?: readonly BrokenPlan[];
  /** Only these models are settled, the others keep what they have; absent: all. */
  readonly models?: ReadonlySet<string>;
}

/** The plans that begin a rollout now, and why others do not. */
export interface Reconciled {
  readonly accepted: readonly { readonly file: string; readonly model: string; readonly rollout: string }[];
  readonly refused: readonly Fault[];
}

interface ModelFound {
  readonly model: string;
  readonly versions: Versions;
  readonly acceptances: ReadonlyMap<string, Acceptance>;
  readonly comparables: Comparables;
  readonly plans: readonly PlanFile[];
  readonly brokenPlans: readonly BrokenPlan[];
}

/** Whether a version is away, or another one stands under its name. */
const lackWords = (version: string, { versions }: ModelFound): string =>
  versions.has(version) ? `${version} has other files than the rollout began with` : `${version} is not available`;

const availabilityReason = (record: RolloutRecord, availability: Availability, found: ModelFound): string => {
  switch (availability) {
    case 'available':
      return `${record.baseline} and ${record.candidate} are available again: weight ${record.weightHundredths / 100} is in force`;
    case 'candidate-unavailable':
      return `the candidate ${lackWords(record.candidate, found)}: the baseline answers`;
    case 'baseline-unavailable':
      return 'the baseline is not available: the model does not answer';
    case 'baseline-changed':
      return `the baseline ${lackWords(record.baseline, found)}: it answers, and nothing is compared with it`;
  }
};

const plannedOf = ({ plan, digest }: PlanFile, { versions, acceptances }: ModelFound): PlannedStart => {
  const acceptance = acceptances.get(plan.candidate) ?? noAcceptance;
  return {
    plan: withRequirements(plan, acceptance),
    planDigest: digest,
    baselineDigest: versions.get(plan.baseline) ?? null,
    candidateDigest: versions.get(plan.candidate) ?? '',
    acceptance,
  };
};

/** A record whose versions came or went gets a new epoch and a decision, since its traffic is split otherwise from now on. */
const recordAvailability = async (
  context: ControlContext,
  { record, availability }: Known,
  { now, found }: { readonly now: Availability; readonly found: ModelFound },
): Promise<RolloutRecord | null> => {
  if (record === null || availability === now || context.unkept.get(record.rollout)?.move === 'rollback') return record;
  const next = { ...record, reason: availabilityReason(record, now, found) };
  const change = { previous: record, next, epoch: record.epoch, move: now, actor: gateway };
  // At a start there is no traffic yet that could have to be taken away meanwhile.
  if (!context.standings.has(record.model)) return changeRollout(context, change);
  return changeInTime(context, change, (standing, kept) => standingAfter({ ...standing, availability: now }, kept));
};

/** Without a record nothing is kept: the epoch counts the changes of this process' life. */
const epochOf = (record: RolloutRecord | null, { baseline, known }: { readonly baseline: string | null; readonly known: Known }): number => {
  if (record !== null) return record.epoch;
  return known.epoch > 0 && known.serving === baseline ? known.epoch : known.epoch + 1;
};

/** What became of the model's plan, and the record that the model has from now on. */
const settleRecord = async (context: ControlContext, files: ModelFiles, { found, known }: { readonly found: ModelFound; readonly known: Known }) => {
  const { baseline, accept, faults } = settlePlan(files);
  // A plan is accepted only when its versions are there, so a rollout begins `available`.
  const begun =
    accept === null ? null : await beginRollout(context, { file: accept.file, planned: plannedOf(accept, found), previous: known.record, epoch: known.epoch });
  const availability = availabilityOf({ baseline, record: begun ?? known.record }, found.versions);
  const kept = begun ?? (await recordAvailability(context, known, { now: availability, found }));
  const canStart = kept !== null && availability === 'available' && barsToStart({ ...files, record: kept }).length === 0;
  const record = canStart ? await startByItself(context, kept) : kept;
  const accepted = accept === null || begun === null ? [] : [{ file: accept.file, model: files.model, rollout: begun.rollout }];
  return { baseline, availability, record, reconciled: { accepted, refused: faults } };
};

/** What an earlier try of this life has kept before it failed is not kept twice. */
const knownNow = ({ newest }: ControlContext, model: string, known: Known): Known => {
  const kept = newest.get(model);
  return kept === undefined || kept.revision <= (known.record?.revision ?? 0) ? known : { ...known, record: kept, epoch: kept.epoch, diedBefore: false };
};

/** After a failure the model stands where it is kept, so that it can be moved before it is settled. */
const takeNewest = async (context: ControlContext, model: string): Promise<void> => {
  const standing = context.standings.get(model);
  const kept = context.newest.get(model);
  if (standing === undefined || kept === undefined || context.late.has(model) || kept.revision <= (standing.record?.revision ?? 0)) return;
  await takeStanding(context, standingAfter({ ...standing, live: null }, kept));
};

const reconcileModel = async (context: ControlContext, found: ModelFound, recalled: Known): Promise<Reconciled> => {
  const { model } = found;
  const before = knownNow(context, model, recalled);
  // What was rolled back before the restart has no traffic that could be blamed for it, and its record waits for that rollback.
  const isTaken = before.record !== null && context.unkept.get(before.record.rollout)?.move === 'rollback';
  const known = before.diedBefore && before.record !== null && !isTaken ? { ...before, record: await recordUncleanExit(context, before.record) } : before;
  const files: ModelFiles = { ...found, record: known.record, serving: known.serving };
  const { baseline, availability, record, reconciled } = await settleRecord(context, files, { found, known });
  const split = assignmentOf(model, { baseline, record, availability });
  const assignment = { ...split, epoch: epochOf(record, { baseline: split.baseline, known }) };
  const startable = startablePlan({ ...files, record });
  const planned = startable === null ? null : plannedOf(startable, found);
  const live = record?.rollout === known.record?.rollout ? known.live : null;
  await takeStanding(context, { baseline, record, availability, assignment, planned, barsToStart: barsToStart({ ...files, record }), live });
  return reconciled;
};

const knownOf = (standing: Standing): Known => ({
  record: standing.record,
  availability: standing.availability,
  epoch: standing.assignment.epoch,
  serving: standing.assignment.baseline,
  live: standing.live,
  diedBefore: false,
});

const foundOf = (model: string, found: Found): ModelFound => {
  const versions = found.versions.filter((entry) => entry.model === model);
  return {
    model,
    versions: new Map(versions.map(({ version, digest }) => [version, digest])),
    acceptances: new Map(versions.flatMap(({ version, acceptance }) => (acceptance === undefined ? [] : [[version, acceptance]]))),
    comparables: new Map(versions.flatMap(({ version, comparable }) => (comparable === undefined ? [] : [[version, comparable]]))),
    plans: found.plans.filter(({ plan }) => plan.model === model),
    brokenPlans: brokenFor(model, found),
  };
};

/** Also a plan that is named after the model and is for one that nobody knows: a typo in the name of a model is one in the plan. */
const brokenFor = (model: string, { plans, brokenPlans = [], versions }: Found): readonly BrokenPlan[] => {
  const isUnknown = (name: string): boolean => !versions.some((version) => version.model === name);
  const misnamed = plans.filter(({ file, plan }) => plan.model !== model && file.endsWith(`/${model}.yaml`) && isUnknown(plan.model));
  return [
    ...brokenPlans.filter(({ models }) => models === 'any' || models.includes(model)),
    ...misnamed.map(({ file, plan }) => ({ file, models: [model], baseline: plan.baseline })),
  ];
};

/** A change that the store has not answered is waited for outside the turn, so that a rollback need not wait for it too. */
const inTurnWhenSettled = async (context: ControlContext, model: string, task: () => Promise<Reconciled>): Promise<Reconciled> => {
  await context.late.get(model)?.catch(() => undefined);
  try {
    return await context.inTurn(model, task);
  } catch (error) {
    if (!(error instanceof LateChangeError)) throw error;
    await error.settled;
    return context.inTurn(model, task);
  }
};

/**
 * Makes the operation that brings what is found on disk and what is kept together, and publishes every model's
 * assignment. Calls run one after the other. Rejects when the store fails: models not yet reached keep their assignment.
 */
export const createReconcile = (context: ControlContext, recall: Recall): ((found: Found) => Promise<Reconciled>) => {
  const reconcile = async (found: Found): Promise<Reconciled> => {
    const kept = await recall();
    const models = new Set([
      ...kept.keys(),
      ...context.standings.keys(),
      ...found.versions.map(({ model }) => model),
      ...found.plans.map(({ plan }) => plan.model),
    ]);
    const results: Reconciled[] = [];
    for (const model of [...models].filter((name) => found.models?.has(name) ?? true).sort()) {
      const task = (): Promise<Reconciled> => {
        const standing = context.standings.get(model);
        const known = standing === undefined ? (kept.get(model) ?? nothingKnown) : knownOf(standing);
        return reconcileModel(context, foundOf(model, found), known).catch(async (error: unknown) => {
          await takeNewest(context, model);
          throw error;
        });
      };
      results.push(await inTurnWhenSettled(context, model, task));
    }
    return { accepted: results.flatMap(({ accepted }) => accepted), refused: results.flatMap(({ refused }) => refused) };
  };
  const inTurn = createInTurn();
  return (found) => inTurn('reconcile', () => reconcile(found));
};
