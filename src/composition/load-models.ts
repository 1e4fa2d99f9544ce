import { stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { type Fault, faultText } from '../bundle/fault.ts';
import type { BundlePlace, BundleReading } from '../bundle/read-bundle.ts';
import { type PlanReading, readPlans } from '../control-plane/read-plans.ts';
import type { RolloutControl } from '../control-plane/rollout-control.ts';
import type { BundleLibrary, BundleReport } from '../data-plane/bundle-library.ts';
import type { ModelRegistry } from '../data-plane/registry.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { answerEarly, type Look } from './answer-early.ts';

/** What a look at the folders found: what serves or begins, and what does not hold and why. */
export interface RescanReport {
  readonly accepted: readonly string[];
  readonly refused: readonly Fault[];
}

/** Brings the gateway in line with the bundles and plans on disk, at start and whenever asked. */
export interface ModelLoading {
  /** Calls run one after the other. Rejects with the reason of the signal once it is called off. */
  readonly rescan: () => Promise<RescanReport>;
  /** The models that some folder or plan names. */
  readonly expected: () => ReadonlySet<string>;
  /** Those of them that must have a serving baseline for the gateway to be ready: all that it began with, and of later ones those that served. */
  readonly required: () => ReadonlySet<string>;
  /** Whether a version was found that is still to be proven. */
  readonly isComing: (model: string, version: string) => boolean;
  /** Whether the first look is over. */
  readonly isComplete: () => boolean;
}

export interface ModelLoadingDeps {
  readonly library: BundleLibrary;
  readonly registry: ModelRegistry;
  /** There as soon as the store is open; bundles are proven meanwhile. */
  readonly control: Promise<RolloutControl>;
  readonly rolloutDir: string;
  readonly metrics: Metrics;
  readonly log: Log;
  /** Calls every look off: what was not proven by then says nothing about a version, so nothing is settled any more. */
  readonly calledOff: AbortSignal;
}

export const createModelLoading = (deps: ModelLoadingDeps): ModelLoading => {
  const { library, registry } = deps;
  let expected: ReadonlySet<string> = new Set();
  let required: ReadonlySet<string> = new Set();
  const coming = new Set<string>();
  let complete = false;
  let last: Promise<unknown> = Promise.resolve();

  const rescan = async (): Promise<RescanReport> => {
    deps.calledOff.throwIfAborted();
    const places = await library.places();
    const reading = await readPlans(deps.rolloutDir);
    const { plans, faults } = reading;
    expected = new Set([...places.map((place) => place.model), ...plans.map(({ plan }) => plan.model)]);
    if (!complete) required = expected;
    const already = served(registry);
    const look = lookOnce(library, { places, coming });
    const models = await bySize(places);
    const placesOf = (model: string) => places.filter((place) => place.model === model);
    const plansOf = (model: string) => plans.filter(({ plan }) => plan.model === model);
    await eachOf(models, (model) => answerEarly({ model, places: placesOf(model), plans: plansOf(model) }, look, deps));
    const begun: Settled['accepted'][number][] = [];
    await eachOf(models, async (model) => {
      await Promise.all(placesOf(model).map((place) => look.take(place)));
      begun.push(...(await settle(deps, [model], reading)).accepted);
    });
    const reports = await Promise.all(places.map((place) => look.take(place)));
    const gone = await releaseGone(deps, places);
    const settled = await settle(deps, [...expected, ...gone], reading);
    required = new Set([...expected].filter((model) => required.has(model) || registry.get(model)?.baseline != null));
    complete = true;
    return reported(deps, { reports, already, settled: { ...settled, accepted: [...begun, ...settled.accepted] }, planFaults: faults });
  };

  return {
    rescan: () => {
      const next = last.then(rescan);
      last = next.catch(() => undefined);
      return next;
    },
    expected: () => expected,
    required: () => required,
    isComing: (model, version) => coming.has(keyOf({ model, version })),
    isComplete: () => complete,
  };
};

const keyOf = ({ model, version }: Pick<BundlePlace, 'model' | 'version'>): string => `${model} ${version}`;

/** A bundle is coming until it was taken, whatever became of it. What was read of it is kept until then. */
const lookOnce = (library: BundleLibrary, { places, coming }: { readonly places: readonly BundlePlace[]; readonly coming: Set<string> }): Look => {
  coming.clear();
  for (const place of places) coming.add(keyOf(place));
  const looks = new Map<string, Promise<BundleReading>>();
  const look = once(looks, library.look);
  const take = once(new Map<string, Promise<BundleReport>>(), (place) => {
    const looked = look(place);
    looks.delete(keyOf(place));
    return library.take(place, looked).finally(() => coming.delete(keyOf(place)));
  });
  return { look, take };
};

const once =
  <T>(done: Map<string, Promise<T>>, action: (place: BundlePlace) => Promise<T>) =>
  (place: BundlePlace): Promise<T> => {
    const result = done.get(keyOf(place)) ?? action(place);
    done.set(keyOf(place), result);
    return result;
  };

/** Models that are loaded at once: each brings a process a version, and more than the cores can run only delays the first answer. */
const modelsAtOnce = 2;

/** A large model waits until the smaller ones before it answer: it would take the cores from them. */
const eachOf = async (models: readonly string[], load: (model: string) => Promise<void>): Promise<void> => {
  for (let first = 0; first < models.length; first += modelsAtOnce) await Promise.all(models.slice(first, first + modelsAtOnce).map(load));
};

const served = (registry: ModelRegistry): ReadonlySet<string> =>
  new Set(registry.list().flatMap(({ name: model, versions }) => [...versions.keys()].map((version) => keyOf({ model, version }))));

const bySize = async (places: readonly BundlePlace[]): Promise<readonly string[]> => {
  const sizes = new Map<string, number>();
  for (const { model, folder } of places) {
    const { size } = await stat(join(folder, 'model.onnx')).catch(() => ({ size: 0 }));
    sizes.set(model, (sizes.get(model) ?? 0) + size);
  }
  return [...sizes.keys()].sort((left, right) => (sizes.get(left) ?? 0) - (sizes.get(right) ?? 0));
};

/** Settles baselines and rollouts for these models, then puts each version where its role wants it. */
const settle = async (deps: ModelLoadingDeps, models: readonly string[], { plans, broken: brokenPlans }: PlanReading) => {
  const { registry } = deps;
  const control = await deps.control;
  deps.calledOff.throwIfAborted();
  const versions = registry.list().flatMap((model) =>
    [...model.versions.values()].map(({ bundle }) => {
      const { model: name, version, digest, acceptance } = bundle;
      return { model: name, version, digest, acceptance, comparable: bundle };
    }),
  );
  const settled = await control.reconcile({ versions, plans, brokenPlans, models: new Set(models) });
  for (const model of models) await placeVersions(registry, model);
  return settled;
};

const placeVersions = async (registry: ModelRegistry, name: string): Promise<void> => {
  const model = registry.get(name);
  for (const version of model?.versions.values() ?? []) await version.place(version === model?.baseline ? 'baseline' : 'other');
};

/** A version whose folder is gone and that no assignment needs is drained and released. */
const releaseGone = async ({ library, registry, metrics, log, calledOff }: ModelLoadingDeps, places: readonly BundlePlace[]): Promise<readonly string[]> => {
  calledOff.throwIfAborted();
  const there = new Set(places.map(keyOf));
  const released: string[] = [];
  for (const { name, versions, baseline, candidate } of registry.list()) {
    for (const [version, serving] of versions) {
      if (there.has(keyOf({ model: name, version })) || serving === baseline || serving === candidate) continue;
      await library.release(name, version);
      metrics.release({ model: name, version });
      log.info({ model: name, version }, 'a version is gone from the folder and was released');
      released.push(name);
    }
  }
  return released;
};

type Settled = Awaited<ReturnType<RolloutControl['reconcile']>>;

interface Outcome {
  readonly reports: readonly BundleReport[];
  readonly already: ReadonlySet<string>;
  readonly settled: Settled;
  readonly planFaults: readonly Fault[];
}

const announce = ({ log, metrics, registry }: ModelLoadingDeps, { model, version, digest, trust }: BundleReport): void => {
  const contractVersion = registry.get(model)?.versions.get(version)?.bundle.contract.version ?? '';
  metrics.setModelInfo({ model, version, digest: digest ?? '', contractVersion });
  const signedBy = trust?.status === 'trusted' ? { signedBy: trust.key, keyHint: trust.hint } : {};
  log.info({ model, version, digest, ...signedBy }, 'a version holds and can serve');
  const doubts = trust?.status === 'untrusted' ? trust.faults : [];
  for (const fault of doubts) log.warn({ model, version }, `serves although nobody vouches for it: ${faultText(fault)}`);
};

const reported = (deps: ModelLoadingDeps, { reports, already, settled, planFaults }: Outcome): RescanReport => {
  const fresh = reports.filter((report) => report.faults.length === 0 && !already.has(keyOf(report)));
  for (const report of fresh) announce(deps, report);
  const ofBundles = reports.flatMap(({ model, version, faults }) => faults.map((fault) => ({ ...fault, file: `${model}/${version}/${fault.file}` })));
  const refused = [...ofBundles, ...planFaults, ...settled.refused];
  for (const fault of refused) deps.log.warn({ ...fault, file: fault.file, folder: basename(fault.file) }, `refused: ${faultText(fault)}`);
  return { accepted: [...fresh.map(({ model, version }) => `${model} ${version}`), ...settled.accepted.map(({ file }) => file)], refused };
};
