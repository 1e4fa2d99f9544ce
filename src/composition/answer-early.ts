import type { BundlePlace } from '../bundle/read-bundle.ts';
import type { RolloutControl } from '../control-plane/rollout-control.ts';
import { type PlanFile, plannedBaseline } from '../control-plane/settle-plan.ts';
import type { BundleLibrary } from '../data-plane/bundle-library.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';

/** One look at the folders: each bundle is read once and taken once, whoever asks for it first. */
export type Look = Pick<BundleLibrary, 'look' | 'take'>;

interface AnswerEarlyDeps {
  readonly registry: Pick<ModelRegistry, 'get'>;
  readonly control: Promise<Pick<RolloutControl, 'answerEarly'>>;
}

/** One model's folders and plans. */
interface ModelFolders {
  readonly model: string;
  readonly places: readonly BundlePlace[];
  readonly plans: readonly PlanFile[];
}

/** Lets a model that does not answer yet do so as soon as its baseline is proven: it need not wait for a candidate that gets no traffic. */
export const answerEarly = async ({ model, places, plans }: ModelFolders, { look, take }: Look, { registry, control }: AnswerEarlyDeps): Promise<void> => {
  if (registry.get(model)?.baseline != null) return;
  const baseline = plannedBaseline(plans);
  const named = places.filter(({ version }) => version === baseline);
  const others = places.filter(({ version }) => version !== baseline);
  const first = Promise.all(named.map((place) => look(place)));
  // Every bundle is taken in the end: this one's process loads its graph while the others are read, and while the store is opened.
  for (const place of named) take(place).catch(() => undefined);
  const looked = first.then(() => Promise.all(others.map((place) => look(place))));
  const prove = async (version: string): Promise<boolean> => {
    // From the first answer on a request may carry the fields of any version.
    await looked;
    const reports = await Promise.all(places.filter((place) => place.version === version).map((place) => take(place)));
    return reports.some(({ faults }) => faults.length === 0);
  };
  await (await control).answerEarly({ model, plans, prove });
};
