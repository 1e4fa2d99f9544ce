import { systemClock } from '../clock.ts';
import type { RolloutControl } from '../control-plane/rollout-control.ts';
import { createBundleLibrary } from '../data-plane/bundle-library.ts';
import { openVersion } from '../data-plane/inference/open-version.ts';
import { onAbort } from '../data-plane/processes/on-abort.ts';
import { createVersionHooks } from '../data-plane/version-hooks.ts';
import type { Settings } from '../settings.ts';
import type { Ground } from './ground.ts';
import type { Kept } from './kept.ts';
import { createModelLoading } from './load-models.ts';
import { createServedRecorder } from './served-bundles.ts';

/** What bundles need that is there a moment later: they are proven meanwhile. */
interface Coming {
  readonly kept: Promise<Kept>;
  readonly rollouts: Promise<{ readonly control: RolloutControl }>;
  /** Ends what is still to be proven. */
  readonly calledOff: AbortSignal;
}

/** The result of a work, unless it is called off first: then it goes on for nobody. */
const unlessCalledOff = async <Result>(signal: AbortSignal, begin: () => Promise<Result>): Promise<Result> => {
  signal.throwIfAborted();
  const { promise: calledOff, reject } = Promise.withResolvers<never>();
  const isOver = onAbort(signal, () => reject(signal.reason));
  return Promise.race([begin(), calledOff]).finally(isOver);
};

/** The bundles, and what brings them and the rollouts in line with the folders. */
export const createBundles = (settings: Settings, { launcher, log, metrics, tracing, registry, trust }: Ground, { kept, rollouts, calledOff }: Coming) => {
  const control = rollouts.then((parts) => parts.control);
  // Whoever waits for it hears of a failure; until then it must not end the process.
  control.catch(() => undefined);
  const library = createBundleLibrary({
    modelsDir: settings.modelsDir,
    goldenDir: settings.goldenDir,
    registry,
    trust,
    onServe: createServedRecorder({ servedBundles: kept.then(({ store }) => store.servedBundles), clock: systemClock, log }),
    open: (bundle) => {
      const hooks = createVersionHooks(bundle, { metrics, tracing, log });
      return unlessCalledOff(calledOff, () => openVersion(bundle, { launcher, monotonicMs: systemClock.monotonicMs, hooks, signal: calledOff }));
    },
  });
  const loading = createModelLoading({ library, registry, control, rolloutDir: settings.rolloutDir, metrics, log, calledOff });
  /** Whether a model that a folder or a plan names, or one of its versions, may serve soon. */
  const isExpected = (model: string, version: string | null): boolean => (version === null ? loading.expected().has(model) : loading.isComing(model, version));
  return { library, loading, isExpected };
};

export type Bundles = ReturnType<typeof createBundles>;
