/**
 * One rollout on a simulated clock: the engine, the store, the routing and the counters of the gateway, and traffic that is
 * drawn from measured cases. A second composition root beside app.ts: see docs/decisions/0027.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LabelGroups } from '../checklist/evaluation/case-values.ts';
import type { Clock } from '../clock.ts';
import { beginRollout } from '../control-plane/begin-rollout.ts';
import { type ControlContext, createControlContext, takeStanding } from '../control-plane/change-rollout.ts';
import { createMeasure } from '../control-plane/measure.ts';
import type { Plan } from '../control-plane/plan.ts';
import { createRolloutControl, type RolloutControl } from '../control-plane/rollout-control.ts';
import { assignmentOf, type Standing } from '../control-plane/standing.ts';
import { createEngine, type Engine } from '../control-plane/tick.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import { createEvidence } from '../data-plane/observe/evidence.ts';
import { createModelRegistry, type ModelRegistry } from '../data-plane/registry.ts';
import type { Phase, RolloutStore } from '../store/rollout-store.ts';
import { createSqliteRolloutStore } from '../store/sqlite-rollout-store.ts';
import { lapseOf, lapsePlan, patienceSecondsOf } from './lapse-plan.ts';
import { createTraffic, type Material, type Traffic } from './play-traffic.ts';
import { createPlayedOutcomes, unlabelledCriteria } from './played-outcomes.ts';
import { requestsDue } from './requests-due.ts';
import { createSeededRandom, type SeededRandom } from './seeded-random.ts';

/** What a rollout is played with. */
export interface PlayedRollout {
  readonly plan: Plan;
  readonly baseline: ServingVersion;
  readonly candidate: ServingVersion;
  readonly material: Material;
  readonly groups: LabelGroups;
  readonly requestsPerSecond: number;
  readonly unitShare: number;
  /** Draws the index of a case, by chance that it is given. */
  readonly drawCase: (random: SeededRandom) => number;
  readonly seed: number;
  /** Wall time at which it begins, milliseconds since the epoch. */
  readonly startMs: number;
}

/** Phases that end a rehearsal. */
const endings = ['rolled-back', 'promoted', 'inconclusive'] as const satisfies readonly Phase[];

/** How a played rollout ended. */
export interface PlayedEnding {
  /** `held`: it waits for what has not come in twice the time that the plan allows. */
  readonly phase: (typeof endings)[number] | 'held';
  readonly sentence: string;
  /** The guard that was blamed; null when none was. */
  readonly blamed: string | null;
  readonly step: number;
  /** Percent; of a rollout that was rolled back, the weight before that. */
  readonly weight: number;
  readonly candidateRequests: number;
  /** Time of the plan that passed. */
  readonly seconds: number;
  /** Guards that were not measured. */
  readonly notMeasured: readonly string[];
}

interface Simulation {
  readonly context: ControlContext;
  readonly control: RolloutControl;
  readonly engine: Engine;
  readonly registry: ModelRegistry;
  readonly traffic: Traffic;
  readonly faults: readonly Error[];
  /** Lets seconds of the simulated clock pass. */
  readonly pass: (seconds: number) => void;
  readonly seconds: () => number;
}

const createClock = (startMs: number, lapse: number) => {
  let seconds = 0;
  const clock: Clock = { monotonicMs: () => seconds * 1_000, wallMs: () => startMs + seconds * 1_000 * lapse };
  const pass = (more: number): void => {
    seconds += more;
  };
  return { clock, seconds: () => seconds, pass };
};

const incarnation = 'rehearsal';

/**
 * Accepts the plan in its time lapse. Settling it against the criteria once more would refuse it: their windows, which are
 * those of the wall clock, are longer than a bake that has shrunk.
 */
const accept = async (context: ControlContext, { plan, baseline, candidate }: PlayedRollout): Promise<void> => {
  const { digest: candidateDigest, acceptance } = candidate.bundle;
  const planned = { plan: lapsePlan(plan), planDigest: 'rehearsal', baselineDigest: baseline.bundle.digest, candidateDigest, acceptance };
  const record = await beginRollout(context, { file: `rollout/${plan.model}.yaml`, planned, previous: null, epoch: 0 });
  const standing = { baseline: baseline.bundle.version, record, availability: 'available' } as const;
  const assignment = { ...assignmentOf(plan.model, standing), epoch: record.epoch };
  await takeStanding(context, { ...standing, assignment, planned: null, barsToStart: [], live: null });
};

const simulate = async (played: PlayedRollout, store: RolloutStore): Promise<Simulation> => {
  const { plan, baseline, candidate } = played;
  const random = createSeededRandom(played.seed);
  const lapse = lapseOf(plan);
  const { clock, seconds, pass } = createClock(played.startMs, lapse);
  const evidence = createEvidence({ monotonicMs: clock.monotonicMs, incarnation });
  const registry = createModelRegistry();
  for (const version of [baseline, candidate]) registry.add(version);
  const context = createControlContext({ store, clock, newId: () => `rehearsal-${played.seed}`, publish: registry.assign });
  const control = createRolloutControl(context);
  const faults: Error[] = [];
  const outcomes = createPlayedOutcomes(candidate.bundle.acceptance, played.groups);
  const measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf: () => 1, wallMs: clock.wallMs, outcomes });
  const engine = createEngine({ context, ...measure, onFault: (_, error) => faults.push(error instanceof Error ? error : new Error(String(error))) });
  await accept(context, played);
  const { rollout } = registry.get(plan.model)?.traffic ?? { rollout: null };
  if (rollout !== null) evidence.compareWith(rollout.id, () => null);
  const times = { wallMs: clock.wallMs, nowSecond: seconds, lapse };
  const traffic = createTraffic({ ...played, ...times, random, evidence, outcomes, drawCase: () => played.drawCase(random) });
  return { context, control, engine, registry, traffic, faults, pass, seconds };
};

const actor = 'rehearsal';

const standingIn = ({ context }: Simulation, { model }: Plan): Standing & { readonly record: NonNullable<Standing['record']> } => {
  const standing = context.standings.get(model);
  if (standing?.record == null) throw new Error(`the rollout of ${model} is gone`);
  return { ...standing, record: standing.record };
};

/** A long step is looked at every five seconds of the clock, which is as long as a tick may count for; a young one every second. */
const secondsToNextLook = (elapsedMs: number): number => Math.min(5, Math.max(1, Math.floor(elapsedMs / 20_000)));

/** Traffic up to the next look, then the look. A person resumes every pause; at weight 100 nobody is compared any more. */
const advance = async (simulation: Simulation, { plan, requestsPerSecond }: PlayedRollout): Promise<void> => {
  const { record } = standingIn(simulation, plan);
  const seconds = secondsToNextLook(record.phase === 'baking' ? record.bakeElapsedMs : record.stepElapsedMs);
  const lapse = lapseOf(plan);
  for (let passed = 0; passed < seconds; passed += 1) {
    const model = simulation.registry.get(plan.model);
    const due = requestsDue(simulation.seconds(), requestsPerSecond * lapse);
    if (model !== undefined && record.weightHundredths < 10_000) simulation.traffic.play(model, due);
    simulation.pass(1);
  }
  await simulation.engine.tick();
  const [fault] = simulation.faults;
  if (fault !== undefined) throw fault;
  if (standingIn(simulation, plan).record.phase === 'paused')
    await simulation.control.move(plan.model, { move: 'resume' }, { reason: 'a person resumes', actor });
};

const endingPhase = (phase: Phase): (typeof endings)[number] | undefined => endings.find((ending) => ending === phase);

const endingOf = (simulation: Simulation, { plan, candidate }: PlayedRollout, weight: number): PlayedEnding => {
  const { record, live } = standingIn(simulation, plan);
  const unmeasured = (live?.assessment.guardrails ?? []).filter(({ verdict }) => verdict === 'not-measured').map(({ name }) => name);
  const ended = endingPhase(record.phase);
  const waitsFor = ended === undefined ? (live?.waitsFor ?? null) : null;
  return {
    phase: ended ?? 'held',
    sentence: waitsFor === null ? record.reason : `held: ${waitsFor}`,
    blamed: live?.assessment.worse?.name ?? null,
    step: record.step,
    weight: weight / 100,
    candidateRequests: simulation.traffic.candidateRequests(),
    seconds: simulation.seconds() * lapseOf(plan),
    notMeasured: [...new Set([...unmeasured, ...unlabelledCriteria(candidate.bundle.acceptance)])],
  };
};

const run = async (simulation: Simulation, played: PlayedRollout): Promise<PlayedEnding> => {
  await simulation.control.move(played.plan.model, { move: 'start' }, { reason: 'a rehearsal', actor });
  const patience = patienceSecondsOf(played.plan);
  let weight = 0;
  while (simulation.seconds() <= patience) {
    const { record } = standingIn(simulation, played.plan);
    if (endingPhase(record.phase) !== undefined) break;
    weight = record.weightHundredths;
    await advance(simulation, played);
  }
  return endingOf(simulation, played, weight);
};

/** A folder that is gone with the process too, which an interruption ends before the work can. */
const inTemporaryFolder = async <Result>(work: (folder: string) => Promise<Result>): Promise<Result> => {
  const folder = mkdtempSync(join(tmpdir(), 'handoff-rehearsal-'));
  // The store may still be writing into it: then it is tried again.
  const remove = (): void => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once('exit', remove);
  try {
    return await work(folder);
  } finally {
    process.off('exit', remove);
    remove();
  }
};

/** Plays one rollout from its start to its end. Rejects when the store fails or the plan is refused. */
export const playRollout = (played: PlayedRollout): Promise<PlayedEnding> =>
  inTemporaryFolder(async (dataDir) => {
    const store = await createSqliteRolloutStore({ dataDir });
    try {
      return await run(await simulate(played, store), played);
    } finally {
      await store.close();
    }
  });
