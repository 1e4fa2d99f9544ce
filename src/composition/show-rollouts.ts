import type { RolloutControl } from '../control-plane/rollout-control.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';
import type { Metrics } from '../telemetry/metrics.ts';

interface ShowDeps {
  readonly registry: ModelRegistry;
  readonly control: RolloutControl;
  readonly metrics: Metrics;
}

/** Puts the phase of every rollout and the split that is in force into the metrics. To be called at a scrape: both change seldom, and from several places. */
export const showRollouts = ({ registry, control, metrics }: ShowDeps): void => {
  const phases = new Map(control.list().map(({ model, phase }) => [model, phase]));
  for (const { name, known, traffic } of registry.list()) {
    const { baseline, rollout } = traffic;
    const share = (rollout?.weightHundredths ?? 0) / 10_000;
    const weights = { ...(baseline === null ? {} : { [baseline]: 1 - share }), ...(rollout === null ? {} : { [rollout.candidate]: share }) };
    metrics.forModel({ model: name, features: known }).setRollout({ phase: phases.get(name) ?? null, weights });
  }
};
