import type { Fault } from '../bundle/fault.ts';
import type { Decision, RolloutRecord, RolloutStore } from '../store/rollout-store.ts';
import { type ControlContext, changeRollout, takeStanding } from './change-rollout.ts';
import { createInTurn } from './in-turn.ts';
import { type PlanFile, settlePlan } from './settle-plan.ts';
import { type Availability, assignmentOf, availabilityOf, type Standing, type Versions } from './standing.ts';

/** A verified version that can serve. */
interface ServingVersion {
  readonly model: string;
  readonly version: string;
  readonly digest: string;
}

/** All that was found on disk and holds; what is not listed is not there. */
export interface Found {
  readonly versions: readonly ServingVersion[];
  readonly plans: readonly PlanFile[];
  /** Only these models are settled, the others keep what they have; absent: all. */
  readonly models?: ReadonlySet<string>;
}

/** The plans that begin a rollout now (phase `pending`), and why others do not. */
export interface Reconciled {
  readonly accepted: readonly { readonly file: string; readonly model: string; readonly rollout: string }[];
  readonly refused: readonly Fault[];
}

interface ModelFound {
  readonly model: string;
  readonly versions: Versions;
  readonly plans: readonly PlanFile[];
}

/** What is known of a model before it is reconciled. */
interface Known {
  readonly record: RolloutRecord | null;
  /** The availability for which the epoch stands. */
  readonly availability: Availability;
  /** The epoch in force; 0 before the first. */
  readonly epoch: number;
  /** The baseline that this process serves. */
  readonly serving: string | null;
}

/** Who decides when no person does. */
const gateway = 'gateway';

const decisionsAtOnce = 100;

const isAvailability = (move: string): move is Availability => move === 'available' || move === 'candidate-unavailable' || move === 'baseline-unavailable';

const lastAvailability = (decisions: readonly Decision[], rollout: string): Availability | null => {
  for (const decision of decisions) {
    if (decision.rollout !== rollout) return 'available';
    if (isAvailability(decision.move)) return decision.move;
  }
  return null;
};

/** The availability that the kept epoch stands for. An earlier life of the gateway wrote it to the decisions; a rollout begins `available`. */
const keptAvailability = async (store: RolloutStore, { model, rollout }: RolloutRecord): Promise<Availability> => {
  let before = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const decisions = await store.decisions({ model, limit: decisionsAtOnce, before });
    const found = lastAvailability(decisions, rollout);
    if (found !== null) return found;
    if (decisions.length < decisionsAtOnce) return 'available';
    before = decisions.at(-1)?.sequence ?? 0;
  }
};

const availabilityReason = (record: RolloutRecord, availability: Availability): string => {
  switch (availability) {
    case 'available':
      return `${record.baseline} and ${record.candidate} are available again: weight ${record.weightHundredths / 100} is in force`;
    case 'candidate-unavailable':
      return `the candidate ${record.candidate} is not available: the baseline answers`;
    case 'baseline-unavailable':
      return 'the baseline is not available: the model does not answer';
  }
};

const beginRollout = (
  context: ControlContext,
  { file, plan, digest }: PlanFile,
  { known, versions }: { readonly known: Known; readonly versions: Versions },
) => {
  const candidateDigest = versions.get(plan.candidate) ?? '';
  return changeRollout(context, {
    previous: known.record,
    next: {
      model: plan.model,
      rollout: context.newId(),
      attempt: known.record?.candidateDigest === candidateDigest ? known.record.attempt : 1,
      phase: 'pending',
      baseline: plan.baseline,
      candidate: plan.candidate,
      candidateDigest,
      planDigest: digest,
      plan: JSON.stringify(plan),
      weightHundredths: 0,
      step: 0,
      reason: `${file} was accepted: ${plan.candidate} is to replace ${plan.baseline}`,
    },
    epoch: known.epoch,
    move: 'accept',
    actor: gateway,
  });
};

/** A record whose versions came or went gets a new epoch and a decision, since its traffic is split otherwise from now on. */
const recordAvailability = async (context: ControlContext, { record, availability }: Known, now: Availability): Promise<RolloutRecord | null> => {
  if (record === null || availability === now) return record;
  const next = { ...record, reason: availabilityReason(record, now) };
  return changeRollout(context, { previous: record, next, epoch: record.epoch, move: now, actor: gateway });
};

/** Without a record nothing is kept: the epoch counts the changes of this process' life. */
const epochOf = (record: RolloutRecord | null, { baseline, known }: { readonly baseline: string | null; readonly known: Known }): number => {
  if (record !== null) return record.epoch;
  return known.epoch > 0 && known.serving === baseline ? known.epoch : known.epoch + 1;
};

const reconcileModel = async (context: ControlContext, found: ModelFound, known: Known): Promise<Reconciled> => {
  const { model, versions } = found;
  const { baseline, accept, faults } = settlePlan({ ...found, record: known.record, serving: known.serving });
  // A plan is accepted only when its versions are there, so a rollout begins `available`.
  const begun = accept === null ? null : await beginRollout(context, accept, { known, versions });
  const availability = availabilityOf({ baseline, record: begun ?? known.record }, versions);
  const record = begun ?? (await recordAvailability(context, known, availability));
  const split = assignmentOf(model, { baseline, record, availability });
  const assignment = { ...split, epoch: epochOf(record, { baseline: split.baseline, known }) };
  await takeStanding(context, { baseline, record, availability, assignment });
  return { accepted: accept === null || begun === null ? [] : [{ file: accept.file, model, rollout: begun.rollout }], refused: faults };
};

/** What an earlier life of the gateway has kept of each model. */
const recall = async (store: RolloutStore): Promise<ReadonlyMap<string, Known>> => {
  const known = new Map<string, Known>();
  for (const record of await store.load()) {
    known.set(record.model, { record, availability: await keptAvailability(store, record), epoch: record.epoch, serving: null });
  }
  return known;
};

const nothingKnown: Known = { record: null, availability: 'available', epoch: 0, serving: null };

const knownOf = (standing: Standing): Known => ({
  record: standing.record,
  availability: standing.availability,
  epoch: standing.assignment.epoch,
  serving: standing.assignment.baseline,
});

const foundOf = (model: string, { versions, plans }: Found): ModelFound => ({
  model,
  versions: new Map(versions.filter((entry) => entry.model === model).map((entry) => [entry.version, entry.digest])),
  plans: plans.filter(({ plan }) => plan.model === model),
});

/**
 * Makes the operation that brings what is found on disk and what is kept together, and publishes every model's
 * assignment. Calls run one after the other. Rejects when the store fails: models not yet reached keep their assignment.
 */
export const createReconcile = (context: ControlContext): ((found: Found) => Promise<Reconciled>) => {
  let recalled: ReadonlyMap<string, Known> | null = null;
  const reconcile = async (found: Found): Promise<Reconciled> => {
    recalled ??= await recall(context.store);
    const kept = recalled;
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
        return reconcileModel(context, foundOf(model, found), standing === undefined ? (kept.get(model) ?? nothingKnown) : knownOf(standing));
      };
      results.push(await context.inTurn(model, task));
    }
    return { accepted: results.flatMap(({ accepted }) => accepted), refused: results.flatMap(({ refused }) => refused) };
  };
  const inTurn = createInTurn();
  return (found) => inTurn('reconcile', () => reconcile(found));
};
