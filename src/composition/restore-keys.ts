import type { EvidenceKeeping } from '../control-plane/tick.ts';
import type { Evidence } from '../data-plane/observe/evidence.ts';
import type { RolloutStore } from '../store/rollout-store.ts';
import type { TrafficAssignment } from '../store/traffic-assignment.ts';
import type { Log } from '../telemetry/log.ts';

/** Gives the evidence the keys that earlier lives have seen of a rollout, once a life. Rejects when the store fails. */
export type RestoreKeys = (rollout: string) => Promise<void>;

export const createRestoreKeys = ({
  store,
  evidence,
  hashKey,
}: {
  readonly store: Pick<RolloutStore, 'loadFilters'>;
  readonly evidence: Pick<Evidence, 'restoreKeys'>;
  readonly hashKey: (routingKey: string) => string;
}): RestoreKeys => {
  // The hash of a text that is no key tells one secret from another, and nothing of either.
  const hashedBy = hashKey('\u0000secret');
  // A handful of rollouts a life.
  const restored = new Set<string>();
  return async (rollout) => {
    if (restored.has(rollout)) return;
    evidence.restoreKeys(rollout, await store.loadFilters({ rollout }), hashedBy);
    restored.add(rollout);
  };
};

interface PublishDeps {
  readonly restoreKeys: RestoreKeys;
  readonly evidence: Pick<Evidence, 'disownKeys'>;
  readonly log: Pick<Log, 'error'>;
  /** Puts an assignment in force at once. */
  readonly publish: (assignment: TrafficAssignment) => void;
}

/**
 * Publishing after the keys are there, so that no request counts a key twice. Only the first assignment of a rollout waits for the store;
 * while that fails keyed requests of the rollout are no evidence.
 */
export const publishWithKeys =
  ({ restoreKeys, evidence, log, publish }: PublishDeps) =>
  async (assignment: TrafficAssignment): Promise<void> => {
    const { model, rollout } = assignment;
    if (rollout !== null) {
      await restoreKeys(rollout.id).catch((error: unknown) => {
        log.error({ model, rollout: rollout.id, err: error }, 'the keys that a rollout has seen cannot be read');
        evidence.disownKeys(rollout.id);
      });
    }
    publish(assignment);
  };

/** The keeping of evidence whose keys come back with it. */
export const keepingWithKeys = (keeping: EvidenceKeeping, restoreKeys: RestoreKeys): EvidenceKeeping => ({
  ...keeping,
  restore: async (model, record, evidence) => {
    await restoreKeys(record.rollout);
    await keeping.restore(model, record, evidence);
  },
});
