/** The composition root. What it puts together is made in `composition/`, part by part, in the order in which a start needs it. */
import { randomUUID } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import type { RequestListener } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { createBundles } from './composition/bundles.ts';
import { type Ground, openGround } from './composition/ground.ts';
import { type Kept, openKept } from './composition/kept.ts';
import type { RescanReport } from './composition/load-models.ts';
import type { OtherPorts } from './composition/ports.ts';
import { readinessOf } from './composition/readiness.ts';
import { createRequests } from './composition/requests.ts';
import { createRollouts } from './composition/rollouts.ts';
import type { Launcher } from './data-plane/processes/launcher.ts';
import { ProblemError } from './problem.ts';
import type { Settings } from './settings.ts';
import type { Log } from './telemetry/log.ts';

/** The gateway, put together but listening nowhere. */
export interface App {
  readonly log: Log;
  readonly data: RequestListener;
  /** The other ports, a moment later: the data port need not wait for them. */
  readonly others: Promise<OtherPorts>;
  /** The first look at the folders, begun already. Rejects when it is called off. */
  readonly loaded: Promise<RescanReport>;
  /** From now on not ready, so that no new traffic is sent here; what is still to be proven is called off. */
  readonly beginDrain: () => void;
  /** Ends the models, then the store. Nothing may be under way. */
  readonly close: () => Promise<void>;
}

/** Spans that are not sent within this time at the end are lost. */
const flushMs = 2_000;
/** After the opening of the store. Tabular models are there by then. */
const expressAfterMs = 1_000;

/** @throws SettingsError for a keys file that does not hold, DataDirectoryInUseError for a second gateway on the data directory */
export const createApp = async (settings: Settings, launcher: Launcher): Promise<App> => {
  const ground = await openGround(settings, launcher);
  const { log, metrics, registry, random } = ground;
  const opening = openKept(settings, ground);
  const controlled = opening.then((kept) => createRollouts(settings, ground, kept));
  const ending = new AbortController();
  // Each version listens while it is proven: as many as there are.
  setMaxListeners(0, ending.signal);
  const callOff = (): void => ending.abort(new ProblemError('overloaded', 'The gateway is draining.'));
  const bundles = createBundles(settings, ground, { kept: opening, rollouts: controlled, calledOff: ending.signal });
  // Worker processes come up, and the first of them load their graphs, while the store is opened and other bundles are read.
  const loaded = bundles.loading.rescan();
  // Whoever waits for them hears of a failure; until then it must not end the process.
  for (const begun of [controlled, loaded]) begun.catch(() => undefined);
  // They were for the start alone: an idle process is memory for nothing.
  void loaded.catch(() => undefined).then(launcher.dismissIdle);
  const kept = await opening;
  const rollouts = await controlled;
  const ticking = await rollouts.begin();
  const isDraining = (): boolean => ending.signal.aborted;
  const parts = { ground, kept, bundles, rollouts, newId: randomUUID, random };
  const data = createRequests(settings, {
    ...parts,
    isDraining,
    others: (request, response) => void others.then((ports) => ports.data(request, response)),
  });
  metrics.observePending(data.pending);
  const loadOthers = async (): Promise<OtherPorts> => {
    // Express takes as long to load as a model to prove: the models' answers come first, but not if they take long.
    await Promise.race([loaded.catch(() => undefined), pause(expressAfterMs)]);
    const { createOtherPorts } = await import('./composition/ports.ts');
    return createOtherPorts({ ...parts, ticking, readiness: () => readinessOf({ draining: isDraining(), ...bundles, registry }) });
  };
  const others = loadOthers();
  return {
    log,
    data: data.listener,
    others,
    loaded,
    beginDrain: () => {
      callOff();
      rollouts.comparison.drain();
      rollouts.events.end();
    },
    close: async () => {
      // Also of a start that fails: a version whose process ends with the gateway is not to be held unavailable for that.
      callOff();
      await loaded.catch(() => undefined);
      await rollouts.comparison.close();
      await ticking.end();
      await close(ground, kept.store);
    },
  };
};

const close = async ({ registry, tracing, launcher }: Ground, store: Kept['store']): Promise<void> => {
  await Promise.all(registry.list().flatMap((model) => [...model.versions.values()].map((serving) => serving.close())));
  await launcher.close();
  await tracing.shutdown(flushMs);
  await store.close();
};
