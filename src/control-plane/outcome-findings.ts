import type { GuardAssessment } from './analysis/assess-guards.ts';
import type { CountedGuard } from './open-block.ts';
import { firstMatureAtMs, labelAlarmOf, lastMatureAtMs, outcomeGuardsOf } from './outcome-evidence.ts';
import { waitingWords } from './outcome-words.ts';
import { type KeptEvidence, waitingUnitsOf } from './rollout-evidence.ts';

/** What outcomes add to an assessment. */
export interface OutcomeFindings {
  /** Words for their guards, by name. */
  readonly notes: Readonly<Record<string, { readonly note: string }>>;
  /** Why their labels are not trusted; null while they are. */
  readonly labelAlarm: string | null;
  /** When the last of the units that are there matures, milliseconds since the epoch; null without any. */
  readonly dueAtMs: number | null;
}

/** Words for the outcome guards, the alarm of their labels, and how long outcomes are waited for. */
export const outcomeFindings = (
  { kept, guards }: { readonly kept: KeptEvidence; readonly guards: readonly CountedGuard[] },
  assessed: readonly GuardAssessment[],
): OutcomeFindings => {
  const watched = outcomeGuardsOf(guards);
  const waiting = waitingUnitsOf(kept);
  const alarms = watched.map((guard) => labelAlarmOf(kept.outcomes, guard));
  const notes = watched.flatMap((guard, index) => {
    const counted = assessed.find(({ name }) => name === guard.guard);
    const note = alarms[index] ?? (counted === undefined ? undefined : waitingWords(counted, firstMatureAtMs(waiting, guard)));
    return note === undefined ? [] : [[guard.guard, { note }] as const];
  });
  return { notes: Object.fromEntries(notes), labelAlarm: alarms.find((alarm) => alarm !== null) ?? null, dueAtMs: lastMatureAtMs(waiting, watched) };
};
