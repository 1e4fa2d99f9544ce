import { systemClock } from '../clock.ts';
import type { RolloutControl } from '../control-plane/rollout-control.ts';
import { createBundleLibrary } from '../data-plane/bundle-library.ts';
import { openVersion } from '../data-plane/inference/open-version.ts';
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
}

/** The bundles, and what brings them and the rollouts in line with the folders. */
export const createBundles = (settings: Settings, { launcher, log, metrics, tracing, registry, trust }: Ground, { kept, rollouts }: Coming) => {
  const control = rollouts.then((parts) => parts.control);
  // Whoever waits for it hears of a failure; until then it must not end the process.
  control.catch(() => undefined);
  const library = createBundleLibrary({
    modelsDir: settings.modelsDir,
    goldenDir: settings.goldenDir,
    registry,
    trust,
    onServe: createServedRecorder({ servedBundles: kept.then(({ store }) => store.servedBundles), clock: systemClock, log }),
    open: (bundle) => openVersion(bundle, { launcher, monotonicMs: systemClock.monotonicMs, hooks: createVersionHooks(bundle, { metrics, tracing, log }) }),
  });
  const loading = createModelLoading({ library, registry, control, rolloutDir: settings.rolloutDir, metrics, log });
  /** Whether a model that a folder or a plan names, or one of its versions, may serve soon. */
  const isExpected = (model: string, version: string | null): boolean => (version === null ? loading.expected().has(model) : loading.isComing(model, version));
  return { library, loading, isExpected };
};

export type Bundles = ReturnType<typeof createBundles>;
