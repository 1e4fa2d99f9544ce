import type { ControlContext } from '../control-plane/change-rollout.ts';
import { createMeasure } from '../control-plane/measure.ts';
import type { Pager } from '../control-plane/signals/page-signals.ts';
import type { Signals } from '../control-plane/signals/watch-signals.ts';
import { createSteadyWall } from '../control-plane/steady-wall.ts';
import { createEngine } from '../control-plane/tick.ts';
import type { Evidence } from '../data-plane/observe/evidence.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';
import type { Log } from '../telemetry/log.ts';
import { everySecond, type Repeating } from './every-second.ts';
import { keepingWithKeys, type RestoreKeys } from './restore-keys.ts';

export interface RunEngineDeps {
  readonly context: ControlContext;
  readonly evidence: Evidence;
  readonly restoreKeys: RestoreKeys;
  /** Names this life of the process. */
  readonly incarnation: string;
  readonly registry: ModelRegistry;
  readonly signals: Signals;
  readonly pager: Pager;
  readonly log: Log;
}

/** For a model whose baseline is gone: no request can be waited for longer than a bundle may ask. */
const longestDeadlineMs = 600_000;

/** The engine at work: one tick a second until it is stopped. A model whose tick takes longer holds up no other, nor the pager. */
export const runEngine = ({ context, evidence, restoreKeys, incarnation, registry, signals, pager, log }: RunEngineDeps): Repeating => {
  const deadlineSecondsOf = (model: string): number =>
    Math.ceil((registry.get(model)?.baseline?.bundle.manifest.budgets.deadlineMs ?? longestDeadlineMs) / 1_000);
  const { wallMs } = context.clock;
  const maturityMs = createSteadyWall(context.clock);
  const measure = createMeasure({ counters: { ...evidence, incarnation }, deadlineSecondsOf, wallMs, maturityMs, outcomes: context.store.outcomes });
  const engine = createEngine({
    context,
    assess: async (model, record) => ({ ...(await measure.assess(model, record)), signal: signals.holding(record) }),
    evidence: keepingWithKeys(measure.evidence, restoreKeys),
    onFault: (model, error) => log.error({ model, err: error }, 'a rollout could not be looked at'),
  });
  let looking = Promise.resolve();
  const ticking = everySecond(async () => {
    signals.look();
    looking = engine.tick();
  }, log);
  const paging = everySecond(pager.tick, log);
  return {
    stop: async () => {
      await Promise.all([ticking.stop(), paging.stop()]);
      await looking;
    },
  };
};
