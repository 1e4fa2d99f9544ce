import { beginUnit, endUnit } from '../data-plane/observe/count-unit.ts';
import type { Evidence } from '../data-plane/observe/evidence.ts';
import { keyHashOfHex, mix32 } from '../data-plane/observe/key-hash.ts';
import type { ServingModel } from '../data-plane/registry.ts';
import { attemptDeadline } from '../data-plane/rescue.ts';
import { type Assignment, assign } from '../data-plane/routing/assign.ts';
import { selfPairThreshold } from '../pair-sampling.ts';
import type { ComparisonRule } from '../store/traffic-assignment.ts';
import type { Strike } from './inject-fault.ts';
import { createPairAllowance, type PairAllowance } from './pair-allowance.ts';
import { playPair, playSelfPair } from './play-pair.ts';
import type { PlayedOutcomes } from './played-outcomes.ts';
import type { CaseRun, CheckedCase } from './run-cases.ts';
import type { SeededRandom } from './seeded-random.ts';

/** The measured cases from which requests are drawn, and how a fault strikes the candidate's. */
export interface Material {
  readonly cases: readonly CheckedCase[];
  readonly baseline: readonly CaseRun[];
  readonly candidate: readonly CaseRun[];
  /** The candidate's runs under the fault; null when it changes none. */
  readonly tampered: readonly CaseRun[] | null;
  readonly strike: Strike;
  /** What single runs take beyond a version's typical time, milliseconds: the same law for both versions. */
  readonly noiseMs: readonly number[];
}

export interface TrafficDeps {
  readonly material: Material;
  readonly random: SeededRandom;
  readonly evidence: Evidence;
  readonly outcomes: Pick<PlayedOutcomes, 'play'>;
  readonly wallMs: () => number;
  /** Whole seconds of the simulated clock, and how many of the plan's are in each. */
  readonly nowSecond: () => number;
  readonly lapse: number;
  /** Draws the index of a case. */
  readonly drawCase: () => number;
  /** Share of the requests that are the first of their key. */
  readonly unitShare: number;
}

/** Plays requests that are drawn from measured cases, through the counting that live requests go through. */
export interface Traffic {
  readonly play: (model: ServingModel, requests: number) => void;
  /** Requests that were assigned to the candidate so far. */
  readonly candidateRequests: () => number;
}

/** Keys are numbers in words, so that they can be hashed as numbers. */
const keyOf = (number: number): string => `k${number}`;

const hexOf = (half: number): string => half.toString(16).padStart(8, '0');

/** 64 bits of a key in place of the gateway's keyed hash, which is dear: who makes the keys needs no secret. */
const hashKey = (key: string): string => {
  const number = Number(key.slice(1));
  return hexOf(mix32(number ^ 0x9e3779b9)) + hexOf(mix32(number ^ 0x85ebca6b));
};

/** How a request ends for its arm: a failure, and the answer that the caller got. */
type RequestEnd = Parameters<typeof endUnit>[2];

const baselineEnd = ({ baseline }: Material, index: number): RequestEnd => ({
  failure: baseline[index]?.failure ?? null,
  answer: baseline[index]?.answer ?? null,
});

interface Drawn {
  readonly material: Material;
  readonly index: number;
  readonly random: SeededRandom;
}

const noisyMs = (typicalMs: number, noiseMs: readonly number[], random: SeededRandom): number =>
  Math.max(0, typicalMs + (noiseMs[Math.floor(random.uniform() * noiseMs.length)] ?? 0));

/** The run of the candidate as the fault leaves it. */
const struckRun = ({ material: { strike, candidate, tampered, noiseMs }, index, random }: Drawn): CaseRun | undefined => {
  const run = (tampered !== null && random.uniform() < strike.share ? tampered : candidate)[index];
  if (run === undefined) return undefined;
  const runMs = noisyMs(run.runMs + strike.addMs, noiseMs, random);
  return random.uniform() < strike.errorRate ? { answer: null, failure: 'error', runMs } : { ...run, runMs };
};

/** The candidate's attempt ends early enough for the baseline to answer after it; a failed one is rescued. */
const candidateEnd = ({ baseline }: ServingModel, drawn: Drawn): RequestEnd => {
  const run = struckRun(drawn);
  const rescue = baselineEnd(drawn.material, drawn.index).answer;
  const attemptMs = attemptDeadline(0, baseline?.bundle.manifest.budgets.deadlineMs ?? 0, baseline?.p99Ms() ?? 0);
  if (run === undefined || run.failure !== null) return { failure: run?.failure ?? 'error', answer: rescue };
  return run.runMs > attemptMs ? { failure: 'timeout', answer: rescue } : { failure: null, answer: run.answer };
};

const isDrawn = (rule: ComparisonRule | null, random: SeededRandom): rule is ComparisonRule => rule !== null && random.uniform() * 100 < rule.sharePercent;

const isOfBaselineAlone = ({ differences }: ComparisonRule, random: SeededRandom): boolean => differences.length > 0 && random.u32() < selfPairThreshold;

interface DrawnToCompare extends Drawn, Pick<TrafficDeps, 'evidence' | 'nowSecond'> {
  readonly allowance: PairAllowance;
}

/** A sample of the eligible requests runs once more on both versions. */
const compareRequest = (
  { traffic: { rollout }, baseline }: ServingModel,
  routingKey: string | null,
  { evidence, allowance, nowSecond, ...drawn }: DrawnToCompare,
): void => {
  if (rollout === null || !isDrawn(rollout.compare, drawn.random) || !allowance.isOpen(nowSecond(), rollout.compare)) return;
  const key = routingKey === null ? null : keyHashOfHex(hashKey(routingKey));
  const [own, other] = [drawn.material.baseline[drawn.index], struckRun(drawn)];
  if (own === undefined || other === undefined) return;
  allowance.spend(own.runMs + other.runMs);
  const deadlineMs = baseline?.bundle.manifest.budgets.deadlineMs ?? 0;
  if (isOfBaselineAlone(rollout.compare, drawn.random)) playSelfPair(evidence, { rollout, key });
  else {
    const ownMs = noisyMs(own.runMs, drawn.material.noiseMs, drawn.random);
    playPair(evidence, { rollout, key, baseline: { ...own, runMs: ownMs }, candidate: other, deadlineMs });
  }
};

interface Assigned {
  readonly assignment: Assignment;
  readonly key: string | null;
  readonly eligible: boolean;
}

/** Makes traffic on one rollout. */
export const createTraffic = (deps: TrafficDeps): Traffic => {
  const { material, random, evidence, outcomes, drawCase, unitShare, wallMs } = deps;
  const allowance = createPairAllowance(deps.lapse);
  let keys = 0;
  let toCandidate = 0;

  const drawKey = (): string => {
    if (keys === 0 || random.uniform() < unitShare) keys += 1;
    else return keyOf(Math.floor(random.uniform() * keys));
    return keyOf(keys - 1);
  };
  const end = (model: ServingModel, index: number, { assignment, key, eligible }: Assigned): void => {
    const [assignedAtMs, isCandidate] = [wallMs(), assignment.arm === 'candidate'];
    const unit = beginUnit(evidence, model, { assignment, routingKeyHash: key === null ? null : hashKey(key), eligible, assignedAtMs });
    const ended = isCandidate ? candidateEnd(model, { material, index, random }) : baselineEnd(material, index);
    endUnit(unit, model, ended);
    const { evaluation } = material.cases[index] ?? {};
    if (unit === null || assignment.arm === null || evaluation === undefined) return;
    const probabilities = { w: unit.probability, weightInForce: assignment.probability };
    outcomes.play({ evaluation, answer: ended.answer, arm: assignment.arm, ...probabilities, key, assignedAtMs });
  };
  const request = (model: ServingModel): void => {
    const index = drawCase();
    const eligible = material.cases[index]?.isEligible === true;
    const key = model.traffic.rollout?.routingKey == null ? null : drawKey();
    const assignment = assign(model.traffic, { pinned: null, eligible, matched: false, key, randomU32: random.u32 });
    if (assignment === null) return;
    if (assignment.arm === 'candidate') toCandidate += 1;
    end(model, index, { assignment, key, eligible });
    if (eligible) compareRequest(model, key, { ...deps, index, allowance });
  };
  return {
    play: (model, requests) => {
      for (let count = 0; count < requests; count += 1) request(model);
    },
    candidateRequests: () => toCandidate,
  };
};
