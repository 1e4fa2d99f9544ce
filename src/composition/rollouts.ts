import { ulid } from 'ulid';
import { systemClock } from '../clock.ts';
import { type ControlContext, createControlContext } from '../control-plane/change-rollout.ts';
import { createRolloutControl, type RolloutControl } from '../control-plane/rollout-control.ts';
import { createComparison } from '../data-plane/comparison/comparison.ts';
import { comparisonProcessesBy } from '../data-plane/comparison/comparison-process.ts';
import { createComparisonHooks } from '../data-plane/comparison-hooks.ts';
import { createVerifyAgain } from '../data-plane/verify-again.ts';
import { createEventFeed } from '../http/event-feed.ts';
import type { Settings } from '../settings.ts';
import type { TrafficAssignment } from '../store/traffic-assignment.ts';
import { everySecond, type Repeating } from './every-second.ts';
import type { Ground } from './ground.ts';
import type { Kept } from './kept.ts';
import { pruneOutcomes } from './prune-outcomes.ts';
import { publishWithKeys } from './restore-keys.ts';
import { runEngine } from './run-engine.ts';
import { openSignals, showSignals } from './run-signals.ts';
import { runWebhook } from './run-webhook.ts';
import { showRollouts } from './show-rollouts.ts';

/** The rollouts, the stream that tells of their changes, and the comparison that follows them. */
export const createRollouts = (settings: Settings, ground: Ground, kept: Kept) => {
  const { registry, metrics, incarnation, trust, launcher } = ground;
  const { monotonicMs } = systemClock;
  const startProcess = comparisonProcessesBy(launcher);
  const comparison = createComparison({ ...ground, monotonicMs, startProcess, hooksFor: createComparisonHooks(ground) });
  let states: RolloutControl['list'] = () => [];
  const events = createEventFeed({ states: () => states(), incarnation, onClients: metrics.setEventClients });
  const assign = (assignment: TrafficAssignment): void => {
    registry.assign(assignment);
    comparison.follow(assignment.model);
    events.changed();
  };
  const publish = publishWithKeys({ ...ground, ...kept, publish: assign });
  const verifyAgain = createVerifyAgain({ registry, trust });
  const context = createControlContext({ store: kept.store, clock: systemClock, newId: () => ulid(), publish, verifyAgain });
  const control = createRolloutControl(context);
  states = control.list;
  return { control, events, comparison, standings: context.standings, begin: () => begin(settings, { ground, kept, context, events, control }) };
};

export type Rollouts = ReturnType<typeof createRollouts>;

interface Beginning {
  readonly ground: Ground;
  readonly kept: Kept;
  readonly context: ControlContext;
  readonly events: ReturnType<typeof createEventFeed>;
  readonly control: RolloutControl;
}

/** What goes on beside the requests: the engine with its signals, the webhook, the stream of events. */
const begin = async (settings: Settings, { ground, kept, context, events, control }: Beginning) => {
  const { metrics, log, random } = ground;
  const { store, restoreKeys } = kept;
  const watched = await openSignals({ ...ground, ...context });
  const background: readonly Repeating[] = [
    runEngine({ ...ground, ...watched, restoreKeys, context }),
    runWebhook({ ...ground, settings, outbox: store.outbox, clock: systemClock, random }),
    everySecond(async () => events.tick(), log),
    pruneOutcomes({ outcomes: store.outcomes, wallMs: systemClock.wallMs, log }),
  ];
  /** What is shown of rollouts and signals is looked up at each scrape. */
  const scrape = (): ReturnType<typeof metrics.text> => {
    showRollouts({ ...ground, control });
    showSignals(watched, metrics);
    return metrics.text();
  };
  const end = async (): Promise<void> => void (await Promise.all(background.map(({ stop }) => stop())));
  return { watched, scrape, end };
};

/** What goes on beside the requests, once it has begun. */
export type Ticking = Awaited<ReturnType<typeof begin>>;
