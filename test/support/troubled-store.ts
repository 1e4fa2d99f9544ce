import type { RolloutStore } from '../../src/store/rollout-store.ts';

type Call = 'save' | 'saveProgress' | 'loadProgress' | 'ended';

/** A real store some of whose calls can be made to hang or to fail. */
export interface TroubledStore {
  readonly store: RolloutStore;
  /** From now on these calls are not answered. The function that it returns sends those that wait, and all later ones, to the store; or makes them fail. */
  readonly hang: (...calls: readonly Call[]) => (failure?: Error) => void;
  /** How many calls were made to wait so far. */
  readonly waited: () => number;
  /** From now on these calls fail. The function that it returns ends that. */
  readonly fail: (...calls: readonly Call[]) => () => void;
}

const full = new Error('the store failed: database or disk is full');

export const createTroubledStore = (real: RolloutStore): TroubledStore => {
  const before = new Map<Call, () => Promise<void>>();
  let waited = 0;
  const troubled = (name: Call) => {
    const call = real[name] as (...args: unknown[]) => Promise<unknown>;
    return async (...args: unknown[]): Promise<unknown> => {
      await before.get(name)?.();
      return call(...args);
    };
  };
  const names: readonly Call[] = ['save', 'saveProgress', 'loadProgress', 'ended'];
  const end = (calls: readonly Call[]): void => {
    for (const name of calls) before.delete(name);
  };
  return {
    store: { ...real, ...Object.fromEntries(names.map((name) => [name, troubled(name)])) },
    hang: (...calls) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      promise.catch(() => undefined);
      for (const name of calls) {
        before.set(name, () => {
          waited += 1;
          return promise;
        });
      }
      return (failure) => {
        end(calls);
        if (failure === undefined) resolve();
        else reject(failure);
      };
    },
    waited: () => waited,
    fail: (...calls) => {
      for (const name of calls) before.set(name, () => Promise.reject(full));
      return () => end(calls);
    },
  };
};
