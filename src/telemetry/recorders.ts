import { type Phase, phases } from '../store/rollout-store.ts';
import { type Families, seriesEach } from './families.ts';

/** What a request was assigned to; `none` for pinned versions and for requests that end before the assignment. */
export type ArmLabel = 'baseline' | 'candidate' | 'none';

const requestResults = ['ok', 'client_error', 'error', 'timeout', 'shed', 'breach'] as const;
/** How a request ended for the arm that it was assigned to, whoever answered it. */
export type RequestResult = (typeof requestResults)[number];

const rescueReasons = ['error', 'timeout', 'circuit_open', 'queue_full', 'lost_worker', 'breach'] as const;
/** Why the baseline answered for the candidate. */
export type RescueReason = (typeof rescueReasons)[number];

/** What became of a posted outcome. */
export type OutcomeResult = 'accepted' | 'duplicate' | 'forged' | 'too_late' | 'unknown_outcome' | 'out_of_range';

const workerRestartReasons = ['exit', 'timeout', 'memory'] as const;
/** Why a worker was replaced: it ended, its run overran the deadline, or it took more memory than it may. */
export type WorkerRestartReason = (typeof workerRestartReasons)[number];

const comparisonKinds = ['versions', 'self', 'busy', 'down', 'drain'] as const;
/**
 * What became of a request that was drawn for comparison: its pair ran on both versions, or on the baseline twice; or it was
 * dropped before its pair began, because the CPU budget was spent, there was no process, or the gateway ends.
 */
export type ComparisonKind = (typeof comparisonKinds)[number];

/** Records the comparison of one model's versions. */
export interface ComparisonRecorder {
  readonly drawn: (kind: ComparisonKind) => void;
  readonly usedCpu: (seconds: number) => void;
  readonly setUp: (up: boolean) => void;
  readonly restarted: (reason: WorkerRestartReason) => void;
}

/** Which rule of the data contract a request broke. */
export type ContractRule = 'unknown' | 'missing' | 'value' | 'row';

/** Records the end of requests of one arm; safe to call for every request. */
export interface ArmRecorder {
  readonly request: (result: RequestResult, durationSeconds: number) => void;
}

/** Records what happens inside one version. */
export interface VersionRecorder {
  /** A request waited this long between its arrival at the batcher and its run. */
  readonly queued: (durationSeconds: number) => void;
  /** One run ended. */
  readonly computed: (run: { readonly rows: number; readonly durationSeconds: number }) => void;
  /** The baseline answered a request of this candidate. */
  readonly rescued: (reason: RescueReason) => void;
  readonly workerRestarted: (reason: WorkerRestartReason) => void;
  readonly setBreakerOpen: (open: boolean) => void;
}

/** Records what concerns a model as a whole. */
export interface ModelRecorder {
  /** A request satisfied the baseline's contract only. */
  readonly ineligible: () => void;
  /** Violations of the contract; a feature that the model does not declare is counted as `other`. */
  readonly violated: (broken: { readonly feature: string; readonly rule: ContractRule; readonly count: number }) => void;
  /** Replaces the shown state: the phase, null without a rollout, and the share of traffic of each version, 0 to 1. */
  readonly setRollout: (state: { readonly phase: Phase | null; readonly weights: Readonly<Record<string, number>> }) => void;
}

/** What adds to series. The calls return the same series for the same labels; make them once and keep them. */
export interface Recorders {
  /** `version` is the one that the arm stands for; `none` for what ends before the assignment. */
  readonly forArm: (labels: { readonly model: string; readonly version: string; readonly arm: ArmLabel }) => ArmRecorder;
  readonly forVersion: (labels: { readonly model: string; readonly version: string }) => VersionRecorder;
  /** `features` are the field names that the loaded versions declare; a later call replaces them. */
  readonly forModel: (model: { readonly model: string; readonly features: Iterable<string> }) => ModelRecorder;
  readonly forComparison: (labels: { readonly model: string }) => ComparisonRecorder;
}

const recordArm =
  (families: Families): Recorders['forArm'] =>
  ({ model, version, arm }) => {
    const labels = { model, version, arm };
    const requests = seriesEach(requestResults, (result) => families.requests.of({ ...labels, result }));
    const duration = families.requestDuration.of(labels);
    return {
      request: (result, durationSeconds) => {
        requests[result].value += 1;
        duration.observe(durationSeconds);
      },
    };
  };

const recordVersion =
  (families: Families): Recorders['forVersion'] =>
  ({ model, version }) => {
    const labels = { model, version };
    const queueDuration = families.queueDuration.of(labels);
    const computeDuration = families.computeDuration.of(labels);
    const batchSize = families.batchSize.of(labels);
    const rescues = seriesEach(rescueReasons, (reason) => families.rescues.of({ ...labels, reason }));
    const restarts = seriesEach(workerRestartReasons, (reason) => families.workerRestarts.of({ ...labels, reason }));
    const breakerOpen = families.breakerOpen.of(labels);
    return {
      queued: queueDuration.observe,
      computed: ({ rows, durationSeconds }) => {
        computeDuration.observe(durationSeconds);
        batchSize.observe(rows);
      },
      rescued: (reason) => {
        rescues[reason].value += 1;
      },
      workerRestarted: (reason) => {
        restarts[reason].value += 1;
      },
      setBreakerOpen: (open) => {
        breakerOpen.value = open ? 1 : 0;
      },
    };
  };

const recordComparison =
  (families: Families): Recorders['forComparison'] =>
  (labels) => {
    const kinds = seriesEach(comparisonKinds, (kind) => families.comparisonRequests.of({ ...labels, kind }));
    const restarts = seriesEach(workerRestartReasons, (reason) => families.comparisonRestarts.of({ ...labels, reason }));
    const cpu = families.comparisonCpu.of(labels);
    const up = families.comparisonUp.of(labels);
    return {
      drawn: (kind) => {
        kinds[kind].value += 1;
      },
      usedCpu: (seconds) => {
        cpu.value += seconds;
      },
      setUp: (isUp) => {
        up.value = isUp ? 1 : 0;
      },
      restarted: (reason) => {
        restarts[reason].value += 1;
      },
    };
  };

const recordModel = (families: Families): Recorders['forModel'] => {
  const declared = new Map<string, ReadonlySet<string>>();
  return ({ model, features }) => {
    declared.set(model, new Set(features));
    const ineligible = families.ineligible.of({ model });
    return {
      ineligible: () => {
        ineligible.value += 1;
      },
      violated: ({ feature, rule, count }) => {
        const known = declared.get(model)?.has(feature) === true;
        families.violations.of({ model, feature: known ? feature : 'other', rule }).value += count;
      },
      setRollout: ({ phase, weights }) => {
        families.weight.release({ model });
        for (const [version, ratio] of Object.entries(weights)) families.weight.of({ model, version }).value = ratio;
        for (const name of phases) families.phase.of({ model, phase: name }).value = name === phase ? 1 : 0;
      },
    };
  };
};

export const createRecorders = (families: Families): Recorders => ({
  forArm: recordArm(families),
  forVersion: recordVersion(families),
  forModel: recordModel(families),
  forComparison: recordComparison(families),
});
