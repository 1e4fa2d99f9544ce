import type { ControlContext } from './control-plane/change-rollout.ts';
import { createMeasure } from './control-plane/measure.ts';
import { createEngine } from './control-plane/tick.ts';
import type { Evidence } from './data-plane/observe/evidence.ts';
import type { ModelRegistry } from './data-plane/registry.ts';
import type { OutcomeStore } from './store/outcome-store.ts';
import type { Log } from './telemetry/log.ts';

/** The engine at work: one tick a second until it is stopped. */
export interface RunningEngine {
  /** No tick begins any more; resolves when the last one is over. */
  readonly stop: () => Promise<void>;
}

export interface RunEngineDeps {
  readonly context: ControlContext;
  readonly evidence: Evidence;
  /** Names this life of the process. */
  readonly incarnation: string;
  readonly registry: ModelRegistry;
  readonly log: Log;
}

const tickEveryMs = 1_000;
const pruneEveryMs = 60_000;
/** Some tens of milliseconds of the store's thread: what else is asked of it comes in between. */
const rowsAtOnce = 5_000;
/** For a model whose baseline is gone: no request can be waited for longer than a bundle may ask. */
const longestDeadlineMs = 600_000;

/** Drops outcomes that nobody needs any more, a part at a time. */
const pruneOutcomes = async ({ prune }: OutcomeStore, wallMs: () => number, isStopped: () => boolean): Promise<void> => {
  while (!isStopped() && (await prune({ nowMs: wallMs(), limit: rowsAtOnce })));
};

export const runEngine = ({ context, evidence, incarnation, registry, log }: RunEngineDeps): RunningEngine => {
  const deadlineSecondsOf = (model: string): number =>
    Math.ceil((registry.get(model)?.baseline?.bundle.manifest.budgets.deadlineMs ?? longestDeadlineMs) / 1_000);
  const engine = createEngine({
    context,
    ...createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf, outcomes: { store: context.store.outcomes, wallMs: context.clock.wallMs } }),
    onFault: (model, error) => log.error({ model, err: error }, 'a rollout could not be looked at'),
  });
  let stopped = false;
  let last: Promise<void> = Promise.resolve();
  let pruning: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    last = engine.tick();
  }, tickEveryMs);
  const pruneTimer = setInterval(() => {
    pruning = pruneOutcomes(context.store.outcomes, context.clock.wallMs, () => stopped).catch((error: unknown) =>
      log.warn({ err: error }, 'old outcomes could not be dropped'),
    );
  }, pruneEveryMs);
  return {
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      clearInterval(pruneTimer);
      await Promise.all([last, pruning]);
    },
  };
};
