/**
 * Compares the versions of every rollout in pairs, apart from the requests' own path. States of a model: without a lane
 * (no rollout, or nothing to compare), or with the lane of its rollout; a lane goes with its rollout.
 */
import { imageInputOf } from '../inference/open-version.ts';
import type { ServingVersion } from '../inference/serving-version.ts';
import type { Evidence } from '../observe/evidence.ts';
import { keyHashOfHex } from '../observe/key-hash.ts';
import type { ModelRegistry, ServingModel } from '../registry.ts';
import type { Assignment } from '../routing/assign.ts';
import type { ComparisonProcessDeps, StartComparisonProcess } from './comparison-process.ts';
import type { ComparedVersion } from './comparison-protocol.ts';
import { createLane, type Lane, type LaneHooks } from './lane.ts';
import type { DrawnRequest } from './pair-runner.ts';

/** A request as it was answered, or failed by the versions' fault. */
export interface AnsweredPairRequest extends Pick<DrawnRequest, 'rows' | 'form' | 'requestId'> {
  readonly assignment: Assignment;
  /** Keyed hash of the routing key, 16 hexadecimal characters; null without one. */
  readonly routingKeyHash: string | null;
}

/** The comparison samples of all models. */
export interface Comparison {
  /** Draws the request by the share in force. Cheap for what is not drawn; the pair runs later, after the answer has been sent. */
  readonly offer: (model: ServingModel, request: AnsweredPairRequest) => void;
  /** Brings the model's process in line with its rollout: starts it, ends it, or leaves it. Call it after every change of its assignment. */
  readonly follow: (model: string) => void;
  /** Begins no pair any more. */
  readonly drain: () => void;
  /** Lets pairs that have begun end, then ends every process. */
  readonly close: () => Promise<void>;
  /** The comparison process of a model; null while there is none. */
  readonly pid: (model: string) => number | null;
}

export interface ComparisonDeps {
  readonly registry: Pick<ModelRegistry, 'get'>;
  readonly evidence: Evidence;
  readonly startProcess: StartComparisonProcess;
  /** A fresh unsigned 32-bit draw. */
  readonly randomU32: () => number;
  readonly monotonicMs: () => number;
  readonly hooksFor: (model: string) => LaneHooks;
}

/** The process itself, beside what the two versions may take. */
const processMiB = 256;
const u32Range = 2 ** 32;

interface Following {
  readonly rollout: string;
  readonly baseline: ServingVersion;
  readonly candidate: ServingVersion;
  readonly lane: Lane;
}

const comparedVersion = ({ bundle }: ServingVersion): ComparedVersion => ({
  model: bundle.modelBytes,
  image: imageInputOf(bundle),
  contract: bundle.contract,
  manifest: bundle.manifest,
  labels: bundle.labels,
  warmUp: bundle.golden[0]?.golden.request.inputs ?? [],
});

/** Both versions under one deadline: the baseline's, which callers know. */
const processDeps = ({ baseline, candidate }: Pick<Following, 'baseline' | 'candidate'>, monotonicMs: () => number): ComparisonProcessDeps => ({
  versions: { baseline: comparedVersion(baseline), candidate: comparedVersion(candidate) },
  deadlineMs: baseline.bundle.manifest.budgets.deadlineMs,
  maxMemoryMiB: processMiB + baseline.bundle.manifest.budgets.memoryMiB + candidate.bundle.manifest.budgets.memoryMiB,
  monotonicMs,
});

export const createComparison = (deps: ComparisonDeps): Comparison => {
  const { evidence, monotonicMs } = deps;
  const followed = new Map<string, Following>();
  const closing = new Set<Promise<void>>();
  let draining = false;

  const leave = (model: string): void => {
    const left = followed.get(model);
    if (left === undefined) return;
    followed.delete(model);
    const closed = left.lane.close().finally(() => closing.delete(closed));
    closing.add(closed);
  };
  const begin = (model: string, wanted: NonNullable<ReturnType<typeof wantedOf>>): void => {
    const { rollout, compare, baseline, candidate } = wanted;
    const process = processDeps(wanted, monotonicMs);
    const lane = createLane({
      ...deps,
      rollout,
      deadlineMs: process.deadlineMs,
      maxCpuPercent: compare.maxCpuPercent,
      start: (signal) => deps.startProcess(process, signal),
      hooks: deps.hooksFor(model),
    });
    evidence.compareWith(rollout, lane.lacks);
    followed.set(model, { rollout, baseline, candidate, lane });
  };

  return {
    offer: (model, { assignment, routingKeyHash, ...request }) => {
      const rule = model.traffic.rollout?.compare;
      // Cohorts and pinned versions are no evidence; ineligible requests run on one version only.
      if (rule == null || assignment.reason !== 'split') return;
      if (deps.randomU32() >= (rule.sharePercent / 100) * u32Range) return;
      followed.get(model.name)?.lane.offer({ ...request, rule, key: routingKeyHash === null ? null : keyHashOfHex(routingKeyHash) });
    },
    follow: (name) => {
      const model = deps.registry.get(name);
      const wanted = draining || model === undefined ? null : wantedOf(model);
      const now = followed.get(name);
      if (now !== undefined && isSame(now, wanted)) return;
      leave(name);
      if (wanted !== null) begin(name, wanted);
    },
    drain: () => {
      draining = true;
      for (const { lane } of followed.values()) lane.drain();
    },
    close: async () => {
      draining = true;
      for (const model of [...followed.keys()]) leave(model);
      await Promise.all(closing);
    },
    pid: (model) => followed.get(model)?.lane.pid() ?? null,
  };
};

const wantedOf = ({ traffic: { rollout }, baseline, candidate }: ServingModel) =>
  rollout === null || rollout.compare === null || baseline === null || candidate === null
    ? null
    : { rollout: rollout.id, compare: rollout.compare, baseline, candidate };

const isSame = (now: Following, wanted: ReturnType<typeof wantedOf>): boolean =>
  wanted !== null && now.rollout === wanted.rollout && now.baseline === wanted.baseline && now.candidate === wanted.candidate;
