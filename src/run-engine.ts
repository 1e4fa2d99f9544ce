import type { ControlContext } from './control-plane/change-rollout.ts';
import { createMeasure } from './control-plane/measure.ts';
import { createEngine } from './control-plane/tick.ts';
import type { Evidence } from './data-plane/observe/evidence.ts';
import type { ModelRegistry } from './data-plane/registry.ts';
import { keepingWithKeys, type RestoreKeys } from './restore-keys.ts';
import type { Log } from './telemetry/log.ts';

/** The engine at work: one tick a second until it is stopped. */
export interface RunningEngine {
  /** No tick begins any more; resolves when the last one is over. */
  readonly stop: () => Promise<void>;
}

export interface RunEngineDeps {
  readonly context: ControlContext;
  readonly evidence: Evidence;
  readonly restoreKeys: RestoreKeys;
  /** Names this life of the process. */
  readonly incarnation: string;
  readonly registry: ModelRegistry;
  readonly log: Log;
}

const tickEveryMs = 1_000;
/** For a model whose baseline is gone: no request can be waited for longer than a bundle may ask. */
const longestDeadlineMs = 600_000;

export const runEngine = ({ context, evidence, restoreKeys, incarnation, registry, log }: RunEngineDeps): RunningEngine => {
  const deadlineSecondsOf = (model: string): number =>
    Math.ceil((registry.get(model)?.baseline?.bundle.manifest.budgets.deadlineMs ?? longestDeadlineMs) / 1_000);
  const measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf, wallMs: context.clock.wallMs });
  const engine = createEngine({
    context,
    assess: measure.assess,
    evidence: keepingWithKeys(measure.evidence, restoreKeys),
    onFault: (model, error) => log.error({ model, err: error }, 'a rollout could not be looked at'),
  });
  let last: Promise<void> = Promise.resolve();
  const timer = setInterval(() => {
    last = engine.tick();
  }, tickEveryMs);
  return {
    stop: () => {
      clearInterval(timer);
      return last;
    },
  };
};
