import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { WorkerRestartReason } from '../telemetry/recorders.ts';
import type { ComparisonEnd } from './comparison/comparison-process.ts';
import type { LaneHooks } from './comparison/lane.ts';

const ends: Readonly<Record<ComparisonEnd, readonly [WorkerRestartReason, string]>> = {
  hung: ['timeout', 'a run passed its deadline: the comparison process was stopped and is being replaced'],
  memory: ['memory', 'the comparison process took too much memory: it was stopped and is being replaced'],
  died: ['exit', 'the comparison process died and is being replaced'],
  refused: ['exit', 'a version could not be loaded for comparison'],
  closed: ['exit', 'the comparison process was closed'],
};

/** What the comparison of a model's versions does, as metrics and log lines. */
export const createComparisonHooks =
  ({ metrics, log }: { readonly metrics: Metrics; readonly log: Log }) =>
  (model: string): LaneHooks => {
    const recorder = metrics.forComparison({ model });
    return {
      onPair: recorder.drawn,
      onDropped: recorder.drawn,
      onCpu: (cpuMs) => recorder.usedCpu(cpuMs / 1_000),
      onUp: recorder.setUp,
      onEnd: (end) => {
        const [reason, words] = ends[end];
        recorder.restarted(reason);
        log.warn({ model, reason }, words);
      },
      // Values of the row that the contract calls confidential or restricted are replaced already, images too.
      onExample: ({ kind, arm, requestId, why, row }) =>
        log.info({ model, request_id: requestId, kind, arm, why, ...(row ?? {}) }, 'a compared request shows a difference or a fault'),
    };
  };
