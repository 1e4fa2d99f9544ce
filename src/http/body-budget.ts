import { ProblemError } from '../problem.ts';

/** Takes bytes of one request's body out of what all bodies may have together. @throws ProblemError overloaded */
export type HoldBytes = (bytes: number) => void;

/** What one request holds. */
export interface HeldBody {
  readonly hold: HoldBytes;
  /** Gives back all that it holds: its body is needed no more. */
  readonly release: () => void;
}

/** The memory that the bodies of requests under way may take together, whichever endpoint they are for. */
export interface BodyBudget {
  /** `onRefused` hears of each refusal. */
  readonly open: (onRefused: () => void) => HeldBody;
  /** Held now. */
  readonly bytes: () => number;
}

/** What has come is counted, not what a header declares: who declares much and sends little takes nothing from the others. */
export const createBodyBudget = (maxBytes: number): BodyBudget => {
  let total = 0;
  return {
    open: (onRefused) => {
      let held = 0;
      return {
        hold: (bytes) => {
          if (total + bytes > maxBytes) {
            onRefused();
            throw new ProblemError('overloaded', `The bodies of the requests under way have ${total} bytes, the limit is ${maxBytes}.`);
          }
          total += bytes;
          held += bytes;
        },
        release: () => {
          total -= held;
          held = 0;
        },
      };
    },
    bytes: () => total,
  };
};
