import { LateError, within } from '../within.ts';
import type { RolloutStore } from './rollout-store.ts';

/** An answer of a local database takes milliseconds; after this it is one that hangs. */
const patienceMs = 2_000;

const hangs = 'the store does not answer';

/** While an answer is overdue the next call fails at once: whoever asks every second must not wait, nor pile calls up. */
const patient = <Args extends readonly unknown[], Answer>(call: (...args: Args) => Promise<Answer>, limitMs: number): ((...args: Args) => Promise<Answer>) => {
  let overdue = 0;
  const settled = (): void => {
    overdue -= 1;
  };
  return async (...args) => {
    if (overdue > 0) throw new LateError(hangs);
    const answer = call(...args);
    try {
      return await within(answer, limitMs, hangs);
    } catch (error) {
      if (error instanceof LateError) {
        overdue += 1;
        answer.then(settled, settled);
      }
      throw error;
    }
  };
};

/**
 * A store whose calls of every second fail when they hang: the engine can watch the traffic without the store, and must not be held
 * up by it. They may be asked again, so that one which was given up and was done after all does no harm. Every other call waits.
 */
export const createPatientStore = (store: RolloutStore, limitMs: number = patienceMs): RolloutStore => ({
  ...store,
  saveProgress: patient(store.saveProgress, limitMs),
  loadProgress: patient(store.loadProgress, limitMs),
  outcomes: { ...store.outcomes, counts: patient(store.outcomes.counts, limitMs) },
});
