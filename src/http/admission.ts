import { ProblemError } from '../problem.ts';
import type { BodyBudget, HoldBytes } from './body-budget.ts';

/** The place of one request among those under way. */
export interface Place {
  /** @throws ProblemError overloaded when too many others are under way */
  readonly admit: () => void;
  readonly hold: HoldBytes;
  /** Frees the place and what its body held. */
  readonly leave: () => void;
}

/** How many requests of a kind are under way, and what their bodies take. */
export interface Admission {
  readonly enter: () => Place;
  readonly pending: () => number;
}

interface AdmissionLimits {
  readonly maxPendingRequests: number;
  readonly bodies: BodyBudget;
  /** What is counted, for the refusal. */
  readonly what: string;
  /** Hears of each refusal. */
  readonly onRefused: () => void;
}

export const createAdmission = ({ maxPendingRequests, bodies, what, onRefused }: AdmissionLimits): Admission => {
  let pending = 0;

  const admit = (): void => {
    if (pending <= maxPendingRequests) return;
    onRefused();
    throw new ProblemError('overloaded', `${maxPendingRequests} ${what} are under way already.`);
  };

  return {
    enter: () => {
      const { hold, release } = bodies.open(onRefused);
      pending += 1;
      return {
        admit,
        hold,
        leave: () => {
          release();
          pending -= 1;
        },
      };
    },
    pending: () => pending,
  };
};
