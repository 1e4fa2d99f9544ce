import CircuitBreaker from 'opossum';
import { InferenceFailure } from './inference-failure.ts';

/** Rests a version that keeps failing, so that its requests fail (and are rescued) at once instead of one by one. */
export interface Breaker {
  /** Runs the action unless the breaker is open. @throws InferenceFailure circuit-open, or what the action throws */
  readonly fire: <T>(action: () => Promise<T>) => Promise<T>;
  readonly isOpen: () => boolean;
  readonly close: () => void;
}

/** Ten batches in ten seconds, more than half of them failed, open the breaker: fewer would let one poisoned request rest a version. */
const volumeThreshold = 10;
const errorThresholdPercentage = 50;
const rollingCountTimeoutMs = 10_000;
/** After this rest one batch is let through as a trial. */
const restMs = 5_000;

const rested = (): InferenceFailure => new InferenceFailure('circuit-open', 'the version failed too often and is rested');

const isCallersFault = (error: unknown): boolean => error instanceof InferenceFailure && (error.reason === 'invalid-input' || error.isHurried);

/** One breaker a version, fired once a batch. Deadlines are the batcher's and the worker's, so opossum's own timeout is off. */
export const createBreaker = (onChange: (open: boolean) => void): Breaker => {
  const circuit = new CircuitBreaker((action: () => Promise<unknown>) => action(), {
    timeout: false,
    volumeThreshold,
    errorThresholdPercentage,
    rollingCountTimeout: rollingCountTimeoutMs,
    resetTimeout: restMs,
    errorFilter: isCallersFault,
  });
  circuit.on('open', () => onChange(true));
  circuit.on('close', () => onChange(false));
  return {
    fire: async <T>(action: () => Promise<T>): Promise<T> => {
      if (circuit.opened) throw rested();
      try {
        return (await circuit.fire(action)) as T;
      } catch (error) {
        // While the trial is under way, opossum turns others away with an error of its own.
        throw error instanceof Error && CircuitBreaker.isOurError(error) ? rested() : error;
      }
    },
    isOpen: () => circuit.opened,
    close: () => circuit.shutdown(),
  };
};
