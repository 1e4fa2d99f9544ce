import type { Bundle } from '../bundle/read-bundle.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { WorkerRestartReason } from '../telemetry/recorders.ts';
import type { Tracing } from '../telemetry/request-span.ts';
import type { BatchRun } from './inference/batcher.ts';
import type { Placement } from './inference/placement.ts';
import type { VersionHooks } from './inference/serving-version.ts';
import type { WorkerEnd } from './inference/worker-process.ts';

interface HookDeps {
  readonly metrics: Metrics;
  readonly tracing: Tracing;
  readonly log: Log;
}

const restartReasonOf: Readonly<Record<WorkerEnd, WorkerRestartReason>> = {
  hung: 'timeout',
  memory: 'memory',
  died: 'exit',
  closed: 'exit',
  'load-failed': 'exit',
};

/** What a version does between requests, as metrics, spans and log lines. */
export const createVersionHooks = ({ model, version, manifest }: Bundle, { metrics, tracing, log }: HookDeps): VersionHooks => {
  const recorder = metrics.forVersion({ model, version });
  // A boundary at the objective, so that the share of requests within it is exact.
  metrics.addSloBounds([manifest.budgets.latencyP95Ms / 1_000]);
  const trace = (run: BatchRun, placement: Placement['kind']): void => {
    const { startedMs: startMs, endedMs: endMs, rows, spans, failure } = run;
    const errorType = failure === null ? {} : { errorType: failure };
    if (placement === 'worker') for (const span of spans) span.child({ name: `infer ${model}`, kind: 'internal', startMs }).end({ endMs, ...errorType });
    tracing.batchRun({ model, version, placement, rows, startMs, endMs, requests: spans, ...errorType });
  };
  return {
    onRun: (run, placement) => {
      for (const queueMs of run.queuesMs) recorder.queued(queueMs / 1_000);
      // An input that could not be read has kept the run from beginning.
      if (run.failure !== 'invalid-input') recorder.computed({ rows: run.rows, durationSeconds: (run.endedMs - run.startedMs) / 1_000 });
      if (run.spans.length > 0) trace(run, placement);
    },
    onWorkerRestart: (reason) => {
      recorder.workerRestarted(restartReasonOf[reason]);
      log.warn({ model, version, reason }, 'a worker process ended and is being replaced');
    },
    onBreaker: (open) => {
      recorder.setBreakerOpen(open);
      if (open) log.warn({ model, version }, 'the version fails too often and is rested');
      else log.info({ model, version }, 'the version answers again');
    },
  };
};
