import type { Acceptance } from '../bundle/acceptance.ts';
import type { LabelGroups } from '../checklist/evaluation/case-values.ts';
import type { Plan } from '../control-plane/plan.ts';
import type { ServingVersion } from '../data-plane/inference/serving-version.ts';
import { type DeclaredFault, noStrike, strikeOf, tamperingOf } from './inject-fault.ts';
import type { Material } from './play-traffic.ts';
import type { EvaluationCase } from './read-cases.ts';
import { type CheckedCase, checkCases, runBoth, runCases } from './run-cases.ts';
import type { SeededRandom } from './seeded-random.ts';
import { type PlayedEnding, playRollout } from './simulated-rollout.ts';

/** One rollout of a rehearsal and whether it ended as it must. */
export interface RehearsedRollout {
  /** Name of the injected fault; null for the clean one. */
  readonly fault: string | null;
  /** A fault must be rolled back for a guard; the clean candidate must not be, and must not be held without end. */
  readonly ok: boolean;
  readonly ending: PlayedEnding;
}

export interface Rehearsal {
  readonly baseline: ServingVersion;
  readonly candidate: ServingVersion;
  readonly plan: Plan;
  readonly acceptance: Acceptance;
  readonly cases: readonly EvaluationCase[];
  readonly groups: LabelGroups;
  readonly requestsPerSecond: number;
  readonly unitShare: number;
  /** Share of the requests whose label is 1, where the sample draws them more often than they come; absent: as in the sample. */
  readonly positiveShare?: number;
  readonly seed: number;
  readonly startMs: number;
  readonly monotonicMs: () => number;
  /** Hears of each rollout when it has ended. */
  readonly onEnd: (rollout: RehearsedRollout) => void;
}

type DrawCase = (random: SeededRandom) => number;

const isPositive = ({ evaluation }: CheckedCase): boolean => evaluation.labels.some((label) => label === 1);

const indexesOf = (cases: readonly CheckedCase[], wanted: (entry: CheckedCase) => boolean): readonly number[] =>
  cases.flatMap((entry, index) => (wanted(entry) ? [index] : []));

const drawFrom = (indexes: readonly number[], random: SeededRandom): number => indexes[Math.floor(random.uniform() * indexes.length)] ?? 0;

const drawingOf = (cases: readonly CheckedCase[], positiveShare: number | undefined): DrawCase => {
  const [positives, others] = [indexesOf(cases, isPositive), indexesOf(cases, (entry) => !isPositive(entry))];
  if (positiveShare === undefined || positives.length === 0 || others.length === 0) return (random) => Math.floor(random.uniform() * cases.length);
  return (random) => drawFrom(random.uniform() < positiveShare ? positives : others, random);
};

/** A fault that changes rows or outputs takes no time: its runs keep the typical times of the clean ones. */
const tamperedRuns = async ({ candidate, monotonicMs }: Rehearsal, fault: DeclaredFault, clean: Material) => {
  const tampering = tamperingOf(fault);
  if (tampering === null) return null;
  const runs = await runCases(candidate, clean.cases, { monotonicMs, tampering });
  return runs.map((run, index) => ({ ...run, runMs: clean.candidate[index]?.runMs ?? run.runMs }));
};

/** Runs every evaluation case on each version and once more for each fault that changes runs, then plays the plan: clean, and under each fault. */
export const rehearse = async (rehearsal: Rehearsal): Promise<readonly RehearsedRollout[]> => {
  const { baseline, candidate, acceptance, monotonicMs } = rehearsal;
  const cases = checkCases(rehearsal.cases, { baseline: baseline.contract, candidate: candidate.contract });
  if (cases.length === 0) throw new Error("no evaluation case holds against the baseline's contract");
  const clean: Material = {
    cases,
    ...(await runBoth([baseline, candidate], cases, { monotonicMs })),
    tampered: null,
    strike: noStrike,
  };
  const drawCase = drawingOf(cases, rehearsal.positiveShare);
  const play = (material: Material, seed: number): Promise<PlayedEnding> => playRollout({ ...rehearsal, material, drawCase, seed });
  const rollouts: RehearsedRollout[] = [];
  const end = (rollout: RehearsedRollout): void => {
    rollouts.push(rollout);
    rehearsal.onEnd(rollout);
  };
  const ending = await play(clean, rehearsal.seed);
  end({ fault: null, ok: ending.phase !== 'rolled-back' && ending.phase !== 'held', ending });
  for (const [index, fault] of acceptance.faults.entries()) {
    const struck = await play({ ...clean, tampered: await tamperedRuns(rehearsal, fault, clean), strike: strikeOf(fault) }, rehearsal.seed + 1 + index);
    end({ fault: fault.name, ok: struck.phase === 'rolled-back' && struck.blamed !== null, ending: struck });
  }
  return rollouts;
};
