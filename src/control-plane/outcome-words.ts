import type { GuardAssessment } from './analysis/assess-guards.ts';
import type { Guard } from './analysis/guard-test.ts';
import { count } from './guard-sentence.ts';
import type { OutcomeGuard } from './outcome-evidence.ts';

const signed = (value: number, digits: number): string => `${value >= 0 ? '+' : ''}${Number(value.toPrecision(digits))}`;

/** What of a guard the sentence needs. */
type GuardedOutcome = Pick<Guard, 'margin' | 'rollback'>;

/** The margin in the direction that is harm: `-5 %` of a rate that must not fall. */
const marginWords = ({ margin, rollback }: GuardedOutcome): string => {
  const harm = rollback[0]?.hypothesis.harm ?? 1;
  if ('relative' in margin) return `${signed(harm * margin.relative * 100, 3)} %`;
  return `${signed(harm * margin.absolute * 100, 3)} points`;
};

const rateWords = (outcome: string, { candidate, baseline }: GuardAssessment): string =>
  `${count(candidate.events)} of ${count(candidate.n)} candidate requests had ${outcome} against ${count(baseline.events)} of ${count(baseline.n)} on the baseline`;

const meanWords = (outcome: string, { candidate, baseline }: GuardAssessment): string =>
  `${outcome} was ${plain(candidate.value)} on average over ${count(candidate.n)} candidate requests against ${plain(baseline.value)} over ${count(baseline.n)} on the baseline`;

const plain = (value: number | null): string => (value === null ? 'unknown' : String(Number(value.toPrecision(4))));

const effectWords = ({ outcome }: OutcomeGuard, effect: number): string => (outcome.kind === 'mean' ? signed(effect, 3) : `${signed(effect * 100, 2)} points`);

/** Both arms' outcomes and the margin, for the sentence of a rollback. */
export const outcomeSentence = (assessed: GuardAssessment, watched: OutcomeGuard, guard: GuardedOutcome): string => {
  const numbers = watched.outcome.kind === 'rate' ? rateWords(watched.outcome.name, assessed) : meanWords(watched.outcome.name, assessed);
  return `${numbers}, beyond the allowed ${marginWords(guard)} (difference ${effectWords(watched, assessed.effect ?? 0)})`;
};

/** Why an outcome guard has nothing to show yet: when its first outcomes mature; undefined once it has some. */
export const waitingWords = ({ baseline, candidate }: GuardAssessment, firstAtMs: number | null): string | undefined => {
  if (baseline.n + candidate.n > 0) return undefined;
  return firstAtMs === null
    ? 'no request yet that an outcome could be counted for'
    : `no outcome is mature yet, the first are counted at ${new Date(firstAtMs).toISOString()}`;
};
