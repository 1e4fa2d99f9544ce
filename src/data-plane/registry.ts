import type { TrafficAssignment } from '../store/traffic-assignment.ts';
import type { ContractPair } from './contract/check-inputs.ts';
import type { ServingVersion } from './inference/serving-version.ts';

/** One model as the request path sees it: a snapshot, replaced as a whole with every change. */
export interface ServingModel {
  readonly name: string;
  readonly versions: ReadonlyMap<string, ServingVersion>;
  /** Fields that some version in the folder declares, whether it is served, refused or not loaded yet. */
  readonly known: ReadonlySet<string>;
  readonly traffic: TrafficAssignment;
  readonly baseline: ServingVersion | null;
  /** The candidate, while a rollout is on and it is loaded. */
  readonly candidate: ServingVersion | null;
  /** The contracts that an unpinned request is held against; null without a baseline. */
  readonly contracts: ContractPair | null;
}

/** The models that are served. Changes are in force for the next request. */
export interface ModelRegistry {
  readonly get: (model: string) => ServingModel | undefined;
  readonly list: () => readonly ServingModel[];
  readonly add: (version: ServingVersion) => void;
  /** Takes a version out, so that no new request finds it; the caller closes it. */
  readonly remove: (model: string, version: string) => ServingVersion | undefined;
  /** The fields of a version's contract as it was read last; none for a version that is gone. */
  readonly declare: (declared: { readonly model: string; readonly version: string; readonly fields: readonly string[] }) => void;
  /** Puts an assignment in force; older epochs than the one in force are ignored. */
  readonly assign: (traffic: TrafficAssignment) => void;
}

const unassigned = (model: string): TrafficAssignment => ({ model, epoch: 0, baseline: null, rollout: null });

type Parts = Pick<ServingModel, 'name' | 'versions' | 'known' | 'traffic'>;

const snapshot = ({ name, versions, known, traffic }: Parts): ServingModel => {
  const baseline = (traffic.baseline === null ? undefined : versions.get(traffic.baseline)) ?? null;
  const candidate = (traffic.rollout === null ? undefined : versions.get(traffic.rollout.candidate)) ?? null;
  return {
    name,
    versions,
    known,
    // An assignment may name what is not loaded (yet): it then sends nothing there.
    traffic: { ...traffic, baseline: baseline === null ? null : traffic.baseline, rollout: candidate === null ? null : traffic.rollout },
    baseline,
    candidate,
    contracts: baseline === null ? null : { baseline: baseline.contract, candidate: candidate?.contract ?? null, known },
  };
};

export const createModelRegistry = (): ModelRegistry => {
  const models = new Map<string, ServingModel>();
  /** As published, before what is not loaded is left out. */
  const published = new Map<string, TrafficAssignment>();
  const declared = new Map<string, Map<string, readonly string[]>>();

  const update = (name: string, versions: ReadonlyMap<string, ServingVersion>): void => {
    if (versions.size === 0) models.delete(name);
    else {
      const served = [...versions.values()].flatMap((version) => [...version.contract.names]);
      const known = new Set([...served, ...[...(declared.get(name)?.values() ?? [])].flat()]);
      models.set(name, snapshot({ name, versions, known, traffic: published.get(name) ?? unassigned(name) }));
    }
  };

  return {
    get: (model) => models.get(model),
    list: () => [...models.values()],
    add: (version) => {
      const { model } = version.bundle;
      update(model, new Map(models.get(model)?.versions).set(version.bundle.version, version));
    },
    remove: (model, version) => {
      const versions = new Map(models.get(model)?.versions);
      const removed = versions.get(version);
      versions.delete(version);
      if (removed !== undefined) update(model, versions);
      return removed;
    },
    declare: ({ model, version, fields }) => {
      declared.set(model, new Map(declared.get(model)).set(version, fields));
      const versions = models.get(model)?.versions;
      if (versions !== undefined) update(model, versions);
    },
    assign: (traffic) => {
      if ((published.get(traffic.model)?.epoch ?? -1) > traffic.epoch) return;
      published.set(traffic.model, traffic);
      const versions = models.get(traffic.model)?.versions;
      if (versions !== undefined) update(traffic.model, versions);
    },
  };
};
