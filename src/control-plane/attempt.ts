import type { EndedRollout } from '../store/rollout-store.ts';

interface Tried {
  readonly candidateDigest: string;
  readonly planDigest: string;
}

/** The number of the next try of a candidate: 1 for files that were never tried. */
export const attemptOf = (ended: readonly EndedRollout[], candidateDigest: string): number =>
  1 + Math.max(0, ...ended.filter((entry) => entry.candidateDigest === candidateDigest).map(({ attempt }) => attempt));

/** Why a rollout must not start by itself, in words; null when it may. A person may start it all the same. */
export const barToAutoStart = (ended: readonly EndedRollout[], { candidateDigest, planDigest }: Tried): string | null => {
  const same = ended.filter((entry) => entry.candidateDigest === candidateDigest);
  if (same.some(({ outcome }) => outcome === 'rolled-back')) return 'this candidate was rolled back before';
  return same.some((entry) => entry.planDigest === planDigest) ? 'this candidate has been through this plan before' : null;
};

/** What repeated tries cost, in words: each of them may roll back a candidate that is within its margins, with the probability that the plan allows. */
export const attemptWords = (attempt: number, falseRollback: number): string =>
  `attempt ${attempt}: a candidate within its margins is rolled back in one of ${attempt} attempts with a probability of at most ${Number(Math.min(100, attempt * falseRollback * 100).toPrecision(6))} %`;
